import { pow } from "../core/math.js";
import type { Stream } from "../core/random.js";
import { effectiveNumber } from "../core/statistics.js";
import { pick } from "./samplers.js";

/** A unit vector; its products are cosines. */
export type Vector = Float64Array;

/** x / |x|; the zero vector stays. */
export function unit(values: ArrayLike<number>): Vector {
  const vector = Float64Array.from(values);
  const norm = Math.sqrt(cosine(vector, vector));
  return norm === 0 ? vector : vector.map((value) => value / norm);
}

/** Product of two unit vectors. */
export function cosine(a: Vector, b: Vector): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

/**
 * Spherical k-means: vectors to the centre of largest cosine, centres to the mean direction, at most 50 rounds.
 * Starts with k-means++ draws on 1 - cosine. Returns the cluster of each vector; empty clusters are dropped.
 * Source: Dhillon & Modha 2001; Arthur & Vassilvitskii 2007.
 */
export function clusters(vectors: readonly Vector[], count: number, draw: Stream): number[] {
  const centres: Vector[] = [vectors[draw.integer(vectors.length)]!];
  while (centres.length < Math.min(count, vectors.length)) {
    const distance = vectors.map((vector) =>
      Math.max(0, 1 - Math.max(...centres.map((centre) => cosine(vector, centre)))),
    );
    const total = distance.reduce((a, b) => a + b, 0);
    if (total <= 1e-12) break;
    const shareOf = distance.map((value) => value / total);
    centres.push(vectors[pick(shareOf, draw.uniform())]!);
  }
  let assigned: number[] = [];
  for (let round = 0; round < 50; round++) {
    const next = vectors.map((vector) => nearest(vector, centres));
    if (`${next}` === `${assigned}`) break;
    assigned = next;
    centres.forEach((_, cluster) => {
      const members = vectors.filter((_, index) => assigned[index] === cluster);
      if (members.length > 0)
        centres[cluster] = unit(members[0]!.map((_, axis) => members.reduce((a, b) => a + b[axis]!, 0)));
    });
  }
  const used = [...new Set(assigned)].sort((a, b) => a - b);
  return assigned.map((cluster) => used.indexOf(cluster));
}

function nearest(vector: Vector, centres: readonly Vector[]): number {
  let best = 0;
  centres.forEach((centre, index) => {
    if (cosine(vector, centre) > cosine(vector, centres[best]!)) best = index;
  });
  return best;
}

/** Cosine above which two items are near-duplicates. Liu et al. 2024 (DEITA), section 3.3. */
const NEAR_DUPLICATE = 0.9;

/**
 * Order of items in which each is as far as possible from those before it; near-duplicates of an earlier item
 * (cosine above 0.9) come last. Starts from a drawn item.
 */
export function farthestFirst(vectors: readonly Vector[], draw: Stream): number[] {
  const left = new Set(vectors.keys());
  const order: number[] = [];
  const late: number[] = [];
  const closest = new Array<number>(vectors.length).fill(-Infinity);
  let current: number | undefined = draw.integer(vectors.length);
  while (current !== undefined) {
    left.delete(current);
    (closest[current]! > NEAR_DUPLICATE ? late : order).push(current);
    const added = vectors[current]!;
    current = undefined;
    for (const index of left) {
      closest[index] = Math.max(closest[index]!, cosine(vectors[index]!, added));
      if (current === undefined || closest[index]! < closest[current]!) current = index;
    }
  }
  return [...order, ...late];
}

/** Picks the next item of one discipline. */
export interface Walk {
  next(): number;
}

/** Items in shuffled rounds: every item once before any comes again. */
export function shuffledWalk(count: number, draw: Stream): Walk {
  let round: number[] = [];
  return {
    next: () => {
      if (round.length === 0) round = draw.shuffle([...Array(count).keys()]);
      return round.pop()!;
    },
  };
}

/** How much small topics are raised: quotas are size^(1/2), normalised. */
const TOPIC_TEMPERATURE = 2;

/**
 * Diversity-aware order: items are clustered into topics (k = ceil(sqrt(n / 2))); a topic's quota is size^(1/tau),
 * tau = 2; topics take turns by quota (the one that lags most is next); inside a topic the order is farthest-first,
 * repeated. Beside the wordings, which take turns per item, this is the whole of diversity-aware upsampling here.
 * Proposed by this project after Liu et al. 2024 (DEITA) and Chung et al. 2023 (UniMax).
 */
export function diverseWalk(vectors: readonly Vector[], draw: Stream): Walk {
  const topic = clusters(vectors, Math.ceil(Math.sqrt(vectors.length / 2)), draw);
  const topics = [...new Set(topic)]
    .sort((a, b) => a - b)
    .map((cluster) => {
      const members = [...vectors.keys()].filter((index) => topic[index] === cluster);
      const order = farthestFirst(
        members.map((index) => vectors[index]!),
        draw,
      );
      return {
        order: order.map((place) => members[place]!),
        quota: pow(members.length, 1 / TOPIC_TEMPERATURE),
        used: 0,
      };
    });
  return {
    next: () => {
      const lagging = topics.reduce((a, b) => ((b.used + 1) / b.quota < (a.used + 1) / a.quota ? b : a));
      return lagging.order[lagging.used++ % lagging.order.length]!;
    },
  };
}

/**
 * Vendi score of weighted items: exp of the Shannon entropy of the eigenvalues of sum_i w_i x_i x_i^T, with unit x_i and
 * weights that are normalised to sum 1; the effective number of distinct items, in [1, n].
 * The d x d matrix has the non-zero eigenvalues of the n x n kernel. Source: Friedman & Dieng 2023, eq. 2.
 */
export function vendiScore(vectors: readonly Vector[], weights: readonly number[]): number {
  const width = vectors[0]!.length;
  const total = weights.reduce((a, b) => a + b, 0);
  const moment = Array.from({ length: width }, () => new Array<number>(width).fill(0));
  vectors.forEach((vector, item) => {
    const weight = weights[item]! / total;
    for (let i = 0; i < width; i++) {
      for (let j = 0; j <= i; j++) moment[i]![j]! += weight * vector[i]! * vector[j]!;
    }
  });
  for (let i = 0; i < width; i++) for (let j = i + 1; j < width; j++) moment[i]![j] = moment[j]![i]!;
  return effectiveNumber(moment);
}
