import type { Combination } from "./method.js";

/** sum_i w_i x_i. Ilharco et al. 2023 (task arithmetic), with the adapters in the place of task vectors. */
export const weightedSum: Combination = (tensors, weights) => {
  const total = new Float64Array(tensors[0]!.length);
  tensors.forEach((tensor, i) => {
    for (let at = 0; at < total.length; at++) total[at]! += weights[i]! * tensor[at]!;
  });
  return total;
};
