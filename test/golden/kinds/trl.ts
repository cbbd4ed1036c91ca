import { join } from "node:path";

import { cpu } from "../../../src/compute/devices/cpu.js";
import { mean } from "../../../src/core/math.js";
import { scoreRows } from "../../../src/evaluate/likelihood.js";
import { type Checkpoint, readCheckpoint } from "../../../src/model/checkpoint.js";
import { parametersOf } from "../../../src/model/config.js";
import { unpackValues } from "../../../src/model/decoder.js";
import type { Weight } from "../../../src/model/safetensors.js";
import {
  answerRows,
  preferenceFeeds,
  type PreferencePair,
  type PreferenceShape,
  preferenceTargets,
} from "../../../src/train/preference-batch.js";
import type { DpoOptions, OrpoOptions, PreferenceOptions } from "../../../src/train/preference.js";
import { runPairs } from "../../support/preference.js";
import type { Runner } from "../case.js";

type Values = Record<string, number[]>;

/** Runs batches of pairs; padding is cut off, and the gradients are those of the last batch. */
async function runBatches(
  checkpoint: Checkpoint,
  options: PreferenceOptions,
  batches: readonly { readonly pairs: readonly PreferencePair[]; readonly reference?: readonly number[] }[],
): Promise<{ values: Values[]; gradients: Map<string, Weight> }> {
  const rows = batches.map(({ pairs }) => answerRows(pairs));
  const shape: PreferenceShape = {
    lines: Math.max(...rows.map((batch) => batch.length)),
    tokens: Math.max(...rows.flat().map(({ ids }) => ids.length)),
    targets: Math.max(...batches.map(({ pairs }) => preferenceTargets(pairs, options))),
    pairs: Math.max(...batches.map(({ pairs }) => pairs.length)),
  };
  const feeds = batches.map(({ pairs, reference }) => preferenceFeeds(pairs, options, shape, reference));
  const results = await runPairs(cpu, checkpoint, options, shape, feeds);
  const values = results.map(({ gradients: _, ...result }, index) => {
    const isPair = (row: number): boolean => row % shape.pairs < batches[index]!.pairs.length;
    return Object.fromEntries(
      Object.entries(result).map(([name, data]) => [name, [...data].filter((_, row) => isPair(row))]),
    );
  });
  const gradients = unpackValues(parametersOf(checkpoint.config), results.at(-1)!["gradients"]!);
  return { values, gradients };
}

interface Inputs {
  readonly policy: string;
  readonly reference: string;
  readonly loss_type: string;
  readonly beta: number;
  readonly label_smoothing: number;
  readonly pairs: readonly PreferencePair[];
}

/** The options that do what TRL does for one of its `loss_type`s; cdpo is not one of TRL's, it is our smoothed sigmoid. */
function dpoOptions({ loss_type: loss, beta, label_smoothing: smoothing }: Inputs): DpoOptions {
  return loss === "cdpo"
    ? { kind: "dpo", loss: "sigmoid", beta, smoothing, convention: "paper" }
    : { kind: "dpo", loss: loss as DpoOptions["loss"], beta, smoothing, convention: "trl" };
}

/** DPO: log-probabilities, losses and rewards of single pairs, loss and gradients of all pairs as one batch. */
export const trlDpo: Runner = {
  ignored: {},
  run: async ({ folder, inputs: given }) => {
    const inputs = given as Inputs;
    const policy = readCheckpoint(join(folder, inputs.policy));
    const { config, weights } = readCheckpoint(join(folder, inputs.reference));
    const { pairs } = inputs;
    const scores = await scoreRows(cpu, { config, weights }, answerRows(pairs));
    const reference = scores.map(({ logLikelihood }) => logLikelihood);
    const { values, gradients } = await runBatches(policy, dpoOptions(inputs), [
      ...pairs.map((pair, index) => ({
        pairs: [pair],
        reference: [reference[index]!, reference[index + pairs.length]!],
      })),
      { pairs, reference },
    ]);
    const all = values.pop()!;
    const { rewards } = all as { rewards: number[] };
    return {
      pairs: values.map((value, index) => ({
        loss: value["loss"]![0],
        chosen_logp: value["logProbabilities"]![0],
        rejected_logp: value["logProbabilities"]![1],
        chosen_reward: value["rewards"]![0],
        rejected_reward: value["rewards"]![1],
        reference_chosen_logp: reference[index],
        reference_rejected_logp: reference[index + pairs.length],
      })),
      loss: all["loss"]![0],
      accuracy: mean(pairs.map((_, index) => Number(rewards[index]! > rewards[index + pairs.length]!))),
      tensor_files: { grads: gradients },
    };
  },
};

/** ORPO: the same without a reference policy. */
export const trlOrpo: Runner = {
  ignored: {},
  run: async ({ folder, inputs: given }) => {
    const { policy, beta, pairs } = given as Inputs;
    const options: OrpoOptions = { kind: "orpo", beta, nll: "full" };
    const { values, gradients } = await runBatches(readCheckpoint(join(folder, policy)), options, [
      ...pairs.map((pair) => ({ pairs: [pair] })),
      { pairs },
    ]);
    const all = values.pop()!;
    return {
      pairs: values.map((value, index) => ({
        loss: value["loss"]![0],
        nll: value["nll"]![0],
        chosen_mean_logp: value["logProbabilities"]![0]! / pairs[index]!.chosen.length,
        rejected_mean_logp: value["logProbabilities"]![1]! / pairs[index]!.rejected.length,
        log_odds: value["margins"]![0],
        log_sigmoid_log_odds: -value["pairLoss"]![0]!,
      })),
      loss: all["loss"]![0],
      nll: all["nll"]![0],
      mean_log_odds: mean(all["margins"]!),
      mean_log_sigmoid_log_odds: -mean(all["pairLoss"]!),
      tensor_files: { grads: gradients },
    };
  },
};
