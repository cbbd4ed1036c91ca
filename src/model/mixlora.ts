import type { Tensor } from "../compute/graph.js";
import { addProduct } from "../compute/ops/add-product.js";
import { add, multiply, subtract } from "../compute/ops/elementwise.js";
import { linear, matmul } from "../compute/ops/matmul.js";
import { reduceSum } from "../compute/ops/reduce.js";
import { concat, expand, reshape, split, transpose } from "../compute/ops/shape.js";
import type { Route } from "./balance.js";
import type { Dropout } from "./dropout.js";
import { rankOf, scalingOf } from "./lora.js";
import type { MoeConfig } from "./lora-moe.js";

/** What the blocks of a MixLoRA are built from. */
export interface MixloraParts {
  readonly base: ReadonlyMap<string, Tensor>;
  readonly adapter: ReadonlyMap<string, Tensor>;
  readonly moe: MoeConfig;
  /** Makes and keeps the route of a block. */
  route(name: string, logits: Tensor): Route;
  readonly dropout: Dropout | undefined;
}

/**
 * Feed-forward blocks as experts: y = sum_e g_e D_e (silu(G_e x) * U_e x), where G_e, U_e, D_e are the frozen matrices with
 * the update of expert e. The gate and the up layer give one copy of the rows per expert to the block, [E N, F]; the down
 * layer weighs the copies and gives N rows again. Frozen products are computed once for all experts.
 * Deviations: every expert computes every token, since shapes are static. With `switch`, whose gates do not sum to 1, the
 * frozen block takes the rest, as one more copy: y = ... + (1 - sum_e g_e) FFN(x), so that B = 0 changes nothing; the
 * authors scale the whole block by g. Source: Li et al. 2024 (MixLoRA), eq. 4 to 7.
 */
export function mixloraBlocks(parts: MixloraParts): (block: string, layer: string, x: Tensor) => Tensor {
  const { base, adapter, moe, dropout } = parts;
  const routes = new Map<string, Route>();
  const experts = [...Array(moe.experts).keys()];
  const copies = moe.routing.kind === "switch" ? moe.experts + 1 : moe.experts;
  const weightOf = (layer: string): Tensor => base.get(`${layer}.weight`)!;
  const all = (layer: string, part: "lora_A" | "lora_B", axis: number): Tensor =>
    concat(
      experts.map((e) => adapter.get(`${layer}.experts.${e}.${part}.weight`)!),
      axis,
    );
  const adapted = (layer: string): boolean => adapter.has(`${layer}.experts.0.lora_A.weight`);

  const spread = (layer: string, x: Tensor): Tensor => {
    const weight = weightOf(layer);
    const [rows] = x.shape as [number];
    const [out] = weight.shape as [number];
    const rank = rankOf(moe, layer);
    const y = reshape(linear(x, weight), [1, rows, out]);
    if (!adapted(layer)) return reshape(expand(y, [copies, rows, out]), [copies * rows, out]);
    const inner = reshape(linear(dropout?.(layer, x) ?? x, all(layer, "lora_A", 0)), [
      rows,
      moe.experts,
      rank,
    ]);
    const b = reshape(all(layer, "lora_B", 0), [moe.experts, out, rank]);
    const update = matmul(transpose(inner, [1, 0, 2]), b, false, true, scalingOf(moe, layer)); // -> [E, N, out]
    const updated = add(y, update);
    return reshape(copies > moe.experts ? concat([updated, y], 0) : updated, [copies * rows, out]);
  };

  const gather = (layer: string, x: Tensor, { gates }: Route): Tensor => {
    const weight = weightOf(layer);
    const [rows] = gates.shape as [number];
    const [, width] = weight.shape as [number, number];
    const rank = rankOf(moe, layer);
    const rest = (): Tensor => subtract(gates.graph.scalar(1), reshape(reduceSum(gates, [1]), [rows, 1]));
    const factors = copies > moe.experts ? concat([gates, rest()], 1) : gates;
    const byCopy = (shares: Tensor, count: number): Tensor =>
      reshape(transpose(shares, [1, 0]), [count, rows, 1]);
    const mixed = reduceSum(multiply(reshape(x, [copies, rows, width]), byCopy(factors, copies)), [0]);
    const y = linear(mixed, weight);
    if (!adapted(layer)) return y;
    const seen = dropout?.(layer, x) ?? x;
    const tail = (copies - moe.experts) * rows;
    const own = tail === 0 ? seen : split(seen, [moe.experts * rows, tail], 0)[0]!;
    const a = reshape(all(layer, "lora_A", 0), [moe.experts, rank, width]);
    const inner = matmul(reshape(own, [moe.experts, rows, width]), a, false, true); // -> [E, N, r]
    const gated = transpose(multiply(inner, byCopy(gates, moe.experts)), [1, 0, 2]);
    const flat = reshape(gated, [rows, moe.experts * rank]);
    return addProduct(y, flat, all(layer, "lora_B", 1), scalingOf(moe, layer));
  };

  return (block, layer, x) => {
    if (layer.endsWith(".down_proj")) return gather(layer, x, routes.get(block)!);
    if (!routes.has(block))
      routes.set(block, parts.route(block, linear(x, adapter.get(`${block}.moe_gate.weight`)!)));
    return spread(layer, x);
  };
}

/** The feed-forward block that a layer belongs to, if any. */
export function feedForward(layer: string): string | undefined {
  return /^(.*\.mlp)\.[^.]+$/.exec(layer)?.[1];
}
