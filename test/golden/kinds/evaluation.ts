import { join } from "node:path";

import { cpu } from "../../../src/compute/devices/cpu.js";
import { scoreRows } from "../../../src/evaluate/likelihood.js";
import { type Estimate, multipleChoice, pairRow } from "../../../src/evaluate/multiple-choice.js";
import { perplexities, sequenceRow } from "../../../src/evaluate/perplexity.js";
import { readCheckpoint } from "../../../src/model/checkpoint.js";
import type { Runner } from "../case.js";

interface Item {
  readonly context_ids: number[];
  readonly choices: readonly { readonly text: string; readonly continuation_ids: number[] }[];
  readonly gold: number;
}

/** Multiple choice by log-likelihood, as lm-eval scores it. */
export const loglikelihood: Runner = {
  ignored: {},
  run: async ({ folder, inputs }) => {
    const { config, weights } = readCheckpoint(join(folder, inputs.model as string));
    const items = (inputs as { items: Item[] }).items.map(({ context_ids: context, choices, gold }) => ({
      choices: choices.map(({ text, continuation_ids: continuation }) => ({
        text,
        row: pairRow({ context, continuation }, config.maxPositions),
      })),
      gold,
    }));
    const result = await multipleChoice(cpu, { config, weights }, items);
    // Each token alone, as the last of its row, where the project itself only needs the sums.
    const tokens = items.map(({ choices }) =>
      choices.map(({ row: { ids, from } }) =>
        ids.slice(from).map((_, index) => ({ ids: ids.slice(0, from + index + 1), from: from + index })),
      ),
    );
    const alone = (await scoreRows(cpu, { config, weights }, tokens.flat(2))).map(
      (score) => score.logLikelihood,
    );
    let at = 0;
    const named = (name: string, { mean, standardError }: Estimate): object => ({
      [name]: mean,
      [`${name}_stderr`]: standardError,
    });
    return {
      items: result.items.map(({ choices, probabilities, predictions }, index) => ({
        choices: choices.map((score, choice) => ({
          sum_logp: score.logLikelihood,
          token_logps: alone.slice(at, (at += tokens[index]![choice]!.length)),
          is_greedy: score.greedy,
        })),
        prediction: predictions.none,
        prediction_char_norm: predictions.characters,
        acc: Number(predictions.none === items[index]!.gold),
        acc_norm: Number(predictions.characters === items[index]!.gold),
        acc_bytes: Number(predictions.bytes === items[index]!.gold),
        choice_probabilities: probabilities,
      })),
      ...named("acc", result.accuracy),
      ...named("acc_norm", result.accuracyPerCharacter),
      ...named("acc_bytes", result.accuracyPerByte),
    };
  },
};

/** Perplexity of token sequences. */
export const perplexity: Runner = {
  ignored: {},
  run: async ({ folder, inputs }) => {
    const { config, weights } = readCheckpoint(join(folder, inputs.model as string));
    const texts = (inputs as { sequences: number[][] }).sequences.map((ids) => ({
      rows: [sequenceRow(ids)],
    }));
    const { all } = await perplexities(cpu, { config, weights }, { all: texts });
    return {
      sequence_logps: all.logLikelihoods,
      tokens: all.tokens,
      perplexity: all.perplexity,
      bits_per_token: all.bitsPerToken,
    };
  },
};
