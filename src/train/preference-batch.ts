import { LawbookError, mismatch } from "../core/errors.js";
import { batchFeeds, type PackedBatch, packRows, type Row } from "../data/batches.js";
import type { PreferenceOptions } from "./preference.js";
import type { StepShape } from "./step.js";

/** A prompt and two answers to it, as token ids; an answer ends with the token that ends it. */
export interface PreferencePair {
  readonly prompt: readonly number[];
  readonly chosen: readonly number[];
  readonly rejected: readonly number[];
}

/** Fixed sizes of a step over pairs. */
export interface PreferenceShape extends StepShape {
  /** Pairs of a batch, P; each is two rows. */
  readonly pairs: number;
}

/** The answers as rows that score the answer alone: all chosen ones, then all rejected ones. */
export function answerRows(pairs: readonly PreferencePair[]): Row[] {
  const row = ({ prompt }: PreferencePair, answer: readonly number[]): Row => {
    if (prompt.length === 0 || answer.length === 0) {
      throw new LawbookError(
        "request",
        mismatch("Tokens of a prompt and its answer", [prompt.length, answer.length], "at least 1 each"),
      );
    }
    return { ids: [...prompt, ...answer], from: prompt.length };
  };
  return [...pairs.map((pair) => row(pair, pair.chosen)), ...pairs.map((pair) => row(pair, pair.rejected))];
}

/** Rows of the objective: those of `answerRows`, except that ORPO's full likelihood reads the prompts of chosen rows too. */
function objectiveRows(pairs: readonly PreferencePair[], options: PreferenceOptions): Row[] {
  const rows = answerRows(pairs);
  if (options.kind === "dpo" || options.nll === "completion") return rows;
  return rows.map((row, index) => (index < pairs.length ? { ...row, from: 1 } : row));
}

/** Positions that a batch of pairs needs: the sum over its rows of the tokens that are scored. */
export function preferenceTargets(pairs: readonly PreferencePair[], options: PreferenceOptions): number {
  return objectiveRows(pairs, options).reduce((total, { ids, from }) => total + ids.length - from, 0);
}

/** What the means of a loss divide by. */
export interface PreferenceTotals {
  readonly pairs: number;
  /** Tokens of the chosen rows after their first, prompts included. */
  readonly tokens: number;
}

/** Totals of the pairs of one step; under accumulation all micro-batches of the step are fed with the same totals. */
export function preferenceTotals(pairs: readonly PreferencePair[]): PreferenceTotals {
  const tokens = pairs.reduce((total, { prompt, chosen }) => total + prompt.length + chosen.length - 1, 0);
  return { pairs: pairs.length, tokens };
}

/**
 * What the graph of a step over pairs reads, padded to the shape: see `decoderInput`, `batchFeeds` and `preferenceInputs`.
 * `reference`: sum of ln p of each of the `answerRows` under the reference policy, for DPO.
 */
export function preferenceFeeds(
  pairs: readonly PreferencePair[],
  options: PreferenceOptions,
  shape: PreferenceShape,
  reference?: ArrayLike<number>,
  totals: PreferenceTotals = preferenceTotals(pairs),
): Record<string, Int32Array | Float32Array> {
  const count = pairs.length;
  if (count > shape.pairs)
    throw new LawbookError("internal", mismatch("Pairs of a batch", count, `at most ${shape.pairs}`));
  const needed = preferenceTargets(pairs, options);
  if (needed > shape.targets)
    throw new LawbookError("internal", mismatch("Targets of a batch", shape.targets, `at least ${needed}`));
  if (options.kind === "dpo" && reference?.length !== 2 * count) {
    throw new LawbookError(
      "internal",
      mismatch("Reference log-probabilities", reference?.length, `${2 * count}`),
    );
  }
  const batch = packRows(objectiveRows(pairs, options), shape.tokens, shape.lines);
  const rowOf = (row: number): number => (row < count ? row : row - count + shape.pairs);
  const lengths = new Float32Array(2 * shape.pairs).fill(1);
  const logs = new Float32Array(2 * shape.pairs);
  answerRows(pairs).forEach(({ ids, from }, row) => {
    lengths[rowOf(row)] = ids.length - from;
    if (options.kind === "dpo") logs[rowOf(row)] = reference![row]!;
  });
  const feeds = {
    ...batchFeeds(batch, shape.targets),
    ...targetFeeds(pairs, options, batch, shape.targets, rowOf, totals),
    lengths,
    pairWeights: new Float32Array(shape.pairs).fill(1 / totals.pairs, 0, count),
  };
  return options.kind === "dpo" ? { ...feeds, reference: logs } : feeds;
}

/** Row, answer mask and likelihood weight of each target, in the order of `batchFeeds`. */
function targetFeeds(
  pairs: readonly PreferencePair[],
  options: PreferenceOptions,
  batch: PackedBatch,
  targets: number,
  rowOf: (row: number) => number,
  totals: PreferenceTotals,
): Record<"targetRows" | "completion" | "weights", Int32Array | Float32Array> {
  const targetRows = new Int32Array(targets);
  const completion = new Float32Array(targets);
  const weights = new Float32Array(targets);
  const everyPosition = targets === batch.lines * batch.tokens;
  batch.targets.forEach((position, index) => {
    const slot = everyPosition ? position : index;
    const row = batch.targetRows[index]!;
    const { prompt, chosen } = pairs[row % pairs.length]!;
    targetRows[slot] = rowOf(row);
    completion[slot] = batch.positions[position]! + 1 >= prompt.length ? 1 : 0;
    if (options.kind === "orpo" && row < pairs.length)
      weights[slot] = 1 / (options.nll === "full" ? totals.tokens : totals.pairs * chosen.length);
  });
  return { targetRows, completion, weights };
}
