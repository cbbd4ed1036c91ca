import { mean } from "../core/math.js";
import type { Weights } from "../model/safetensors.js";

/** How alike the experts of a mixture are: mean cosine over layers and pairs of experts; null where all share one. */
export interface ExpertSimilarity {
  readonly A: number | null;
  readonly B: number | null;
}

/**
 * cos(E_i, E_j) = sum E_i E_j / (|E_i| |E_j|) of flattened factors, mean over all pairs i < j of each layer and over layers; a
 * pair with a factor of zeros counts 0. In [-1, 1]. HydraLoRA (Tian et al. 2024) reports that A's of separately trained
 * adapters are alike and B's are not; its adapters start from one draw of A, these experts from one each.
 */
export function expertSimilarity(weights: Weights): ExpertSimilarity {
  return { A: similarityOf(weights, "A"), B: similarityOf(weights, "B") };
}

function similarityOf(weights: Weights, factor: "A" | "B"): number | null {
  const layers = new Map<string, Float32Array[]>();
  for (const name of [...weights.keys()].sort()) {
    const [, layer, own] = /^(.*?)\.(?:experts\.\d+\.)?lora_([AB])\d*\.weight$/.exec(name) ?? [];
    if (layer === undefined || own !== factor) continue;
    layers.set(layer, [...(layers.get(layer) ?? []), weights.get(name)!.data]);
  }
  const pairs = [...layers.values()].flatMap((experts) =>
    experts.flatMap((one, index) => experts.slice(index + 1).map((other) => cosine(one, other))),
  );
  return pairs.length === 0 ? null : mean(pairs);
}

function cosine(one: Float32Array, other: Float32Array): number {
  let [dot, left, right] = [0, 0, 0];
  one.forEach((value, index) => {
    dot += value * other[index]!;
    left += value * value;
    right += other[index]! * other[index]!;
  });
  return left === 0 || right === 0 ? 0 : dot / (Math.sqrt(left) * Math.sqrt(right));
}
