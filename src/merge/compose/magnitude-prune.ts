import { trimAndSum } from "./combinations.js";
import type { ComposeMethod } from "./method.js";
import { onFactors } from "./on-factors.js";

/**
 * Magnitude pruning of A's and B's apart, then their weighted sums. Cross terms as in `linear`.
 * A_i [r, in], B_i [out, r], one r -> rank r. Source: PEFT's `magnitude_prune`; see `trim`.
 */
export const magnitudePrune: ComposeMethod = {
  name: "magnitude_prune",
  needs: { rank: false, density: true, sign: false, seed: false, equalRanks: true },
  compose: onFactors(trimAndSum),
};
