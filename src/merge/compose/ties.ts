import { trimAndElect } from "./combinations.js";
import type { ComposeMethod } from "./method.js";
import { onFactors } from "./on-factors.js";

/**
 * TIES on A's and B's apart: trim, elect sign, disjoint mean, with the square roots of the coefficients as weights. Cross
 * terms as in `linear`. A_i [r, in], B_i [out, r], one r -> rank r.
 * Source: Yadav et al. 2023, in the form of PEFT's `ties`; see `trim` and `disjointMean`.
 */
export const ties: ComposeMethod = {
  name: "ties",
  needs: { rank: false, density: true, sign: true, seed: false, equalRanks: true },
  compose: onFactors(trimAndElect),
};
