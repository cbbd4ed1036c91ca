import type { Feeds } from "../compute/device.js";
import type { Graph, Tensor } from "../compute/graph.js";
import { multiply } from "../compute/ops/elementwise.js";
import { product } from "../core/math.js";
import { stream } from "../core/random.js";

/** What an adapter's layer sees of its input: x with entries dropped. x [N, in] -> [N, in]. */
export type Dropout = (layer: string, x: Tensor) => Tensor;

const PREFIX = "dropout.";

/** Dropout by masks that are drawn outside: x times the graph's input `dropout.<layer>`, one for each adapted layer. */
export const maskedDropout: Dropout = (layer, x) =>
  multiply(x, x.graph.input(`${PREFIX}${layer}`, "float32", x.shape));

/**
 * Masks for one step: 0 with probability `rate`, else 1 / (1 - rate), so that the expected input stays.
 * One stream per layer and step. rate in [0, 1).
 */
export function dropoutMasks(graph: Graph, rate: number, seed: number, step: number): Feeds {
  const names = [...graph.inputs.keys()].filter((name) => name.startsWith(PREFIX));
  return Object.fromEntries(
    names.map((name) => {
      const draw = stream(seed, "dropout", name.slice(PREFIX.length), step);
      const mask = new Float32Array(product(graph.inputs.get(name)!.shape));
      for (let i = 0; i < mask.length; i++) mask[i] = draw.uniform() < rate ? 0 : 1 / (1 - rate);
      return [name, mask];
    }),
  );
}
