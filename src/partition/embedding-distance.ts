import { exp } from "../core/math.js";
import { stream } from "../core/random.js";
import { cosine, unit, type Vector } from "../data/diversity.js";
import type { Corpus, Multiplicities } from "./corpus.js";
import { type Matrix, symmetric } from "./matrix.js";

/** Directions of the sliced distance. */
const DIRECTIONS = 64;

/** Documents on a line, ascending. */
interface Projected {
  readonly values: Float64Array;
  /** Document of each value. */
  readonly documents: Int32Array;
}

/**
 * Sliced Wasserstein-1 distance between the documents' embeddings, >= 0:
 * d = 1/L sum_l integral |F_l(x) - G_l(x)| dx, F_l and G_l: distribution functions of the projections on direction l.
 * L = 64 directions, uniform on the sphere, the same for every pair and resample; stream `<seed>/directions/<l>`.
 * Source: Bonneel et al. 2015; in one dimension Vallender 1974.
 */
export function slicedWasserstein(
  corpora: readonly Corpus[],
  seed: number,
): (times: Multiplicities) => Matrix {
  const width = corpora[0]!.documents[0]!.vector.length;
  const slices = Array.from({ length: DIRECTIONS }, (_, l) => {
    const draw = stream(seed, "directions", l);
    const direction = unit(Array.from({ length: width }, () => draw.normal()));
    return corpora.map(({ documents }) => project(documents, direction));
  });
  return (times) =>
    symmetric(corpora.length, 0, (i, j) => {
      const distances = slices.map((slice) => lineDistance(slice[i]!, times[i]!, slice[j]!, times[j]!));
      return distances.reduce((total, value) => total + value, 0) / DIRECTIONS;
    });
}

function project(documents: Corpus["documents"], direction: Vector): Projected {
  const values = documents.map(({ vector }) => cosine(vector, direction));
  const order = [...values.keys()].sort((a, b) => values[a]! - values[b]!);
  return {
    values: Float64Array.from(order, (document) => values[document]!),
    documents: Int32Array.from(order),
  };
}

/** Integral of |F - G| for two samples on a line whose documents count so many times. */
function lineDistance(
  a: Projected,
  timesA: readonly number[],
  b: Projected,
  timesB: readonly number[],
): number {
  const totalA = timesA.reduce((sum, times) => sum + times, 0);
  const totalB = timesB.reduce((sum, times) => sum + times, 0);
  let [atA, atB, countA, countB, distance, last] = [0, 0, 0, 0, 0, 0];
  while (atA < a.values.length || atB < b.values.length) {
    const fromA = atB === b.values.length || (atA < a.values.length && a.values[atA]! <= b.values[atB]!);
    const value = fromA ? a.values[atA]! : b.values[atB]!;
    distance += Math.abs(countA / totalA - countB / totalB) * (value - last);
    if (fromA) countA += timesA[a.documents[atA++]!]!;
    else countB += timesB[b.documents[atB++]!]!;
    last = value;
  }
  return distance;
}

/**
 * Squared maximum mean discrepancy between the documents' embeddings, in [0, 2]:
 * d = sum a_x a_x' k(x, x') + sum b_y b_y' k(y, y') - 2 sum a_x b_y k(x, y), k(x, y) = exp(-|x - y|^2 / (2 sigma^2)).
 * a, b: shares of the documents, summing to 1; sigma: median distance between two documents of any of the corpora.
 * Deviation: the biased form, which is 0 for equal corpora and never below 0; sigma is not computed anew for a resample.
 * Source: Gretton et al. 2012, eq. 5 and section 8.
 */
export function maximumMeanDiscrepancy(corpora: readonly Corpus[]): (times: Multiplicities) => Matrix {
  const vectors = corpora.flatMap(({ documents }) => documents.map(({ vector }) => vector));
  const kernel = gaussianKernel(vectors);
  const n = vectors.length;
  let filled = 0;
  const starts = corpora.map(({ documents }) => (filled += documents.length) - documents.length);
  return (times) => {
    const share = times.map((counts) => {
      const total = counts.reduce((sum, count) => sum + count, 0);
      return counts.map((count) => count / total);
    });
    const mean = (i: number, j: number): number => {
      let total = 0;
      share[i]!.forEach((a, x) => {
        if (a === 0) return;
        const row = (starts[i]! + x) * n + starts[j]!;
        let inner = 0;
        for (let y = 0; y < share[j]!.length; y++) inner += share[j]![y]! * kernel[row + y]!;
        total += a * inner;
      });
      return total;
    };
    const own = corpora.map((_, i) => mean(i, i));
    return symmetric(corpora.length, 0, (i, j) => Math.max(0, own[i]! + own[j]! - 2 * mean(i, j)));
  };
}

/** Kernel [n * n] with the median distance as its bandwidth; 1 where all vectors are equal. */
function gaussianKernel(vectors: readonly Vector[]): Float64Array {
  const n = vectors.length;
  const squares = new Float64Array(n * n);
  const above = new Float64Array((n * (n - 1)) / 2);
  let filled = 0;
  for (let x = 0; x < n; x++) {
    for (let y = x + 1; y < n; y++) {
      let square = 0;
      for (let axis = 0; axis < vectors[x]!.length; axis++) {
        const difference = vectors[x]![axis]! - vectors[y]![axis]!;
        square += difference * difference;
      }
      squares[x * n + y] = squares[y * n + x] = square;
      above[filled++] = square;
    }
  }
  const median = above.sort()[above.length >> 1] ?? 0;
  const scale = 2 * (median === 0 ? 1 : median);
  return squares.map((square) => exp(-square / scale));
}
