import { ln } from "../core/math.js";
import { type Matrix, pairsOf } from "./matrix.js";
import { capacity, type ObjectiveTerms, type StageRadius } from "./objective.js";
import { members, type Partition } from "./set-partitions.js";

/** The terms of a generalisation bound for one stage, each without its unknown constant. */
export interface BoundTerms {
  /** Disciplines of the stage, by number. */
  readonly stage: readonly number[];
  /** 2 (rho_theta + sum_j alpha_j rho_phi); the bound has it times L B. */
  readonly capacity: number;
  /** (1 / k) sum_{i<j} d_ij; the bound has it times beta. */
  readonly discrepancy: number;
  /** sqrt(ln(1 / delta) / n), n: documents of the stage; the bound has its order alone. */
  readonly confidence: number;
}

/** Probability with which the bound may fail. */
const DELTA = 0.05;

/**
 * Terms of the bound for stages that are trained together:
 * sum_j alpha_j risk_j <= sum_j alpha_j empirical_j + 2 L B (rho_theta + sum_j alpha_j rho_phi)
 *   + (beta / k) sum_{i<j} d_ij + O(sqrt(ln(1 / delta) / n)).
 * k: disciplines of the stage; alpha_j = 1 / k; delta = 0.05; L, B, beta are unknown and left out.
 * Deviation: unordered pairs, where the reports do not say which; the empirical risk is known after training only. The
 * capacity term does not shrink with n: the bound ranks stages, it is not tight.
 * Source: Ye et al. 2025, theorem 3.1, as reported by readers.
 */
export function boundTerms(
  partition: Partition,
  discrepancy: Matrix,
  radius: StageRadius,
  documents: readonly number[],
): BoundTerms[] {
  return partition.map((stage) => {
    const k = stage.length;
    const pairs = pairsOf(k).reduce((total, [i, j]) => total + discrepancy[stage[i]!]![stage[j]!]!, 0);
    const n = stage.reduce((total, index) => total + documents[index]!, 0);
    return {
      stage,
      capacity: 2 * (radius.weights + radius.adapters),
      discrepancy: pairs / k,
      confidence: Math.sqrt(ln(1 / DELTA) / n),
    };
  });
}

/** One set of disciplines beside the condition of corollary 3.1. */
export interface SubsetTerms {
  readonly subset: readonly number[];
  /** Lambda: sum of s over its pairs. */
  readonly synergy: number;
  /** gamma: sum of d over its pairs. */
  readonly discrepancy: number;
  /** Cap(U). */
  readonly capacity: number;
  /** lambda Lambda > gamma + Cap(U). */
  readonly condition: boolean;
  /** Does one stage hold all of it? */
  readonly grouped: boolean;
}

/** How often the corollary holds. */
export interface Corollary {
  /** All sets of two disciplines or more, small ones first. */
  readonly subsets: readonly SubsetTerms[];
  /** Sets that meet the condition. */
  readonly met: number;
  /** Those of them that one stage holds. */
  readonly grouped: number;
}

/**
 * Measures the corollary that a set U of high synergy tends to be grouped together: of the sets with
 * Lambda > (gamma + Cap(U)) / lambda, how many lie inside one stage. It is a tendency: optima that break it are common.
 * Deviation: Cap(U) is the price of a stage with |U| disciplines, as `capacity` has it; the reports leave it open.
 * Source: Ye et al. 2025, corollary 3.1, as reported by readers.
 */
export function corollary(terms: ObjectiveTerms, partition: Partition): Corollary {
  const k = terms.discrepancy.length;
  const subsets: SubsetTerms[] = [];
  for (let set = 1; set < 1 << k; set++) {
    const subset = members(set);
    if (subset.length < 2) continue;
    const sum = (matrix: Matrix): number =>
      pairsOf(subset.length).reduce((total, [i, j]) => total + matrix[subset[i]!]![subset[j]!]!, 0);
    const synergy = sum(terms.synergy);
    const discrepancy = sum(terms.discrepancy);
    const price = capacity(terms, subset.length);
    subsets.push({
      subset,
      synergy,
      discrepancy,
      capacity: price,
      condition: terms.lambda * synergy > discrepancy + price,
      grouped: partition.some((stage) => subset.every((index) => stage.includes(index))),
    });
  }
  subsets.sort((a, b) => a.subset.length - b.subset.length);
  const met = subsets.filter(({ condition }) => condition);
  return { subsets, met: met.length, grouped: met.filter(({ grouped }) => grouped).length };
}
