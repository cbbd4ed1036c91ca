import { outerProduct, type Factors, type Part, sidesOf, sumOfUpdates } from "./part.js";

/** What a composition made of one layer. */
export interface LayerReport {
  readonly layer: string;
  readonly rank: number;
  /** Frobenius norm of the update, s B A. */
  readonly norm: number;
  /** Frobenius norm of the weighted sum of the adapters' updates, which a method may miss. */
  readonly sumNorm: number;
  /** Norm of the difference of the two over `sumNorm`; 0 where the sum is met, undefined where it is 0 and missed. */
  readonly distance: number | undefined;
  /**
   * Share of the products of different adapters in a sum of factors, |C|^2 / (|S|^2 + |C|^2) with the sum of updates S and
   * B A = S + C, in [0, 1]; undefined for methods other than linear.
   */
  readonly crossTerms?: number | undefined;
  /** Energy that a truncation lost, see `truncate`; undefined for methods without one. */
  readonly tailEnergy?: number | undefined;
}

/** Measures a composed layer. `scaling` is the one that the composed adapter applies. */
export function reportOf(
  layer: string,
  parts: readonly Part[],
  { rank, a, b, tailEnergy }: Factors,
  scaling: number,
  isSumOfFactors: boolean,
): LayerReport {
  const sum = sumOfUpdates(parts);
  const product = outerProduct(sidesOf(parts[0]!), rank, b, a);
  const norm = scaling * normOf(product);
  const sumNorm = normOf(sum);
  const missed = normOf(sum.map((value, at) => scaling * product[at]! - value));
  const cross = normOf(sum.map((value, at) => product[at]! - value));
  const both = sumNorm * sumNorm + cross * cross;
  return {
    layer,
    rank,
    norm,
    sumNorm,
    distance: missed === 0 ? 0 : sumNorm === 0 ? undefined : missed / sumNorm,
    ...(isSumOfFactors ? { crossTerms: both === 0 ? 0 : (cross * cross) / both } : {}),
    ...(tailEnergy === undefined ? {} : { tailEnergy }),
  };
}

/** Frobenius norm. */
export function normOf(values: Float64Array): number {
  let squares = 0;
  for (const value of values) squares += value * value;
  return Math.sqrt(squares);
}
