import { weightedSum } from "./weighted-sum.js";
import type { ComposeMethod } from "./method.js";
import { onFactors } from "./on-factors.js";

/**
 * A' = sum_i sign(c_i) sqrt|c_i| A_i and B' = sum_i sqrt|c_i| B_i with c_i = w_i s_i. NOT the sum of the updates:
 * B' A' = sum_i c_i B_i A_i + sum_(i != j) sign(c_j) sqrt|c_i c_j| B_i A_j, and these cross terms are of the size of the sum
 * itself. A_i [r, in], B_i [out, r], one r -> rank r. Source: PEFT's `linear`.
 */
export const linear: ComposeMethod = {
  name: "linear",
  needs: { rank: false, density: false, sign: false, seed: false, equalRanks: true },
  compose: onFactors(weightedSum),
};
