import type { Tensor } from "../compute/graph.js";
import { addProduct } from "../compute/ops/add-product.js";
import { multiply } from "../compute/ops/elementwise.js";
import { linearPair } from "../compute/ops/linear-pair.js";
import { linear, matmul } from "../compute/ops/matmul.js";
import { concat, split } from "../compute/ops/shape.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { product } from "../core/math.js";
import { stream } from "../core/random.js";
import type { Route } from "./balance.js";
import type { ModelConfig, Parameter } from "./config.js";
import type { DecoderWeights } from "./decoder.js";
import type { Dropout } from "./dropout.js";
import { allExperts, hasExperts } from "./expert-stack.js";
import { adaptedLayers, fillUniform, type LoraConfig, rankOf, scalingOf } from "./lora.js";
import { feedForward, mixloraBlocks } from "./mixlora.js";
import { type Routing, routeByLabels, routeByWeights, routeTokens } from "./routing.js";
import type { Weight } from "./safetensors.js";
import { layerName } from "./targets.js";

/**
 * A mixture of E low-rank experts with gates g(x).
 * `lora-moe`: y = W x + s sum_e g_e B_e A_e x, one router a layer. Dou et al. 2024, eq. 4.
 * `shared-a`: one A for all experts. Tian et al. 2024, eq. 5. `shared-b`: one B, its mirror.
 * `mixlora`: the experts are whole feed-forward blocks with one router a block; attention gets plain LoRA. Li et al. 2024.
 */
export interface MoeConfig extends Omit<LoraConfig, "dora" | "modulesToSave"> {
  readonly kind: "lora-moe" | "shared-a" | "shared-b" | "mixlora";
  /** E, at least 2. */
  readonly experts: number;
  readonly routing: Routing;
}

/** Standard deviation of a new MixLoRA router; the other routers start as A does. */
const ROUTER_DEVIATION = 0.02;

/** All problems of a mixture that the model does not need to be known for; undefined for none. */
export function checkMixture({ kind, experts, routing }: MoeConfig): LawbookError | undefined {
  const wrong = (what: string, got: unknown, expected: string): LawbookError =>
    new LawbookError("request", mismatch(what, got, expected));
  if (!Number.isInteger(experts) || experts < 2) return wrong("Experts", experts, "an integer of at least 2");
  if (routing.kind === "top-k" && !(Number.isInteger(routing.k) && routing.k >= 1 && routing.k <= experts)) {
    return wrong("Experts of a token, k", routing.k, `an integer from 1 to ${experts}`);
  }
  if (routing.kind === "top-p" && !(routing.p > 0 && routing.p <= 1)) {
    return wrong("Probability mass, p", routing.p, "a number in (0, 1]");
  }
  const capacity = routing.kind === "switch" ? routing.capacity : undefined;
  if (capacity !== undefined && !(Number.isInteger(capacity) && capacity >= 1)) {
    return wrong("Capacity of an expert", capacity, "an integer of at least 1");
  }
  if (routing.kind === "labels") {
    const outside = Object.entries(routing.experts).find(
      ([, expert]) => !Number.isInteger(expert) || expert < 0 || expert >= experts,
    );
    if (outside !== undefined) {
      return wrong(`Expert of the label ${outside[0]}`, outside[1], `an integer from 0 to ${experts - 1}`);
    }
  }
  if (kind === "mixlora" && (routing.kind === "labels" || routing.kind === "constant")) {
    return wrong("Routing of a MixLoRA", routing.kind, "dense, top-k, top-p or switch");
  }
  return undefined;
}

/** Name of the learnt weights of a layer's experts where routing is constant. */
export function weightsName(layer: string): string {
  return `${layer}.lora_weights`;
}

