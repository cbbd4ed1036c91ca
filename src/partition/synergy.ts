import { cosine as product, unit, type Vector } from "../data/diversity.js";
import { type Corpus, type Multiplicities, tokenCounts } from "./corpus.js";
import { type Matrix, symmetric } from "./matrix.js";

/** Ways to make one synergy of two views: their mean, or one of them alone. */
export const SYNERGY_NAMES = ["mean", "jaccard", "cosine"] as const;

/** Name of a synergy. */
export type SynergyName = (typeof SYNERGY_NAMES)[number];

/** Synergy of each pair in both views and as one number. */
export interface Synergies {
  /** [k, k], in [0, 1], diagonal 1. */
  readonly jaccard: Matrix;
  /** [k, k], in [-1, 1], diagonal 1. */
  readonly cosine: Matrix;
  /** s [k, k], diagonal 1. */
  readonly synergy: Matrix;
}

/**
 * Prepares corpora; the result measures the synergy of any resample of them:
 * s_ij = (|V_i and V_j| / |V_i or V_j| + cos(mu_i, mu_j)) / 2, in [-0.5, 1].
 * V: set of tokens that a corpus has; mu: mean embedding of its documents.
 * Deviation: `jaccard` and `cosine` give one of the two terms alone; the source does not say which embedding it takes.
 * Source: Ye et al. 2025, as reported by readers.
 */
export function prepareSynergy(
  corpora: readonly Corpus[],
  name: SynergyName,
): (times: Multiplicities) => Synergies {
  const counts = tokenCounts(corpora);
  const k = corpora.length;
  return (times) => {
    const counted = counts.count(times);
    const means = corpora.map((corpus, i) => meanDirection(corpus, times[i]!));
    const jaccard = symmetric(k, 1, (i, j) => jaccardIndex(counted[i]!, counted[j]!));
    // Unit vectors leave [-1, 1] by rounding alone.
    const cosine = symmetric(k, 1, (i, j) => Math.max(-1, Math.min(1, product(means[i]!, means[j]!))));
    const mean = symmetric(k, 1, (i, j) => (jaccard[i]![j]! + cosine[i]![j]!) / 2);
    return { jaccard, cosine, synergy: { mean, jaccard, cosine }[name] };
  };
}

/** Shared over all: |A and B| / |A or B| of the tokens that are counted at all; 0 where neither has one. */
export function jaccardIndex(a: Float64Array, b: Float64Array): number {
  let [both, either] = [0, 0];
  for (let token = 0; token < a.length; token++) {
    if (a[token]! > 0 && b[token]! > 0) both++;
    if (a[token]! > 0 || b[token]! > 0) either++;
  }
  return either === 0 ? 0 : both / either;
}

/** Direction of the mean embedding; zero where it is zero. */
function meanDirection({ documents }: Corpus, times: readonly number[]): Vector {
  const total = new Float64Array(documents[0]!.vector.length);
  documents.forEach(({ vector }, document) => {
    const count = times[document]!;
    if (count > 0) for (let axis = 0; axis < total.length; axis++) total[axis]! += count * vector[axis]!;
  });
  return unit(total);
}
