import { join } from "node:path";

import { cpu } from "../../../src/compute/devices/cpu.js";
import type { Program } from "../../../src/compute/device.js";
import { Graph } from "../../../src/compute/graph.js";
import { linear } from "../../../src/compute/ops/matmul.js";
import { attentionBias, packRows } from "../../../src/data/batches.js";
import { type Adapter, PREFIX, readAdapter } from "../../../src/model/adapter.js";
import { type Checkpoint, readCheckpoint } from "../../../src/model/checkpoint.js";
import { headName } from "../../../src/model/config.js";
import {
  decoder,
  decoderInput,
  frozenInput,
  frozenValues,
  pack,
  unpackValues,
} from "../../../src/model/decoder.js";
import { adaptedLayers, loraParameters, loraWeights, mergeLora, scalingOf } from "../../../src/model/lora.js";
import type { Weight, Weights } from "../../../src/model/safetensors.js";
import { composeAdapters } from "../../../src/merge/compose/compose.js";
import type { SignRule } from "../../../src/merge/compose/method.js";
import { outerProduct } from "../../../src/merge/compose/part.js";
import { layerName } from "../../../src/model/targets.js";
import { adamwScalars, stateName } from "../../../src/train/optimizer.js";
import { trainingStep } from "../../../src/train/step.js";
import type { Runner } from "../case.js";
import { type Batch, feedsOf } from "./llama.js";

/** Logits of a model with an adapter applied, not merged. -> [rows, tokens, V]. */
async function adaptedLogits(
  base: Checkpoint,
  adapter: Pick<Adapter, "lora" | "weights">,
  ids: readonly (readonly number[])[],
): Promise<Weight> {
  const [lines, tokens] = [ids.length, ids[0]!.length];
  const graph = new Graph();
  const inputs = new Map(
    loraParameters(base.config, adapter.lora).map(({ name, shape }) => [
      name,
      graph.input(name, "float32", shape),
    ]),
  );
  const weights = loraWeights(frozenInput(graph, base.config), inputs, adapter.lora);
  const hidden = decoder(base.config, weights, decoderInput(graph, lines, tokens));
  graph.output("logits", linear(hidden, weights.get(headName(base.config))));
  const program = await cpu.compile(graph);
  try {
    const batch = packRows(
      ids.map((row) => ({ ids: row, from: 1 })),
      tokens,
    );
    const { logits } = await program.run({
      ...frozenValues(base.config, base.weights),
      ...Object.fromEntries([...adapter.weights].map(([name, { data }]) => [name, data])),
      ids: batch.ids,
      positions: batch.positions,
      bias: attentionBias(batch),
    });
    return { shape: [lines, tokens, base.config.vocabulary], data: logits as Float32Array };
  } finally {
    await program.dispose();
  }
}

interface Training {
  readonly optimizer: {
    readonly lr: number;
    readonly betas: readonly [number, number];
    readonly eps: number;
    readonly weight_decay: number;
    readonly clip_norm: number;
  };
  readonly train_batches: readonly Batch[];
}

async function train(
  base: Checkpoint,
  { lora, weights }: Adapter,
  { optimizer, train_batches: batches }: Training,
): Promise<{ losses: number[]; norms: number[]; trained: Weights; parameters: number }> {
  const [lines, tokens] = [batches[0]!.input_ids.length, batches[0]!.input_ids[0]!.length];
  const adam = { beta1: optimizer.betas[0], beta2: optimizer.betas[1], epsilon: optimizer.eps };
  const step = trainingStep({
    config: base.config,
    adapter: lora,
    shape: { lines, tokens, targets: lines * tokens },
    decay: optimizer.weight_decay,
    clip: optimizer.clip_norm,
    adam,
  });
  const program: Program = await cpu.compile(step.graph);
  program.load(frozenValues(base.config, base.weights));
  for (const { name, parameters } of step.groups) {
    const values = pack(parameters, weights);
    const zeros = new Float32Array(values.length);
    program.load({
      [stateName("p", name)]: values,
      [stateName("m", name)]: zeros,
      [stateName("v", name)]: zeros,
    });
  }
  const losses: number[] = [];
  const norms: number[] = [];
  for (const [index, batch] of batches.entries()) {
    const scalars = step.groups.flatMap(({ name, decay }) =>
      Object.entries(adamwScalars(adam, index + 1, optimizer.lr, decay)).map(([key, value]) => [
        `${key}.${name}`,
        Float32Array.of(value as number),
      ]),
    );
    const { loss, norm } = await program.run({ ...feedsOf(batch).feeds, ...Object.fromEntries(scalars) });
    losses.push(loss![0]!);
    norms.push(norm![0]!);
  }
  const state = await program.state();
  await program.dispose();
  const trained = new Map(
    step.groups.flatMap(({ name, parameters }) => [
      ...unpackValues(parameters, state[stateName("p", name)]!),
    ]),
  );
  return { losses, norms, trained, parameters: trained.size };
}

