import type { Corpus, Multiplicities } from "./corpus.js";
import { type DiscrepancyName, findDiscrepancy } from "./discrepancy.js";
import type { Matrix } from "./matrix.js";
import { prepareSynergy, type Synergies, type SynergyName } from "./synergy.js";

/** All that is measured between disciplines, [k, k] each. */
export interface Measures extends Synergies {
  /** d. */
  readonly discrepancy: Matrix;
}

/** Which measures, and what they need. */
export interface MeasureOptions {
  readonly discrepancy: DiscrepancyName;
  readonly synergy: SynergyName;
  readonly smoothing: number;
  readonly seed: number;
}

/** Prepares corpora; the result measures them, or any resample of their documents. */
export function prepareMeasures(
  corpora: readonly Corpus[],
  options: MeasureOptions,
): (times: Multiplicities) => Measures {
  const discrepancy = findDiscrepancy(options.discrepancy).prepare(corpora, options);
  const synergy = prepareSynergy(corpora, options.synergy);
  return (times) => ({ discrepancy: discrepancy(times), ...synergy(times) });
}