/** The trainable weights of a mixture, in the names that its authors publish. */
export function moeParameters(model: ModelConfig, moe: MoeConfig): Parameter[] {
  const problem = checkMixture(moe);
  if (problem !== undefined) throw problem;
  const experts = [...Array(moe.experts).keys()];
  const { kind: routing } = moe.routing;
  const layers = adaptedLayers(model, moe);
  const blocks = new Set<string>();
  const parameters = layers.flatMap(({ name, shape: [out, width] }): Parameter[] => {
    const layer = layerName(name);
    const rank = rankOf(moe, layer);
    const a = (suffix: string): Parameter => ({ name: `${layer}.${suffix}.weight`, shape: [rank, width!] });
    const b = (suffix: string): Parameter => ({ name: `${layer}.${suffix}.weight`, shape: [out!, rank] });
    if (moe.kind === "mixlora") {
      const block = feedForward(layer);
      if (block === undefined) return [a("lora_A"), b("lora_B")];
      const pairs = experts.flatMap((e) => [a(`experts.${e}.lora_A`), b(`experts.${e}.lora_B`)]);
      if (blocks.has(block)) return pairs;
      blocks.add(block);
      return [{ name: `${block}.moe_gate.weight`, shape: [moe.experts, model.width] }, ...pairs];
    }
    return [
      ...(moe.kind === "shared-a" ? [a("lora_A")] : experts.map((e) => a(`lora_A${e}`))),
      ...(moe.kind === "shared-b" ? [b("lora_B")] : experts.map((e) => b(`lora_B${e}`))),
      ...(routing === "labels"
        ? []
        : routing === "constant"
          ? [{ name: weightsName(layer), shape: [moe.experts] }]
          : [{ name: `${layer}.lora_route.weight`, shape: [moe.experts, width!] }]),
    ];
  });
  if (moe.kind === "mixlora" && blocks.size === 0) {
    throw new LawbookError(
      "request",
      mismatch(
        "The experts of a MixLoRA are feed-forward layers",
        moe.targets,
        "gate_proj, up_proj or down_proj too",
      ),
    );
  }
  return parameters;
}

/**
 * Starts a mixture: A and routers uniform in [-1/sqrt(in), 1/sqrt(in)], routers of MixLoRA normal with deviation 0.02,
 * B zero, constant weights 1 / E. The random routers are what lets equal experts grow apart.
 */
export function newMoe(model: ModelConfig, moe: MoeConfig, seed: number): Map<string, Weight> {
  return new Map(
    moeParameters(model, moe).map(({ name, shape }): [string, Weight] => {
      const data = new Float32Array(product(shape));
      if (name.includes("moe_gate")) {
        const draw = stream(seed, "initialize", name);
        for (let i = 0; i < data.length; i++) data[i] = draw.normal(0, ROUTER_DEVIATION);
      } else if (name.endsWith(weightsName(""))) data.fill(1 / moe.experts);
      else if (!name.includes(".lora_B")) fillUniform(data, shape[1]!, seed, name);
      return [name, { shape, data }];
    }),
  );
}

/** Decoder weights with a mixture on its layers. */
export interface MoeWeights extends DecoderWeights {
  /** What each router did, in the order of the forward pass; complete once the decoder is built. */
  readonly routes: readonly Route[];
}

/** What the caller of a mixture may give. */
export interface MoeOptions {
  /** Left out where nothing is trained. One mask a layer: experts share it, and the router sees x whole. */
  readonly dropout?: Dropout | undefined;
  /** Gates of every layer where labels route, [N, E]. */
  readonly gates?: Tensor | undefined;
}

/**
 * Puts a mixture on a decoder. The update never becomes a full matrix: with all A and all B side by side it is
 * y = x W^T + s (g * (x A^T)) B^T, two thin products.
 */
