import { dropAndSum } from "./combinations.js";
import type { ComposeMethod } from "./method.js";
import { onFactors } from "./on-factors.js";

/**
 * DARE on A's and B's apart, then their weighted sums: drop entries at random, divide the rest by the density. Cross terms
 * as in `linear`. A_i [r, in], B_i [out, r], one r -> rank r.
 * Source: Yu et al. 2024, in the form of PEFT's `dare_linear`; see `drop`.
 */
export const dareLinear: ComposeMethod = {
  name: "dare_linear",
  needs: { rank: false, density: true, sign: false, seed: true, equalRanks: true },
  compose: onFactors(dropAndSum),
};
