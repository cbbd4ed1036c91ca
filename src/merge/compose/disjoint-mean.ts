import type { SignRule } from "./method.js";

/**
 * TIES' election and disjoint merge, in PEFT's form: with gamma the sign of sum_i x_i (`total`) or of sum_i sign(x_i)
 * (`frequency`), a zero sum being positive, y = sum over i with sign(x_i) = gamma of w_i x_i, divided by their number.
 * An entry that is 0 never agrees; where none agrees y = 0.
 * Deviation: signs are elected before the weights, and numbers divide, not weights, as in PEFT and unlike mergekit.
 * Source: Yadav et al. 2023, steps 2 and 3; PEFT's `calculate_majority_sign_mask` and `disjoint_merge`.
 */
export function disjointMean(
  tensors: readonly Float64Array[],
  weights: readonly number[],
  rule: SignRule,
): Float64Array {
  return Float64Array.from(tensors[0]!, (_, at) => {
    let vote = 0;
    for (const tensor of tensors) vote += rule === "total" ? tensor[at]! : Math.sign(tensor[at]!);
    const elected = vote >= 0 ? 1 : -1;
    let sum = 0;
    let agreeing = 0;
    tensors.forEach((tensor, i) => {
      if (Math.sign(tensor[at]!) !== elected) return;
      sum += weights[i]! * tensor[at]!;
      agreeing++;
    });
    return sum / Math.max(agreeing, 1);
  });
}
