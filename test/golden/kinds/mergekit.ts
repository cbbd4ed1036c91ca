import { join, resolve } from "node:path";

import { readText } from "../../../src/core/files.js";
import { bitStream } from "../../../src/core/random.js";
import { dropAtRandom } from "../../../src/merge/dare.js";
import { dropByRank } from "../../../src/merge/della.js";
import { merge, mergedCheckpoint } from "../../../src/merge/merge.js";
import type { TensorTask } from "../../../src/merge/method.js";
import { parseRecipe } from "../../../src/merge/recipe.js";
import { memoryValues } from "../../../src/merge/values.js";
import { openCheckpoint } from "../../../src/model/checkpoint.js";
import { readTensors, type Weights } from "../../../src/model/safetensors.js";
import type { GoldenCase, Runner } from "../case.js";

/** A recipe and the merged weights. */
export const mergekit: Runner = {
  ignored: {},
  run: ({ folder, inputs }: GoldenCase) => {
    const recipe = parseRecipe(readText(join(folder, inputs.config as string)));
    const merged = merge(recipe, { resolve: (name) => openCheckpoint(resolve(folder, name)), seed: 1 });
    const { config, weights } = mergedCheckpoint(merged);
    return Promise.resolve({
      num_hidden_layers: config.layers,
      tensor_names: [...weights.keys()].sort(),
      tensor_files: { merged: weights },
    });
  },
};

interface RandomInputs {
  readonly delta: string;
  readonly sparsifier: "random" | "della_magprune";
  readonly density: number;
  readonly epsilon: number;
  readonly rescale: boolean;
  readonly draws: number;
}

/** Means, deviations and shares over as many random masks on one task vector as the peer drew. */
export const mergekitRandom: Runner = {
  ignored: {
    "tensor_files.statistics":
      "192 shares, of which the peer's own furthest is 0.014 from its expectation, above atol; compared here by standard errors",
  },
  run: ({ folder, inputs, expected }: GoldenCase) => {
    const { delta: file, sparsifier, density, epsilon, rescale, draws } = inputs as RandomInputs;
    const delta = readTensors(join(folder, file)).get("delta")!;
    const size = delta.data.length;
    const zero = { shape: delta.shape, data: new Float32Array(size) };
    const values = memoryValues(delta, "delta");
    const [sums, squares, kept] = [0, 1, 2].map(() => new Float64Array(size)) as [
      Float64Array,
      Float64Array,
      Float64Array,
    ];
    const [shares, norms]: [number[], number[]] = [[], []];
    for (let draw = 0; draw < draws; draw++) {
      const task: TensorTask = {
        name: "delta",
        shape: delta.shape,
        size,
        base: memoryValues(zero, "base"),
        inputs: [{ values, settings: { weight: 1, density, epsilon } }],
        settings: { rescale, rescaling: "l1" },
        bits: () => bitStream(1, "merge", "delta", draw),
      };
      const { open, scale } = (sparsifier === "random" ? dropAtRandom : dropByRank)(task, 0)!;
      const masked = delta.data.slice();
      open()(masked);
      let [count, norm] = [0, 0];
      masked.forEach((value, i) => {
        const result = scale * value;
        sums[i]! += result;
        squares[i]! += result * result;
        norm += Math.abs(result);
        if (value !== 0) {
          kept[i]!++;
          count++;
        }
      });
      shares.push(count / size);
      norms.push(norm);
    }
    const statistics = readTensors(
      join(folder, (expected.tensor_files as { statistics: string }).statistics),
    );
    compareElements(statistics, draws, {
      mean: sums.map((sum) => sum / draws),
      kept_probability: kept.map((count) => count / draws),
      sd: squares.map((square, i) => Math.sqrt(square / draws - (sums[i]! / draws) ** 2)),
    });
    const average = (list: readonly number[]): number =>
      list.reduce((sum, value) => sum + value, 0) / list.length;
    const deviation = (list: readonly number[]): number => {
      const centre = average(list);
      return Math.sqrt(average(list.map((value) => (value - centre) ** 2)));
    };
    const l1 = delta.data.reduce((sum, value) => sum + Math.abs(value), 0);
    return Promise.resolve({
      kept_fraction_mean: average(shares),
      kept_fraction_sd: deviation(shares),
      l1_of_delta: l1,
      l1_of_result_mean: average(norms),
      l1_of_result_sd: deviation(norms),
      draws,
    });
  },
};

/** Two samples of one size: means differ by at most 4.5 standard errors of a difference (384 are compared), deviations by 10 %. */
function compareElements(
  statistics: Weights,
  draws: number,
  ours: Readonly<Record<"mean" | "sd" | "kept_probability", Float64Array>>,
): void {
  const peer = (name: string): Float32Array => statistics.get(name)!.data;
  const error = (deviation: number): number => deviation * Math.sqrt(2 / draws);
  peer("sd").forEach((sd, i) => {
    const p = peer("kept_probability")[i]!;
    const mean = peer("mean")[i]!;
    const wrong = [
      [ours.mean[i]!, mean, 4.5 * error(sd)],
      [ours.kept_probability[i]!, p, 4.5 * error(Math.sqrt(p * (1 - p)))],
      [ours.sd[i]!, sd, 0.1 * sd],
    ].find(([got, expected, bound]) => Math.abs(got! - expected!) > bound!);
    if (wrong !== undefined)
      throw new Error(`At ${i}: got ${wrong[0]}, expected ${wrong[1]} within ${wrong[2]}.`);
  });
}
