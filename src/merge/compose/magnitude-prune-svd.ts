import { trimAndSum } from "./combinations.js";
import type { ComposeMethod } from "./method.js";
import { onUpdates } from "./on-updates.js";

/**
 * Magnitude pruning of the updates s_i B_i A_i, then their weighted sum, then truncation to a rank.
 * Source: PEFT's `magnitude_prune_svd`; see `trim` and `truncate`.
 */
export const magnitudePruneSvd: ComposeMethod = {
  name: "magnitude_prune_svd",
  needs: { rank: true, density: true, sign: false, seed: false, equalRanks: false },
  compose: onUpdates(trimAndSum),
};
