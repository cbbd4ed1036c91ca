import { trimAndElect } from "./combinations.js";
import type { ComposeMethod } from "./method.js";
import { onUpdates } from "./on-updates.js";

/**
 * TIES on the updates s_i B_i A_i: trim, elect sign, disjoint mean, then truncation to a rank.
 * Source: Yadav et al. 2023, in the form of PEFT's `ties_svd`; see `trim`, `disjointMean` and `truncate`.
 */
export const tiesSvd: ComposeMethod = {
  name: "ties_svd",
  needs: { rank: true, density: true, sign: true, seed: false, equalRanks: false },
  compose: onUpdates(trimAndElect),
};
