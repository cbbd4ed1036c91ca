import { dropAndSum } from "./combinations.js";
import type { ComposeMethod } from "./method.js";
import { onUpdates } from "./on-updates.js";

/**
 * DARE on the updates s_i B_i A_i, then their weighted sum, then truncation to a rank.
 * Source: Yu et al. 2024, in the form of PEFT's `dare_linear_svd`; see `drop` and `truncate`.
 */
export const dareLinearSvd: ComposeMethod = {
  name: "dare_linear_svd",
  needs: { rank: true, density: true, sign: false, seed: true, equalRanks: false },
  compose: onUpdates(dropAndSum),
};
