import { join } from "node:path";

import { cpu } from "../../../src/compute/devices/cpu.js";
import { attentionBias, packRows } from "../../../src/data/batches.js";
import { logits } from "../../../src/evaluate/logits.js";
import { type Checkpoint, readCheckpoint } from "../../../src/model/checkpoint.js";
import { pack, unpackValues } from "../../../src/model/decoder.js";
import type { Weight } from "../../../src/model/safetensors.js";
import { ADAMW, adamwScalars, stateName } from "../../../src/train/optimizer.js";
import { trainingStep, type TrainingStep } from "../../../src/train/step.js";
import type { Feeds, Program } from "../../../src/compute/device.js";
import type { Runner } from "../case.js";

const IGNORED_LABEL = -100;

/** Rows of one training batch, with labels as transformers takes them. */
export interface Batch {
  readonly input_ids: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
}

/** Rows of equal length as lines of their own, with the labels of transformers: position t predicts labels[t + 1]. */
export function feedsOf({ input_ids: ids, labels }: Batch): { feeds: Feeds; targets: number } {
  const tokens = ids[0]!.length;
  const batch = packRows(
    ids.map((row) => ({ ids: row, from: 1 })),
    tokens,
  );
  const next = new Int32Array(batch.ids.length);
  const weights = new Float32Array(batch.ids.length);
  labels.forEach((row, line) =>
    row.forEach((label, index) => {
      if (index === 0 || label === IGNORED_LABEL) return;
      next[line * tokens + index - 1] = label;
      weights[line * tokens + index - 1] = 1;
    }),
  );
  const targets = weights.reduce((a, b) => a + b, 0);
  return {
    feeds: {
      ids: batch.ids,
      positions: batch.positions,
      bias: attentionBias(batch),
      labels: next,
      weights: weights.map((w) => w / targets),
    },
    targets,
  };
}

function load(program: Program, step: TrainingStep, { weights }: Checkpoint): void {
  for (const { name, parameters } of step.groups) {
    const values = pack(parameters, weights);
    program.load({
      [stateName("p", name)]: values,
      [stateName("m", name)]: new Float32Array(values.length),
      [stateName("v", name)]: new Float32Array(values.length),
    });
  }
}

function scalars(step: TrainingStep, t: number, lr: number): Feeds {
  return Object.fromEntries(
    step.groups.flatMap(({ name, decay }) =>
      Object.entries(adamwScalars(ADAMW, t, lr, decay)).map(([key, value]) => [
        `${key}.${name}`,
        Float32Array.of(value as number),
      ]),
    ),
  );
}

/** Logits, loss and gradients of a Llama model, and five AdamW steps. */
export const llama: Runner = {
  ignored: { float64_run: "the same computation in float64, for judging rounding; not the target" },
  run: async ({ folder, inputs }) => {
    const checkpoint = readCheckpoint(join(folder, inputs.model as string));
    const { optimizer, train_batches: batches } = inputs as {
      optimizer: { lr: number; weight_decay: number; clip_norm: number };
      train_batches: Batch[];
    };
    const rows = inputs.input_ids as number[][];
    const perRow: number[][][] = [];
    for (const row of rows) perRow.push(await logits(cpu, checkpoint, row));

    const tokens = rows[0]!.length;
    const options = {
      config: checkpoint.config,
      shape: { lines: rows.length, tokens, targets: rows.length * tokens },
      decay: optimizer.weight_decay,
      clip: optimizer.clip_norm,
    };
    const probe = trainingStep(options);
    probe.gradients.forEach((gradient, index) => probe.graph.output(`gradient.${index}`, gradient));
    const first = feedsOf(inputs as Batch);
    const program = await cpu.compile(probe.graph);
    load(program, probe, checkpoint);
    const once = await program.run({ ...first.feeds, ...scalars(probe, 1, 0) });
    await program.dispose();
    const gradients = new Map<string, Weight>(
      probe.groups.flatMap(({ parameters }, index) => [
        ...unpackValues(parameters, once[`gradient.${index}`] as Float32Array),
      ]),
    );

    const step = trainingStep(options);
    const training = await cpu.compile(step.graph);
    load(training, step, checkpoint);
    const losses: number[] = [];
    const norms: number[] = [];
    for (const [index, batch] of batches.entries()) {
      const { loss, norm } = await training.run({
        ...feedsOf(batch).feeds,
        ...scalars(step, index + 1, optimizer.lr),
      });
      losses.push(loss![0]!);
      norms.push(norm![0]!);
    }
    const state = await training.state();
    await training.dispose();
    const trained = new Map<string, Weight>(
      step.groups.flatMap(({ name, parameters }) => [
        ...unpackValues(parameters, state[stateName("p", name)]!),
      ]),
    );
    const shape = [rows.length, tokens, checkpoint.config.vocabulary];
    return {
      loss: once["loss"]![0],
      valid_targets: first.targets,
      train_losses: losses,
      train_grad_norms: norms,
      tensor_files: {
        logits: new Map([["logits", { shape, data: Float32Array.from(perRow.flat(2)) }]]),
        grads: gradients,
        final_weights: trained,
      },
    };
  },
};
