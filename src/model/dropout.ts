import type { Feeds } from "../compute/device.js";
import type { Graph, Tensor } from "../compute/graph.js";
import { multiply } from "../compute/ops/elementwise.js";
import { product } from "../core/math.js";
import { bitStream } from "../core/random.js";

/** What an adapter's layer sees of its input: x with entries dropped. x [N, in] -> [N, in]. */
export type Dropout = (layer: string, x: Tensor) => Tensor;

const PREFIX = "dropout.";

/** Dropout by masks that are drawn outside: x times the graph's input `dropout.<layer>`, one for each adapted layer. */
export const maskedDropout: Dropout = (layer, x) =>
  multiply(x, x.graph.input(`${PREFIX}${layer}`, "float32", x.shape));

/**
 * Masks for one step: 0 with probability `rate`, else 1 / (1 - rate), so that the expected input stays. One stream per
 * layer, step and micro-batch; a draw has 16 bits, so `rate` in [0, 1) counts as rounded to 1/65536.
 */
export function dropoutMasks(
  graph: Graph,
  rate: number,
  seed: number,
  step: number,
  microBatch: number = 0,
): Feeds {
  const names = [...graph.inputs.keys()].filter((name) => name.startsWith(PREFIX));
  const limit = Math.round(rate * 65536);
  const kept = 1 / (1 - rate);
  return Object.fromEntries(
    names.map((name) => {
      const draw = bitStream(seed, "dropout", name.slice(PREFIX.length), step, microBatch);
      const mask = new Float32Array(product(graph.inputs.get(name)!.shape));
      for (let i = 0; i < mask.length; i += 2) {
        const bits = draw();
        mask[i] = (bits & 0xffff) < limit ? 0 : kept;
        mask[i + 1] = bits >>> 16 < limit ? 0 : kept; // past the end of an odd mask nothing is written
      }
      return [name, mask];
    }),
  );
}
