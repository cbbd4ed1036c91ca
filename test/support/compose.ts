import { stream } from "../../src/core/random.js";
import type { WeightedAdapter } from "../../src/merge/compose/layers.js";
import { type Factors, outerProduct, type Part, sidesOf } from "../../src/merge/compose/part.js";
import { type LoraConfig, loraParameters, scalingOf } from "../../src/model/lora.js";
import { product } from "../../src/core/math.js";
import type { Weight, Weights } from "../../src/model/safetensors.js";
import { SMALL } from "./small-model.js";

/** A matrix by its rows. */
export function matrix(rows: readonly (readonly number[])[]): Weight {
  return { shape: [rows.length, rows[0]!.length], data: Float32Array.from(rows.flat()) };
}

/** The update of factors. */
export function updateOfFactors(parts: readonly Part[], { rank, a, b }: Factors): Float64Array {
  return outerProduct(sidesOf(parts[0]!), rank, b, a);
}

/** An adapter of the small model with normal entries, drawn by its name. */
export function randomAdapter(name: string, lora: LoraConfig, weight: number): WeightedAdapter {
  const weights = new Map(
    loraParameters(SMALL, lora).map(({ name: tensor, shape }): [string, Weight] => {
      const draw = stream(4, "compose", name, tensor);
      return [
        tensor,
        { shape, data: Float32Array.from({ length: product(shape) }, () => draw.normal(0, 0.3)) },
      ];
    }),
  );
  return { name, lora, weights, weight };
}

/** The update s B A of every layer that an adapter changes. */
export function updatesOf(lora: LoraConfig, weights: Weights): Map<string, Float64Array> {
  const layers = [...weights.keys()].filter((name) => name.endsWith(".lora_A.weight"));
  return new Map(
    layers.map((name) => {
      const layer = name.replace(".lora_A.weight", "");
      const a = weights.get(name)!;
      const b = weights.get(`${layer}.lora_B.weight`)!;
      const sides = { out: b.shape[0]!, width: a.shape[1]! };
      return [layer, outerProduct(sides, a.shape[0]!, b.data, a.data, scalingOf(lora, layer))];
    }),
  );
}

/** Largest |a - b| over all layers, a layer that only one has being zero in the other. */
export function largestDifference(
  a: ReadonlyMap<string, Float64Array>,
  b: ReadonlyMap<string, Float64Array>,
): number {
  let largest = 0;
  for (const layer of new Set([...a.keys(), ...b.keys()])) {
    const [x, y] = [a.get(layer), b.get(layer)];
    const length = (x ?? y)!.length;
    for (let at = 0; at < length; at++)
      largest = Math.max(largest, Math.abs((x?.[at] ?? 0) - (y?.[at] ?? 0)));
  }
  return largest;
}
