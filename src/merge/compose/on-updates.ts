import type { Combination, ComposeMethod, MethodOptions } from "./method.js";
import { type Factors, type Part, rankOfPart, sidesOf, updateOf } from "./part.js";
import { truncate } from "./truncate.js";

/** The rank that a truncation of a layer has: the one that was asked for, else the largest of its parts. */
export function truncationRank(parts: readonly Part[], rank: number | undefined): number {
  return rank ?? Math.max(...parts.map(rankOfPart));
}

/**
 * Applies a combination to the whole updates s_i B_i A_i with the weights w_i, then truncates to a rank.
 * The scaling counts once, as in PEFT 0.21; version 0.20 applied it twice.
 * Source: PEFT's `_svd_generalized_task_arithmetic_weighted_adapter`.
 */
export function onUpdates(combination: Combination): ComposeMethod["compose"] {
  return (layer: string, parts: readonly Part[], options: MethodOptions): Factors => {
    const combined = combination(
      parts.map((part) => updateOf(part)),
      parts.map(({ weight }) => weight),
      { ...options, draws: (place) => options.draws(`${layer}.weight`, parts[place]!.index) },
    );
    return truncate(combined, sidesOf(parts[0]!), truncationRank(parts, options.rank));
  };
}