export function moeWeights(
  base: ReadonlyMap<string, Tensor>,
  adapter: ReadonlyMap<string, Tensor>,
  moe: MoeConfig,
  { dropout, gates: given }: MoeOptions = {},
): MoeWeights {
  const routes: Route[] = [];
  const get = (name: string): Tensor => base.get(name)!;
  const keep = (made: Route): Route => {
    routes.push(made);
    return made;
  };
  const route = (name: string, logits: Tensor | undefined): Route =>
    keep(logits === undefined ? routeByLabels(name, given) : routeTokens(name, logits, moe.routing));
  const mixture = (layer: string, x: Tensor): Tensor => {
    const router = adapter.get(`${layer}.lora_route.weight`);
    const rank = rankOf(moe, layer);
    const one = (name: string): Tensor => adapter.get(`${layer}.${name}.weight`)!;
    const a = moe.kind === "shared-a" ? one("lora_A") : allExperts(adapter, layer, "lora_A", moe.experts);
    const b = moe.kind === "shared-b" ? one("lora_B") : allExperts(adapter, layer, "lora_B", moe.experts);
    const [h, logits] = thinProducts(x, a, router, dropout?.(layer, x));
    const constant = adapter.get(weightsName(layer));
    const { gates } =
      constant === undefined ? route(layer, logits) : keep(routeByWeights(layer, constant, x.shape[0]!));
    const inner = gated(h, gates, rank, moe.kind);
    return addProduct(linear(x, get(`${layer}.weight`)), inner, b, scalingOf(moe, layer));
  };
  const plain = (layer: string, x: Tensor): Tensor => {
    const a = adapter.get(`${layer}.lora_A.weight`)!;
    const inner = linear(dropout?.(layer, x) ?? x, a);
    const y = linear(x, get(`${layer}.weight`));
    return addProduct(y, inner, adapter.get(`${layer}.lora_B.weight`)!, scalingOf(moe, layer));
  };
  const block = mixloraBlocks({ base, adapter, moe, route, dropout });
  return {
    get,
    routes,
    linear: (layer, x) => {
      if (moe.kind !== "mixlora") {
        const adapted = adapter.has(`${layer}.lora_A.weight`) || hasExperts(adapter, layer);
        return adapted ? mixture(layer, x) : linear(x, get(`${layer}.weight`));
      }
      const name = feedForward(layer);
      if (name !== undefined && adapter.has(`${name}.moe_gate.weight`)) return block(name, layer, x);
      return adapter.has(`${layer}.lora_A.weight`) ? plain(layer, x) : linear(x, get(`${layer}.weight`));
    },
  };
}

/** onnxruntime sums products over at least so many columns at once: up to here the bits do not depend on the rows of A. */
const ONE_SUM = 128;

/** x A^T, and x W_g^T where there is a router; with one gradient of x where both see the same x. */
function thinProducts(
  x: Tensor,
  a: Tensor,
  router: Tensor | undefined,
  seen: Tensor | undefined,
): readonly [h: Tensor, logits: Tensor | undefined] {
  if (router === undefined) return [linear(seen ?? x, a), undefined];
  if (seen !== undefined) return [linear(seen, a), linear(x, router)];
  if (x.shape[1]! <= ONE_SUM) return linearPair(x, a, router);
  const both = linear(x, concat([a, router], 0));
  return split(both, [a.shape[0]!, router.shape[0]!], 1) as [Tensor, Tensor];
}

/**
 * g * h per expert. h [N, E r], or [N, r] for a shared A; g [N, E] -> [N, E r], or [N, r] for a shared B.
 * Repeats and sums over experts are products with matrices of 0 and 1: broadcasts along such short axes are slow.
 */
function gated(h: Tensor, gates: Tensor, rank: number, kind: MoeConfig["kind"]): Tensor {
  const { graph } = gates;
  const experts = gates.shape[1]!;
  const columns = experts * rank;
  const matrix = (rows: number, one: (row: number, column: number) => boolean): Tensor =>
    graph.constant(
      [rows, columns],
      Float32Array.from({ length: rows * columns }, (_, at) =>
        Number(one(Math.floor(at / columns), at % columns)),
      ),
    );
  const perExpert = matrix(experts, (e, column) => Math.floor(column / rank) === e); // [E, E r]
  const perRank = (): Tensor => matrix(rank, (k, column) => column % rank === k); // [r, E r]
  const wide = kind === "shared-a" ? matmul(h, perRank()) : h;
  const weighted = multiply(wide, matmul(gates, perExpert));
  return kind === "shared-b" ? matmul(weighted, perRank(), false, true) : weighted;
}
