import type { Device } from "../compute/device.js";
import { Graph } from "../compute/graph.js";
import { linear } from "../compute/ops/matmul.js";
import { attentionBias, packRows } from "../data/batches.js";
import { headName } from "../model/config.js";
import { decoder, decoderInput } from "../model/decoder.js";
import { type Network, networkFeeds, networkInput, networkValues } from "../model/network.js";

/** Logits of a model after each token of one sequence. ids [T] -> T rows of V numbers. */
export async function logits(device: Device, network: Network, ids: readonly number[]): Promise<number[][]> {
  const graph = new Graph();
  const { config } = network;
  const tensors = networkInput(graph, network, ids.length);
  const hidden = decoder(config, tensors, decoderInput(graph, 1, ids.length));
  graph.output("logits", linear(hidden, tensors.get(headName(config))));
  const program = await device.compile(graph);
  try {
    program.load(networkValues(network));
    const batch = packRows([{ ids, from: 1 }], ids.length);
    const results = await program.run({
      ids: batch.ids,
      positions: batch.positions,
      bias: attentionBias(batch),
      ...networkFeeds(network, () => ids.map(() => undefined)),
    });
    const flat = results["logits"]!;
    return ids.map((_, row) => [...flat.subarray(row * config.vocabulary, (row + 1) * config.vocabulary)]);
  } finally {
    await program.dispose();
  }
}
