import type { Device } from "../compute/device.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { exp, mean, sum } from "../core/math.js";
import { standardDeviation } from "../core/statistics.js";
import type { Row } from "../data/batches.js";
import type { Network } from "../model/network.js";
import { type RowScore, scoreRows, type ScoringOptions } from "./likelihood.js";

/** A context and what may follow it, as token ids. */
export interface EncodedPair {
  readonly context: readonly number[];
  readonly continuation: readonly number[];
}

// The white space that Python's str.rstrip takes off; JavaScript's own differs at U+001C to U+001F, U+0085 and U+FEFF.
const TRAILING_BLANKS = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$/;

/**
 * Encodes a context and its continuation as lm-eval does: blanks at the end of the context move to the continuation, both
 * are encoded as one text, and the continuation is what stands behind the tokens that the context has alone. An empty
 * context becomes `prefix` (a start or end token), unless the continuation starts with it.
 * Source: `TemplateLM._encode_pair` and `loglikelihood` of lm-evaluation-harness 0.4.
 */
export function encodePair(
  encode: (text: string) => readonly number[],
  context: string,
  continuation: string,
  prefix: number,
): EncodedPair {
  if (context === "") {
    const ids = encode(continuation);
    return ids[0] === prefix
      ? { context: [prefix], continuation: ids.slice(1) }
      : { context: [prefix], continuation: ids };
  }
  const blanks = TRAILING_BLANKS.exec(context)?.[0] ?? "";
  const start = context.slice(0, context.length - blanks.length);
  const whole = encode(context + continuation);
  const before = encode(start);
  return { context: before, continuation: whole.slice(before.length) };
}

/**
 * The row that scores a continuation; a context that does not fit into `tokens` loses its beginning.
 * Deviation: lm-eval keeps one token more, since it does not feed the last one. Throws where the continuation is empty or
 * leaves no room for a token of context.
 */
export function pairRow({ context, continuation }: EncodedPair, tokens: number = Infinity): Row {
  if (continuation.length === 0 || continuation.length >= tokens) {
    throw new LawbookError(
      "request",
      mismatch("Tokens of a continuation", continuation.length, `at least 1 and fewer than ${tokens}`),
    );
  }
  if (context.length === 0) {
    throw new LawbookError("request", mismatch("Tokens of a context", 0, "at least 1"), {
      hint: "An empty context stands for a start token: see `encodePair`.",
    });
  }
  const kept = context.slice(Math.max(0, context.length + continuation.length - tokens));
  return { ids: [...kept, ...continuation], from: kept.length };
}

/** One question with its choices. */
export interface ChoiceItem {
  readonly choices: readonly {
    /** The choice as it is written, without the blank before it. */
    readonly text: string;
    readonly row: Row;
  }[];
  /** Index of the right choice. */
  readonly gold: number;
}

/** By what a sum of ln p is divided before choices are compared. */
export type ChoiceNorm = "none" | "characters" | "bytes" | "tokens";

const DIVISORS: Readonly<Record<ChoiceNorm, (text: string, score: RowScore) => number>> = {
  none: () => 1,
  characters: (text) => Array.from(text).length,
  bytes: (text) => new TextEncoder().encode(text).length,
  tokens: (_, { tokens }) => tokens,
};

/** What the model says to one question. */
export interface ChoiceResult {
  readonly choices: readonly RowScore[];
  /** Softmax of the sums of ln p over the choices. */
  readonly probabilities: readonly number[];
  /** Index of the best choice by each norm; the first of equals. */
  readonly predictions: Readonly<Record<ChoiceNorm, number>>;
}

/** A mean with its standard error, s / sqrt(n); the error is NaN for one item. */
export interface Estimate {
  readonly mean: number;
  readonly standardError: number;
}

/** Accuracies over all questions, in [0, 1]. */
export interface MultipleChoice {
  readonly items: readonly ChoiceResult[];
  /** lm-eval's `acc`: by the sum of ln p. */
  readonly accuracy: Estimate;
  /** lm-eval's `acc_norm`: by ln p per character (code point) of the choice. */
  readonly accuracyPerCharacter: Estimate;
  /** lm-eval's `acc_bytes`: by ln p per UTF-8 byte of the choice. */
  readonly accuracyPerByte: Estimate;
}

/** Mean of values with its standard error: s / sqrt(n), s with divisor n - 1. */
export function estimate(values: readonly number[]): Estimate {
  return { mean: mean(values), standardError: standardDeviation(values) / Math.sqrt(values.length) };
}

/** Judges the scored choices of one question: the best by each norm, and what each takes of the probability. */
export function judgeChoices(texts: readonly string[], scores: readonly RowScore[]): ChoiceResult {
  const best = (norm: ChoiceNorm): number => {
    const values = scores.map((score, index) => score.logLikelihood / DIVISORS[norm](texts[index]!, score));
    return values.indexOf(Math.max(...values));
  };
  const highest = Math.max(...scores.map(({ logLikelihood }) => logLikelihood));
  const shares = scores.map(({ logLikelihood }) => exp(logLikelihood - highest));
  const total = sum(shares);
  return {
    choices: scores,
    probabilities: shares.map((share) => share / total),
    predictions: {
      none: best("none"),
      characters: best("characters"),
      bytes: best("bytes"),
      tokens: best("tokens"),
    },
  };
}

/** Scores the choices of all questions in one go and compares them by each norm. */
export async function multipleChoice(
  device: Device,
  network: Network,
  items: readonly ChoiceItem[],
  options: ScoringOptions = {},
): Promise<MultipleChoice> {
  items.forEach(({ choices, gold }, index) => {
    if (choices[gold] === undefined) {
      throw new LawbookError(
        "request",
        mismatch(`Right choice of question ${index}`, gold, `one of ${choices.length} choices`),
      );
    }
    const empty = choices.findIndex(({ text }) => text === "");
    if (empty >= 0) throw new LawbookError("request", `Choice ${empty} of question ${index} has no text.`);
  });
  const rows = items.flatMap(({ choices }) => choices.map(({ row }) => row));
  const scores = await scoreRows(device, network, rows, options);
  let at = 0;
  const results = items.map(({ choices }) =>
    judgeChoices(
      choices.map(({ text }) => text),
      scores.slice(at, (at += choices.length)),
    ),
  );
  const accuracy = (norm: ChoiceNorm): Estimate =>
    estimate(results.map(({ predictions }, index) => Number(predictions[norm] === items[index]!.gold)));
  return {
    items: results,
    accuracy: accuracy("none"),
    accuracyPerCharacter: accuracy("characters"),
    accuracyPerByte: accuracy("bytes"),
  };
}
