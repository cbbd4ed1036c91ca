import type { ComposeMethod } from "./method.js";
import { type Factors, type Part, rankOfPart, sidesOf } from "./part.js";

/** Puts factors side by side: A' = [w_i s_i A_i], B' = [B_i], so that B' A' = sum_i w_i s_i B_i A_i. */
export function concatenate(parts: readonly Part[]): Factors {
  const { out, width } = sidesOf(parts[0]!);
  const rank = parts.reduce((total, part) => total + rankOfPart(part), 0);
  const a = new Float64Array(rank * width);
  const b = new Float64Array(out * rank);
  let from = 0;
  for (const part of parts) {
    const own = rankOfPart(part);
    const coefficient = part.weight * part.scaling;
    part.a.data.forEach((value, at) => (a[from * width + at] = coefficient * value));
    for (let i = 0; i < out; i++) b.set(part.b.data.subarray(i * own, (i + 1) * own), i * rank + from);
    from += own;
  }
  return { rank, a, b };
}

/**
 * Concatenation, exact: B' A' = sum_i w_i s_i B_i A_i. A_i [r_i, in], B_i [out, r_i] -> rank sum_i r_i.
 * Source: PEFT's `cat`; Prabhakar et al. 2024 (LoRA Soups).
 */
export const cat: ComposeMethod = {
  name: "cat",
  needs: { rank: false, density: false, sign: false, seed: false, equalRanks: false },
  compose: (_, parts) => concatenate(parts),
};
