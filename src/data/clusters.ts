import { LawbookError, mismatch } from "../core/errors.js";
import type { Stream } from "../core/random.js";

/** A partition of points into k clusters. */
export interface Clusters {
  /** Mean of each cluster. */
  readonly centers: readonly (readonly number[])[];
  /** Cluster of each point. */
  readonly assignment: readonly number[];
  /** Sum of squared distances of the points to their centers. */
  readonly inertia: number;
  /** Rounds until nothing moved. */
  readonly iterations: number;
}

type Point = ArrayLike<number>;

const MOST_ITERATIONS = 300;

/**
 * K-means from given centers: points go to the nearest center (the first of equal ones), centers to the mean of their
 * points, until no point moves; a center without points stays. Source: Lloyd 1982.
 */
export function kMeans(points: readonly Point[], initial: readonly Point[]): Clusters {
  let centers = initial.map((center) => Array.from(center));
  let assignment: number[] = [];
  for (let iterations = 1; ; iterations++) {
    const next = points.map((point) => nearestCenter(point, centers));
    const settled = next.every((cluster, index) => cluster === assignment[index]);
    assignment = next;
    if (settled || iterations === MOST_ITERATIONS) {
      const inertia = points.reduce(
        (total, point, index) => total + distance(point, centers[next[index]!]!),
        0,
      );
      return { centers, assignment, inertia, iterations };
    }
    centers = centers.map((center, cluster) => meanOf(points, assignment, cluster) ?? center);
  }
}

/**
 * Spread starting centers: the first at random, each next with probability proportional to its squared distance from
 * those before it. Source: Arthur & Vassilvitskii 2007 (k-means++).
 */
export function spreadCenters(points: readonly Point[], count: number, draw: Stream): Point[] {
  if (count < 1 || count > points.length)
    throw new LawbookError("request", mismatch("Clusters", count, `1 to ${points.length}, the points`));
  const centers = [draw.choose(points)];
  const squares = points.map((point) => distance(point, centers[0]!));
  while (centers.length < count) {
    const total = squares.reduce((sum, value) => sum + value, 0);
    let left = draw.uniform() * total;
    let chosen = squares.findIndex((value) => (left -= value) < 0);
    if (chosen < 0) chosen = squares.indexOf(Math.max(...squares));
    centers.push(points[chosen]!);
    points.forEach((point, index) => {
      squares[index] = Math.min(squares[index]!, distance(point, points[chosen]!));
    });
  }
  return centers;
}

/**
 * The number of clusters at the elbow of the inertia: with k from 1 to `most`, both axes scaled to [0, 1], the k farthest
 * below the line from the first to the last point, at least 2. Best of five starts for each k. Source: Satopaa et al. 2011,
 * the knee of a convex falling curve.
 */
export function elbow(
  points: readonly Point[],
  most: number,
  draw: Stream,
): { readonly clusters: number; readonly inertias: readonly number[] } {
  const last = Math.min(most, points.length);
  const inertias = Array.from({ length: last }, (_, index) =>
    Math.min(
      ...Array.from({ length: STARTS }, () => kMeans(points, spreadCenters(points, index + 1, draw)).inertia),
    ),
  );
  const [first, end] = [inertias[0]!, inertias.at(-1)!];
  const below = inertias.map((inertia, index) => {
    const x = last === 1 ? 0 : index / (last - 1);
    const y = first === end ? 0 : (inertia - end) / (first - end);
    return 1 - x - y;
  });
  const clusters = below.indexOf(Math.max(...below)) + 1;
  return { clusters: Math.max(2, clusters), inertias };
}

const STARTS = 5;

function nearestCenter(point: Point, centers: readonly Point[]): number {
  let best = 0;
  let least = Infinity;
  centers.forEach((center, index) => {
    const square = distance(point, center);
    if (square < least) [best, least] = [index, square];
  });
  return best;
}

/** Squared Euclidean distance. */
function distance(a: Point, b: Point): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i]! - b[i]!) * (a[i]! - b[i]!);
  return total;
}

function meanOf(
  points: readonly Point[],
  assignment: readonly number[],
  cluster: number,
): number[] | undefined {
  const own = points.filter((_, index) => assignment[index] === cluster);
  if (own.length === 0) return undefined;
  return Array.from(own[0]!, (_, axis) => own.reduce((sum, point) => sum + point[axis]!, 0) / own.length);
}

/**
 * Mean silhouette of points: s = (b - a) / max(a, b), with a the mean Euclidean distance to the others of the own cluster
 * and b the least mean distance to another cluster; 0 for a point that is alone. In [-1, 1]. Source: Rousseeuw 1987.
 */
export function silhouette(points: readonly Point[], assignment: readonly number[]): number {
  const clusters = [...new Set(assignment)];
  if (clusters.length < 2)
    throw new LawbookError("request", mismatch("Clusters of a silhouette", clusters.length, "at least 2"));
  const widths = points.map((point, index) => {
    const meanTo = (cluster: number): number => {
      const others = [...points.keys()].filter((other) => other !== index && assignment[other] === cluster);
      return (
        others.reduce((sum, other) => sum + Math.sqrt(distance(point, points[other]!)), 0) / others.length
      );
    };
    const within = meanTo(assignment[index]!);
    if (Number.isNaN(within)) return 0;
    const between = Math.min(...clusters.filter((cluster) => cluster !== assignment[index]).map(meanTo));
    return (between - within) / Math.max(within, between);
  });
  return widths.reduce((sum, width) => sum + width, 0) / widths.length;
}

/**
 * Agreement of two partitions of the same things, corrected for chance: 1 for equal ones, 0 expected for random ones.
 * Source: Hubert & Arabie 1985, eq. 5.
 */
export function adjustedRandIndex(a: readonly number[], b: readonly number[]): number {
  if (a.length !== b.length)
    throw new LawbookError("internal", mismatch("Things in two partitions", b.length, String(a.length)));
  const pairs = (count: number): number => (count * (count - 1)) / 2;
  const pairsIn = (keys: readonly string[]): number => {
    const counts = new Map<string, number>();
    for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
    return [...counts.values()].reduce((sum, count) => sum + pairs(count), 0);
  };
  const both = pairsIn(a.map((cluster, index) => `${cluster}/${b[index]}`));
  const [inA, inB] = [pairsIn(a.map(String)), pairsIn(b.map(String))];
  const expected = (inA * inB) / pairs(a.length);
  const most = (inA + inB) / 2;
  return most === expected ? 1 : (both - expected) / (most - expected);
}
