import { concatenate } from "./cat.js";
import type { ComposeMethod } from "./method.js";
import { truncationRank } from "./on-updates.js";
import { sidesOf } from "./part.js";
import { truncateProduct } from "./truncate.js";

/**
 * The nearest update of a rank to the exact sum: B' A' = [sum_i w_i s_i B_i A_i]_r. The squared error is the tail energy
 * times the squared norm of the sum. -> `rank`, else the largest r_i.
 * Deviation: decomposed by its factors, since the sum has rank sum_i r_i at most, see `truncateProduct`.
 * Source: PEFT's `svd`.
 */
export const svd: ComposeMethod = {
  name: "svd",
  needs: { rank: true, density: false, sign: false, seed: false, equalRanks: false },
  compose: (_, parts, { rank }) => {
    const { a, b, rank: inner } = concatenate(parts);
    return truncateProduct(b, a, sidesOf(parts[0]!), inner, truncationRank(parts, rank));
  },
};