/** One adapter on a Llama model: logits, scaling, merged weights, five AdamW steps of the adapter alone. */
export const peftLora: Runner = {
  ignored: {},
  run: async ({ folder, inputs }) => {
    const base = readCheckpoint(join(folder, inputs.base as string));
    const adapter = readAdapter(join(folder, inputs.adapter as string), base.config);
    const merged = mergeLora(base.weights, adapter.weights, adapter.lora);
    const changed = new Map([...merged].filter(([name, weight]) => weight !== base.weights.get(name)));
    const training = await train(base, adapter, inputs as Training);
    return {
      scaling: Object.fromEntries(
        adaptedLayers(base.config, adapter.lora).map(({ name }) => {
          const layer = layerName(name);
          return [layer, scalingOf(adapter.lora, layer)];
        }),
      ),
      merged_tensors: [...changed.keys()].sort(),
      trained_parameters: training.parameters,
      train_losses: training.losses,
      train_grad_norms: training.norms,
      tensor_files: {
        logits: new Map([["logits", await adaptedLogits(base, adapter, inputs.input_ids as number[][])]]),
        merged_weights: changed,
        final_adapter: new Map([...training.trained].map(([name, weight]) => [PREFIX + name, weight])),
      },
    };
  },
};

interface Arguments {
  readonly adapters: readonly string[];
  readonly weights: readonly number[];
  readonly combination_type: string;
  readonly svd_rank?: number;
  readonly density?: number;
  readonly majority_sign_method?: SignRule;
}

/** One adapter made of several as `add_weighted_adapter` makes it: config, factors, updates, logits. */
export const peftWeighted: Runner = {
  ignored: {},
  run: async ({ folder, inputs }) => {
    const base = readCheckpoint(join(folder, inputs.base as string));
    const given = inputs.arguments as Arguments;
    const folders = inputs.adapters as Readonly<Record<string, string>>;
    const adapters = given.adapters.map((name, index) => ({
      name,
      ...readAdapter(join(folder, folders[name]!), base.config),
      weight: given.weights[index]!,
    }));
    const composed = composeAdapters(base.config, adapters, {
      method: given.combination_type,
      rank: given.svd_rank,
      density: given.density,
      sign: given.majority_sign_method,
      seed: 1,
      convention: "peft",
    });
    const { lora, weights } = composed;
    const scaling = composed.layers.map(({ layer }) => [layer, scalingOf(lora, layer)] as const);
    const deltas = scaling.map(([layer, factor]): [string, Weight] => {
      const [a, b] = ["A", "B"].map((side) => weights.get(`${layer}.lora_${side}.weight`)!) as [
        Weight,
        Weight,
      ];
      const [out, width] = [b.shape[0]!, a.shape[1]!];
      const delta = outerProduct({ out, width }, a.shape[0]!, b.data, a.data, factor);
      return [`${layer}.delta`, { shape: [out, width], data: Float32Array.from(delta) }];
    });
    return {
      rank: lora.rank,
      lora_alpha: lora.alpha,
      use_rslora: lora.rsLora ?? false,
      scaling: Object.fromEntries(scaling),
      relative_distance_to_weighted_sum_of_deltas: Object.fromEntries(
        composed.layers.map(({ layer, distance }) => [layer, distance]),
      ),
      tensor_files: {
        delta: new Map(deltas),
        logits: new Map([["logits", await adaptedLogits(base, composed, inputs.input_ids as number[][])]]),
        adapter: weights,
      },
    };
  },
};
