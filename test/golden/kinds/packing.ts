import { join } from "node:path";

import type { Program } from "../../../src/compute/device.js";
import { cpu } from "../../../src/compute/devices/cpu.js";
import { Graph } from "../../../src/compute/graph.js";
import { linear } from "../../../src/compute/ops/matmul.js";
import { sum } from "../../../src/core/math.js";
import { attentionBias, type PackedBatch } from "../../../src/data/batches.js";
import {
  batchOf,
  completionRow,
  fillPack,
  IGNORED_LABEL,
  joinRows,
  type LabelledRow,
  packSequences,
  type PackingStrategy,
  padRows,
} from "../../../src/data/packing.js";
import { scoreRows } from "../../../src/evaluate/likelihood.js";
import { type Checkpoint, readCheckpoint } from "../../../src/model/checkpoint.js";
import { headName, type Parameter } from "../../../src/model/config.js";
import {
  decoder,
  decoderInput,
  frozenInput,
  frozenValues,
  pack as packWeights,
  plainWeights,
  unpackValues,
} from "../../../src/model/decoder.js";
import type { Weights } from "../../../src/model/safetensors.js";
import type { TrainingStep } from "../../../src/train/step.js";
import {
  gradientName,
  gradientStep,
  microBatchFeeds,
  type Normalization,
  targetWeights,
} from "../../../src/train/accumulation.js";
import { stateName } from "../../../src/train/optimizer.js";
import type { Runner } from "../case.js";

const STRATEGIES: Readonly<Record<string, PackingStrategy>> = {
  bfd: "bfd",
  bfd_split: "bfd-split",
  wrapped: "wrapped",
};

/** Packing by each strategy of TRL. */
export const pack: Runner = {
  ignored: {},
  run: ({ inputs }) => {
    const {
      lengths,
      seq_length: tokens,
      strategies,
      batch_size: rows,
    } = inputs as {
      lengths: number[];
      seq_length: number;
      strategies: string[];
      batch_size: number | null;
    };
    const sequences = lengths.map((length, i) => Array.from({ length }, (_, k) => 1000 * (i + 1) + k));
    return Promise.resolve(
      Object.fromEntries(
        strategies.map((name) => {
          const packs = packSequences(lengths, tokens, STRATEGIES[name]!, rows ?? undefined);
          return [
            name,
            {
              input_ids: packs.map((line) => fillPack(line, sequences)),
              seq_lengths: packs.map((line) => line.lengths),
            },
          ];
        }),
      ),
    );
  },
};

interface Example {
  readonly input_ids: readonly number[];
  readonly labels?: readonly number[];
  readonly seq_lengths?: readonly number[];
}

interface CollatorArguments {
  readonly pad_token_id: number;
  readonly padding_free?: boolean;
  readonly pad_to_multiple_of?: number;
}

const rowOf = ({
  input_ids: ids,
  labels = ids,
  seq_lengths: lengths = [ids.length],
}: Example): LabelledRow => ({
  ids,
  labels,
  lengths,
});

function padded(rows: readonly LabelledRow[], given: CollatorArguments): Record<string, unknown> {
  const { ids, labels, attention, positions } = padRows(rows, {
    pad: given.pad_token_id,
    multiple: given.pad_to_multiple_of ?? 1,
    borders: "leaking",
  });
  return { input_ids: ids, labels, attention_mask: attention, position_ids: positions };
}

function joined(rows: readonly LabelledRow[]): Record<string, unknown> {
  const { ids, labels, positions, starts, longest, sequences } = joinRows(rows);
  return {
    input_ids: [ids],
    labels: [labels],
    position_ids: [positions],
    cu_seq_lens_q: starts,
    cu_seq_lens_k: starts,
    max_length_q: longest,
    max_length_k: longest,
    seq_idx: [sequences],
  };
}

/** Batches of TRL's collator for language models. */
export const collate: Runner = {
  ignored: {},
  run: ({ inputs }) => {
    const { examples, variants } = inputs as { examples: Example[]; variants: CollatorArguments[] };
    const rows = examples.map(rowOf);
    return Promise.resolve({
      batches: variants.map((given) => ({
        arguments: given,
        batch: given.padding_free === true ? joined(rows) : padded(rows, given),
      })),
    });
  },
};

/** The end token of the case's tokenizer, which TRL appends to a completion. */
const END = 2;
const idsOf = (text: string): number[] => (text.match(/\d+/g) ?? []).map(Number);

/** Rows, labels, batch and loss of prompts with completions. */
export const completionOnly: Runner = {
  ignored: {},
  run: async ({ folder, inputs, expected }) => {
    const { rows, max_length: tokens } = inputs as {
      rows: { prompt: string; completion: string }[];
      max_length: number;
    };
    const { config, weights } = readCheckpoint(join(folder, inputs.model as string));
    const variants: object[] = [];
    for (const { completion_only_loss: only } of (
      expected as { variants: { completion_only_loss: boolean }[] }
    ).variants) {
      const made = rows.map(({ prompt, completion }) =>
        completionRow(idsOf(prompt), [...idsOf(completion), END], { learnPrompt: !only, tokens }),
      );
      const scores = await scoreRows(
        cpu,
        { config, weights },
        made.map(({ ids, labels }) => ({
          ids,
          from: Math.max(
            1,
            labels.findIndex((label) => label !== IGNORED_LABEL),
          ),
        })),
      );
      variants.push({
        completion_only_loss: only,
        dataset_rows: made.map(({ ids, labels }, index) => ({
          input_ids: ids,
          labels,
          completion_mask: ids.map((_, at) => (at < idsOf(rows[index]!.prompt).length ? 0 : 1)),
        })),
        batch: padded(made, { pad_token_id: 0 }),
        loss:
          -sum(scores.map(({ logLikelihood }) => logLikelihood)) / sum(scores.map((score) => score.tokens)),
      });
    }
    return { variants };
  },
};

