import { describe, expect, it } from "vitest";

import { cpu } from "../../../src/compute/devices/cpu.js";
import { Graph } from "../../../src/compute/graph.js";
import { linear } from "../../../src/compute/ops/matmul.js";
import { stream } from "../../../src/core/random.js";
import { attentionBias, packRows } from "../../../src/data/batches.js";
import { newCheckpoint } from "../../../src/model/checkpoint.js";
import type { ModelConfig } from "../../../src/model/config.js";
import {
  decoder,
  decoderInput,
  frozenInput,
  frozenValues,
  pack,
  plainWeights,
  unpack,
} from "../../../src/model/decoder.js";
import {
  ALL_LINEAR,
  adaptedLayers,
  type LoraConfig,
  loraParameters,
  loraWeights,
  mergeLora,
  newLora,
} from "../../../src/model/lora.js";
import type { Weights } from "../../../src/model/safetensors.js";
import { expectClose } from "../../support/close.js";

const CONFIG: ModelConfig = {
  vocabulary: 30,
  width: 8,
  layers: 2,
  heads: 2,
  keyValueHeads: 1,
  headWidth: 4,
  feedForward: 12,
  epsilon: 1e-5,
  theta: 10000,
  tied: true,
  maxPositions: 16,
};
const { weights } = newCheckpoint(CONFIG, 1, "");
const IDS = [1, 5, 9, 2, 7];

async function logitsOf(
  base: Weights,
  adapter?: { config: LoraConfig; weights: Weights },
): Promise<Float32Array> {
  const graph = new Graph();
  const tensors = frozenInput(graph, CONFIG);
  const parameters = adapter === undefined ? [] : loraParameters(CONFIG, adapter.config);
  const flat = adapter === undefined ? undefined : pack(parameters, adapter.weights);
  const model =
    adapter === undefined
      ? plainWeights(tensors)
      : loraWeights(
          tensors,
          unpack(graph.input("adapter", "float32", [flat!.length]), parameters),
          adapter.config,
        );
  const hidden = decoder(CONFIG, model, decoderInput(graph, 1, IDS.length));
  graph.output("logits", linear(hidden, model.get("model.embed_tokens.weight")));
  const program = await cpu.compile(graph);
  program.load({ ...frozenValues(CONFIG, base), ...(flat === undefined ? {} : { adapter: flat }) });
  const batch = packRows([{ ids: IDS, from: 1 }], IDS.length);
  const { logits } = await program.run({
    ids: batch.ids,
    positions: batch.positions,
    bias: attentionBias(batch),
  });
  await program.dispose();
  return logits as Float32Array;
}

describe("a low-rank adapter", () => {
  const config: LoraConfig = { rank: 2, alpha: 6, targets: ALL_LINEAR };

  it("changes nothing at its start, where B is zero", async () => {
    const adapter = { config, weights: newLora(CONFIG, config, 1) };
    expectClose(await logitsOf(weights, adapter), await logitsOf(weights), 0, 0);
  });

  it("applied equals merged", async () => {
    const trained = newLora(CONFIG, config, 1);
    const draw = stream(2, "b");
    for (const { data } of trained.values())
      data.forEach((value, i) => (data[i] = value === 0 ? draw.normal(0, 0.5) : value));
    const applied = await logitsOf(weights, { config, weights: trained });
    const merged = await logitsOf(mergeLora(weights, trained, config));
    expectClose(applied, merged, 1e-5, 1e-6);
    expect(Math.max(...applied.map((value, i) => Math.abs(value - merged[i]!)))).toBeLessThan(1e-5);
    const plain = await logitsOf(weights);
    expect(Math.max(...applied.map((value, i) => Math.abs(value - plain[i]!)))).toBeGreaterThan(1e-3);
  });

  it("has r (in + out) parameters a layer, and only on its targets", () => {
    const targets = ["q_proj", "down_proj"];
    const names = adaptedLayers(CONFIG, { ...config, targets }).map(({ name }) => name.split(".").at(-2));
    expect(new Set(names)).toEqual(new Set(targets));
    const size = loraParameters(CONFIG, { ...config, targets }).reduce(
      (total, { shape }) => total + shape[0]! * shape[1]!,
      0,
    );
    expect(size).toBe(2 * (2 * (8 + 8) + 2 * (12 + 8)));
  });

  it("refuses unknown targets and ranks above a layer's smaller side", () => {
    expect(() => adaptedLayers(CONFIG, { ...config, targets: ["lm_head"] })).toThrow(
      'Unknown target module: got "lm_head"',
    );
    expect(() => adaptedLayers(CONFIG, { ...config, rank: 5 })).toThrow(
      "got 5, expected at most 4, its smaller side",
    );
  });
});
