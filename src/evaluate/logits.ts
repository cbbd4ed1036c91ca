import type { Device } from "../compute/device.js";
import { Graph } from "../compute/graph.js";
import { linear } from "../compute/ops/matmul.js";
import { attentionBias, packRows } from "../data/batches.js";
import type { Checkpoint } from "../model/checkpoint.js";
import { headName } from "../model/config.js";
import { decoder, decoderInput, frozenInput, frozenValues, plainWeights } from "../model/decoder.js";

/** Logits of a model after each token of one sequence. ids [T] -> T rows of V numbers. */
export async function logits(
  device: Device,
  { config, weights }: Checkpoint,
  ids: readonly number[],
): Promise<number[][]> {
  const graph = new Graph();
  const tensors = plainWeights(frozenInput(graph, config));
  const hidden = decoder(config, tensors, decoderInput(graph, 1, ids.length));
  graph.output("logits", linear(hidden, tensors.get(headName(config))));
  const program = await device.compile(graph);
  try {
    program.load(frozenValues(config, weights));
    const batch = packRows([{ ids, from: 1 }], ids.length);
    const results = await program.run({
      ids: batch.ids,
      positions: batch.positions,
      bias: attentionBias(batch),
    });
    const flat = results["logits"]!;
    return ids.map((_, row) => [...flat.subarray(row * config.vocabulary, (row + 1) * config.vocabulary)]);
  } finally {
    await program.dispose();
  }
}
