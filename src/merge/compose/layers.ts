import type { ModelConfig } from "../../model/config.js";
import { adaptedLayers, type LoraConfig, scalingOf } from "../../model/lora.js";
import type { Weights } from "../../model/safetensors.js";
import { LINEAR_LAYERS } from "../../model/config.js";
import { layerName, targetLayers, type Targets } from "../../model/targets.js";
import type { Part } from "./part.js";

/** An adapter that is to be composed with others. */
export interface WeightedAdapter {
  /** What errors and reports call it. */
  readonly name: string;
  readonly lora: LoraConfig;
  readonly weights: Weights;
  /** w, any finite number; by the name of a layer where layers have weights of their own. */
  readonly weight: number | ReadonlyMap<string, number>;
}

/** The weight of an adapter in a layer; 0 in a layer that a list of weights does not name. */
export function weightIn({ weight }: WeightedAdapter, layer: string): number {
  return typeof weight === "number" ? weight : (weight.get(layer) ?? 0);
}

/** Layers that any of the adapters changes, in the order of the model, each with the parts of those that change it. */
export function layerParts(
  model: ModelConfig,
  adapters: readonly WeightedAdapter[],
): ReadonlyMap<string, readonly Part[]> {
  const found = new Map<string, Part[]>();
  adapters.forEach((adapter, index) => {
    for (const { name } of adaptedLayers(model, adapter.lora)) {
      const layer = layerName(name);
      const part: Part = {
        index,
        weight: weightIn(adapter, layer),
        scaling: scalingOf(adapter.lora, layer),
        a: adapter.weights.get(`${layer}.lora_A.weight`)!,
        b: adapter.weights.get(`${layer}.lora_B.weight`)!,
      };
      found.set(layer, [...(found.get(layer) ?? []), part]);
    }
  });
  const order = targetLayers(model, { targets: LINEAR_LAYERS.map((name) => name) }).map(({ name }) =>
    layerName(name),
  );
  return new Map(order.flatMap((layer) => (found.has(layer) ? [[layer, found.get(layer)!] as const] : [])));
}

/** The targets that choose exactly these layers: the ends of their names where these do, else the names in full. */
export function targetsOf(model: ModelConfig, layers: readonly string[]): Targets {
  const ends = [...new Set(layers.map((layer) => layer.split(".").at(-1)!))].sort();
  const chosen = targetLayers(model, { targets: ends });
  return chosen.length === layers.length ? ends : layers;
}

/** The config of an adapter with s = 1 whose layers have these ranks: the commonest rank, and patterns for the others. */
export function configOf(model: ModelConfig, ranks: ReadonlyMap<string, number>): LoraConfig {
  const counts = new Map<number, number>();
  for (const rank of ranks.values()) counts.set(rank, (counts.get(rank) ?? 0) + 1);
  const [rank] = [...counts].sort(([a, m], [b, n]) => n - m || b - a)[0]!;
  const others = [...ranks].filter(([, own]) => own !== rank);
  const pattern = others.length === 0 ? undefined : Object.fromEntries(others);
  return {
    rank,
    alpha: rank,
    targets: targetsOf(model, [...ranks.keys()]),
    rankPattern: pattern,
    alphaPattern: pattern,
  };
}
