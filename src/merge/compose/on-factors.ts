import type { Combination, ComposeMethod, MethodOptions } from "./method.js";
import { type Factors, type Part, rankOfPart } from "./part.js";

/**
 * Applies a combination to the A's and to the B's apart, with c_i = w_i s_i: A' = f(A_i; sign(c_i) sqrt|c_i|),
 * B' = f(B_i; sqrt|c_i|). B' A' holds the cross terms B_i A_j of different adapters.
 * Source: PEFT's `_generalized_task_arithmetic_weighted_adapter`.
 */
export function onFactors(combination: Combination): ComposeMethod["compose"] {
  return (layer: string, parts: readonly Part[], options: MethodOptions): Factors => {
    const coefficients = parts.map(({ weight, scaling }) => weight * scaling);
    const roots = coefficients.map((value) => Math.sqrt(Math.abs(value)));
    const signed = roots.map((root, i) => (coefficients[i]! < 0 ? -root : root));
    const of = (factor: "A" | "B", tensors: readonly ArrayLike<number>[], weights: readonly number[]) =>
      combination(tensors, weights, {
        ...options,
        draws: (place) => options.draws(`${layer}.lora_${factor}.weight`, parts[place]!.index),
      });
    return {
      rank: rankOfPart(parts[0]!),
      a: of(
        "A",
        parts.map(({ a }) => a.data),
        signed,
      ),
      b: of(
        "B",
        parts.map(({ b }) => b.data),
        roots,
      ),
    };
  };
}
