import { LawbookError } from "../../core/errors.js";
import type { ModelConfig } from "../../model/config.js";
import { type MoeConfig, weightsName } from "../../model/lora-moe.js";
import type { Weight, Weights } from "../../model/safetensors.js";
import { checkComposition, checkLayers } from "./check.js";
import { type ComposedAdapter, composeAdapters } from "./compose.js";
import { configOf, layerParts, type WeightedAdapter, weightIn } from "./layers.js";
import { findComposeMethod } from "./list.js";
import { type Part, rankOfPart, sidesOf } from "./part.js";

/** What is learnt over frozen adapters: weights of layers, or gates of tokens. */
export const LEARNT_COMPOSITIONS = ["cat", "gate"] as const;

/** One of `LEARNT_COMPOSITIONS`. */
export type LearntComposition = (typeof LEARNT_COMPOSITIONS)[number];

/** Adapters as the experts of a mixture of which only what weighs them is trained. */
export interface FrozenExperts {
  readonly config: MoeConfig;
  readonly weights: Map<string, Weight>;
  /** Parts of the mixture that training leaves as they are. */
  readonly freeze: readonly string[];
}

/**
 * Makes a mixture of E >= 2 frozen adapters: y = W x + sum_i g_i s_i B_i A_i x.
 * `cat`: g is one learnt weight c_i a layer and adapter, from the adapters' weights on: Learnable Concatenation.
 * `gate`: g(x) = softmax(W_g x) a layer and token, from W_g = 0, which is the mean of the adapters.
 * The scaling s_i is in B_i, smaller ranks are filled up with zeros, and an adapter that leaves a layer alone is zero there.
 * A [r, in], B [out, r], W_g [E, in], c [E].
 * Deviations: c is not normalised, where the released code of LoRA Soups takes a softmax; the gate reads the input of its
 * layer, where X-LoRA reads the last hidden state of an extra pass without adapters.
 * Source: Prabhakar et al. 2024 (LoRA Soups); Buehler & Buehler 2024 (X-LoRA).
 */
export function frozenExperts(
  model: ModelConfig,
  adapters: readonly WeightedAdapter[],
  learnt: LearntComposition,
): FrozenExperts {
  checkComposition(adapters, findComposeMethod("cat"), { seed: 0 });
  if (adapters.length < 2) {
    throw new LawbookError(
      "request",
      `There is nothing to weigh: got ${adapters.length} adapter, expected 2 or more.`,
    );
  }
  const layers = layerParts(model, adapters);
  if (learnt === "cat") checkLayers(layers, adapters, findComposeMethod("cat"), undefined);
  const ranks = new Map([...layers].map(([layer, parts]) => [layer, Math.max(...parts.map(rankOfPart))]));
  const weights = new Map<string, Weight>();
  for (const [layer, parts] of layers) {
    const rank = ranks.get(layer)!;
    const sides = sidesOf(parts[0]!);
    adapters.forEach((_, index) => {
      const part = parts.find((own) => own.index === index);
      weights.set(`${layer}.lora_A${index}.weight`, {
        shape: [rank, sides.width],
        data: wideA(part, rank * sides.width),
      });
      weights.set(`${layer}.lora_B${index}.weight`, {
        shape: [sides.out, rank],
        data: scaledB(part, sides.out, rank),
      });
    });
    if (learnt === "cat") {
      const start = Float32Array.from(adapters, (adapter) => weightIn(adapter, layer));
      weights.set(weightsName(layer), { shape: [adapters.length], data: start });
    } else {
      const shape = [adapters.length, sides.width];
      weights.set(`${layer}.lora_route.weight`, {
        shape,
        data: new Float32Array(adapters.length * sides.width),
      });
    }
  }
  const config: MoeConfig = {
    ...configOf(model, ranks),
    kind: "lora-moe",
    experts: adapters.length,
    routing: { kind: learnt === "cat" ? "constant" : "dense" },
  };
  return { config, weights, freeze: ["lora_A", "lora_B"] };
}

/** A with rows of zeros below. */
function wideA(part: Part | undefined, size: number): Float32Array {
  const data = new Float32Array(size);
  if (part !== undefined) data.set(part.a.data);
  return data;
}

/** s B with columns of zeros behind. */
function scaledB(part: Part | undefined, out: number, rank: number): Float32Array {
  const data = new Float32Array(out * rank);
  if (part === undefined) return data;
  const own = rankOfPart(part);
  for (let i = 0; i < out; i++) {
    for (let k = 0; k < own; k++) data[i * rank + k] = part.scaling * part.b.data[i * own + k]!;
  }
  return data;
}

/** The weights that a `cat` has learnt: of each adapter, by the layers that it changes. */
export function learntWeights(
  trained: Weights,
  adapters: readonly WeightedAdapter[],
): readonly ReadonlyMap<string, number>[] {
  const suffix = weightsName("");
  const layers = [...trained].filter(([name]) => name.endsWith(suffix));
  return adapters.map(({ weights }, index) => {
    const own = layers.map(([name, { data }]) => [name.slice(0, -suffix.length), data[index]!] as const);
    return new Map(own.filter(([layer]) => weights.has(`${layer}.lora_A.weight`)));
  });
}

/** The plain adapter that a trained `cat` is, by concatenation with its weights. */
export function learntAdapter(
  model: ModelConfig,
  adapters: readonly WeightedAdapter[],
  trained: Weights,
): ComposedAdapter {
  const weights = learntWeights(trained, adapters);
  const weighted = adapters.map((adapter, index) => ({ ...adapter, weight: weights[index]! }));
  return composeAdapters(model, weighted, { method: "cat", seed: 0 });
}
