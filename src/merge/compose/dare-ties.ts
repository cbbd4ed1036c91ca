import { dropAndElect } from "./combinations.js";
import type { ComposeMethod } from "./method.js";
import { onFactors } from "./on-factors.js";

/**
 * DARE on A's and B's apart, then TIES' election and disjoint mean. Cross terms as in `linear`.
 * A_i [r, in], B_i [out, r], one r -> rank r.
 * Source: Yu et al. 2024 and Yadav et al. 2023, in the form of PEFT's `dare_ties`; see `drop` and `disjointMean`.
 */
export const dareTies: ComposeMethod = {
  name: "dare_ties",
  needs: { rank: false, density: true, sign: true, seed: true, equalRanks: true },
  compose: onFactors(dropAndElect),
};
