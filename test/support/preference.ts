import type { Device, Feeds } from "../../src/compute/device.js";
import { differentiate } from "../../src/compute/differentiate.js";
import { Graph } from "../../src/compute/graph.js";
import { gatherRows } from "../../src/compute/ops/gather.js";
import { linearCrossEntropy } from "../../src/compute/ops/linear-cross-entropy.js";
import { product } from "../../src/core/math.js";
import { type ModelConfig, headName, parametersOf } from "../../src/model/config.js";
import { decoder, decoderInput, pack, plainWeights, unpack } from "../../src/model/decoder.js";
import type { Weights } from "../../src/model/safetensors.js";
import { preferenceInputs, preferenceLoss, type PreferenceOptions } from "../../src/train/preference.js";
import type { PreferenceShape } from "../../src/train/preference-batch.js";

/** Results of one batch by name: those of `preferenceLoss`, and `gradients` of all weights as one flat vector. */
export type PreferenceResults = Record<string, Float32Array>;

/** Runs batches of pairs through one graph of a whole model, its preference loss and the gradients of its weights. */
export async function runPairs(
  device: Device,
  { config, weights }: { readonly config: ModelConfig; readonly weights: Weights },
  options: PreferenceOptions,
  shape: PreferenceShape,
  batches: readonly Feeds[],
): Promise<PreferenceResults[]> {
  const parameters = parametersOf(config);
  const graph = new Graph();
  const size = parameters.reduce((total, parameter) => total + product(parameter.shape), 0);
  const flat = graph.input("parameters", "float32", [size]);
  const tensors = plainWeights(unpack(flat, parameters));
  const hidden = decoder(config, tensors, decoderInput(graph, shape.lines, shape.tokens));
  const scored =
    shape.targets === shape.lines * shape.tokens
      ? hidden
      : gatherRows(hidden, graph.input("targets", "int32", [shape.targets]));
  const entropy = linearCrossEntropy(
    scored,
    tensors.get(headName(config)),
    graph.input("labels", "int32", [shape.targets]),
    graph.input("weights", "float32", [shape.targets]),
  );
  const result = preferenceLoss(entropy, preferenceInputs(graph, shape, options), options);
  for (const [name, tensor] of Object.entries(result)) if (tensor !== undefined) graph.output(name, tensor);
  graph.output("gradients", differentiate(result.loss, [flat])[0]!);
  const program = await device.compile(graph);
  try {
    const results: PreferenceResults[] = [];
    for (const feeds of batches) {
      const values = await program.run({ ...feeds, parameters: pack(parameters, weights) });
      results.push(
        Object.fromEntries(Object.entries(values).map(([name, data]) => [name, Float32Array.from(data)])),
      );
    }
    return results;
  } finally {
    await program.dispose();
  }
}