async function logitsOf({ config, weights }: Checkpoint, batch: PackedBatch): Promise<Float32Array> {
  const graph = new Graph();
  const tensors = plainWeights(frozenInput(graph, config));
  const hidden = decoder(config, tensors, decoderInput(graph, batch.lines, batch.tokens));
  graph.output("logits", linear(hidden, tensors.get(headName(config))));
  const program = await cpu.compile(graph);
  program.load(frozenValues(config, weights));
  const { logits } = await program.run({
    ids: batch.ids,
    positions: batch.positions,
    bias: attentionBias(batch),
  });
  await program.dispose();
  return logits as Float32Array;
}

/** Logits of sequences in one line with attention inside each alone. */
export const packedForward: Runner = {
  ignored: {},
  run: async ({ folder, inputs }) => {
    const checkpoint = readCheckpoint(join(folder, inputs.model as string));
    const sequences = (inputs as { sequences: number[][] }).sequences;
    const ids = sequences.flat();
    const logits = async (tokens: readonly number[], lengths: readonly number[]): Promise<Float32Array> =>
      logitsOf(checkpoint, batchOf([{ ids: tokens, labels: tokens, lengths }], { tokens: tokens.length }));
    const packed = await logits(
      ids,
      sequences.map(({ length }) => length),
    );
    const asOne = await logits(ids, [ids.length]);
    const separate: number[] = [];
    for (const sequence of sequences) separate.push(...(await logits(sequence, [sequence.length])));
    const shape = [ids.length, checkpoint.config.vocabulary];
    return {
      without_position_ids_differs: packed.some((value, index) => Math.abs(value - asOne[index]!) > 1e-4),
      tensor_files: {
        logits: new Map([
          ["packed", { shape, data: packed }],
          ["separate", { shape, data: Float32Array.from(separate) }],
        ]),
      },
    };
  },
};

interface MicroBatch {
  readonly input_ids: readonly (readonly number[])[];
  readonly attention_mask: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
}

async function accumulate(
  program: Program,
  { groups }: Pick<TrainingStep, "groups">,
  batches: readonly PackedBatch[],
  targets: number,
  normalization: Normalization,
): Promise<{ losses: number[]; gradients: Weights }> {
  for (const { name, parameters } of groups) {
    const { length } = packWeights(parameters, blankWeights(parameters));
    program.load({ [gradientName(name)]: new Float32Array(length) });
  }
  const weights = targetWeights(
    batches.map((batch) => batch.targets.length),
    normalization,
  );
  const losses: number[] = [];
  for (const [index, batch] of batches.entries()) {
    const { loss } = await program.run(microBatchFeeds(batch, targets, weights[index]!));
    losses.push(loss![0]!);
  }
  const state = await program.state();
  return {
    losses,
    gradients: new Map(
      groups.flatMap(({ name, parameters }) => [...unpackValues(parameters, state[gradientName(name)]!)]),
    ),
  };
}

function blankWeights(parameters: readonly Parameter[]): Weights {
  return new Map(
    parameters.map(({ name, shape }) => [
      name,
      { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) },
    ]),
  );
}

/** Loss and gradient of one step from several micro-batches, by targets and as the mean of means. */
export const accumulation: Runner = {
  ignored: {},
  run: async ({ folder, inputs }) => {
    const { config, weights } = readCheckpoint(join(folder, inputs.model as string));
    const micro = (inputs as { micro_batches: MicroBatch[] }).micro_batches;
    const tokens = Math.max(...micro.flatMap((batch) => batch.input_ids.map(({ length }) => length)));
    const lines = Math.max(...micro.map((batch) => batch.input_ids.length));
    const batches = micro.map(({ input_ids: ids, labels, attention_mask: mask }) =>
      batchOf(
        ids.map((row, index) => {
          const length = sum(mask[index]!);
          return { ids: row.slice(0, length), labels: labels[index]!.slice(0, length), lengths: [length] };
        }),
        { tokens, lines, unlabelled: "allowed" },
      ),
    );
    const counts = batches.map((batch) => batch.targets.length);
    const targets = Math.max(...counts);
    const step = gradientStep({ config, shape: { lines, tokens, targets }, decay: 0, clip: 0 });
    const program = await cpu.compile(step.graph);
    for (const { name, parameters } of step.groups)
      program.load({ [stateName("p", name)]: packWeights(parameters, weights) });
    const right = await accumulate(program, step, batches, targets, "tokens");
    const naive = await accumulate(program, step, batches, targets, "micro-batches");
    await program.dispose();
    return {
      num_items_in_batch: sum(counts),
      labels_not_ignored: micro.map(
        ({ labels }) => labels.flat().filter((label) => label !== IGNORED_LABEL).length,
      ),
      targets_counted: counts,
      micro_losses: right.losses,
      step_loss: sum(right.losses),
      naive: {
        micro_means: naive.losses.map((loss) => loss * micro.length),
        mean_of_means: sum(naive.losses),
      },
      tensor_files: { grads: right.gradients, grads_naive_mean_of_means: naive.gradients },
    };
  },
};
