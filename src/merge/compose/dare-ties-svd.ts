import { dropAndElect } from "./combinations.js";
import type { ComposeMethod } from "./method.js";
import { onUpdates } from "./on-updates.js";

/**
 * DARE on the updates s_i B_i A_i, then TIES' election and disjoint mean, then truncation to a rank.
 * Source: Yu et al. 2024 and Yadav et al. 2023, in the form of PEFT's `dare_ties_svd`; see `drop`, `disjointMean` and
 * `truncate`.
 */
export const dareTiesSvd: ComposeMethod = {
  name: "dare_ties_svd",
  needs: { rank: true, density: true, sign: true, seed: true, equalRanks: false },
  compose: onUpdates(dropAndElect),
};
