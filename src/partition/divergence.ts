import { LawbookError, mismatch } from "../core/errors.js";
import { ln } from "../core/math.js";

/** Probabilities of the same tokens in two corpora. */
export interface DistributionPair {
  readonly p: Float64Array;
  readonly q: Float64Array;
}

/**
 * Unigram distributions with additive smoothing: P(v) = (c_v + alpha) / (N + alpha |V|).
 * c: counts; N: their sum; V: the tokens that either corpus has; alpha >= 0, 0 leaves relative frequencies.
 * Source: Lidstone 1920.
 */
export function smoothed(a: Float64Array, b: Float64Array, alpha: number): DistributionPair {
  if (!(alpha >= 0 && alpha < Infinity))
    throw new LawbookError("request", mismatch("smoothing", String(alpha), "a finite number of at least 0"));
  const union = [...a.keys()].filter((token) => a[token]! + b[token]! > 0);
  const probabilities = (counts: Float64Array): Float64Array => {
    const values = Float64Array.from(union, (token) => counts[token]! + alpha);
    const total = values.reduce((sum, value) => sum + value, 0);
    if (!(total > 0)) throw new LawbookError("request", "A corpus without tokens has no distribution.");
    return values.map((value) => value / total);
  };
  return { p: probabilities(a), q: probabilities(b) };
}

/**
 * Jensen-Shannon divergence in bits, in [0, 1]: JS = (KL(P | M) + KL(Q | M)) / 2, M = (P + Q) / 2. Symmetric to the bit.
 * Deviation: cut at 0 and 1, which rounding can pass by 1e-16. SciPy's function of that name is its square root.
 * Source: Lin 1991.
 */
export function jensenShannon({ p, q }: DistributionPair): number {
  let total = 0;
  for (let v = 0; v < p.length; v++) {
    const middle = (p[v]! + q[v]!) / 2;
    total += weighted(p[v]!, middle) + weighted(q[v]!, middle);
  }
  return Math.min(1, Math.max(0, total / 2 / Math.LN2));
}

/**
 * Kullback-Leibler divergence, mean of both directions, in bits, >= 0 and without an upper limit:
 * J = (KL(P | Q) + KL(Q | P)) / 2. Infinite where one distribution has a zero that the other has not: smooth first.
 * Source: Jeffreys 1946, halved.
 */
export function symmetricKullbackLeibler({ p, q }: DistributionPair): number {
  let total = 0;
  for (let v = 0; v < p.length; v++) total += weighted(p[v]!, q[v]!) + weighted(q[v]!, p[v]!);
  return Math.max(0, total / 2 / Math.LN2);
}

/** x ln(x / y), 0 for x = 0. */
function weighted(x: number, y: number): number {
  if (x === 0) return 0;
  return y === 0 ? Infinity : x * ln(x / y);
}
