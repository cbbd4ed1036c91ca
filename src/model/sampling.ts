import { type Problem, quote } from "../core/errors.js";
import { exp, sum } from "../core/math.js";
import type { Stream } from "../core/random.js";

/** How the next token is chosen. Without any of it: the likeliest one (greedy). */
export interface SamplingOptions {
  /** Divides the logits, above 0; absent or 0: the likeliest token, without a draw. */
  readonly temperature?: number | undefined;
  /** Only so many of the likeliest tokens can be drawn, at least 1. */
  readonly topK?: number | undefined;
  /** Only the fewest likeliest tokens that have this probability together can be drawn, in (0, 1]. */
  readonly topP?: number | undefined;
  /** Above 1 makes tokens of the prompt and the output less likely, in (0, 1) more likely; above 0, default 1. */
  readonly repetitionPenalty?: number | undefined;
  /** Names the draws; needed where the temperature is above 0. */
  readonly seed?: number | undefined;
}

/** All that is wrong with sampling options, under their names. */
export function samplingProblems(options: SamplingOptions): Problem[] {
  const { temperature = 0, topK, topP, repetitionPenalty = 1, seed } = options;
  const problems: Problem[] = [];
  const check = (path: keyof SamplingOptions, got: unknown, right: boolean, expected: string): void => {
    if (!right) problems.push({ path, message: `got ${quote(got)}, expected ${expected}.` });
  };
  const positive = (value: number): boolean => value > 0 && value < Infinity;
  check("temperature", temperature, temperature === 0 || positive(temperature), "a number of at least 0");
  check("repetitionPenalty", repetitionPenalty, positive(Math.fround(repetitionPenalty)), "a number above 0");
  if (temperature === 0) {
    check("topK", topK, topK === undefined, "none without a temperature");
    check("topP", topP, topP === undefined, "none without a temperature");
  } else {
    const whole = Number.isSafeInteger(topK ?? 1) && (topK ?? 1) >= 1;
    check("topK", topK, whole, "a whole number of at least 1");
    check("topP", topP, (topP ?? 1) > 0 && (topP ?? 1) <= 1, "a number above 0, at most 1");
    check("seed", seed ?? "none", Number.isSafeInteger(seed), "a whole number");
  }
  return problems;
}

/** Tokens that can be drawn, ascending, with their probabilities. */
export interface Distribution {
  readonly ids: readonly number[];
  readonly probabilities: readonly number[];
}

/**
 * Chooses the next token from the logits of all, [V]. In this order: repetition penalty, temperature, top-k, top-p, draw.
 * Of tokens that are equally likely the lowest id counts as the likelier; transformers keeps all that equal the k-th.
 */
export function chooseToken(
  logits: Float32Array,
  seen: ReadonlySet<number>,
  options: SamplingOptions,
  draw: Stream | undefined,
): number {
  const penalized = penalizeRepetitions(logits, seen, options.repetitionPenalty ?? 1);
  if (draw === undefined) return likeliest(penalized);
  const { ids, probabilities } = distribution(penalized, options);
  let left = draw.uniform();
  const place = probabilities.findIndex((probability) => (left -= probability) < 0);
  return ids.at(place)!;
}

/**
 * A logit x of a token that was seen becomes x / penalty where x > 0, x * penalty elsewhere, in float32.
 * Source: Keskar et al. 2019, section 4.1, with the sign as in transformers.
 */
export function penalizeRepetitions(
  logits: Float32Array,
  seen: ReadonlySet<number>,
  penalty: number,
): Float32Array {
  if (penalty === 1) return logits;
  const result = logits.slice();
  const factor = Math.fround(penalty);
  for (const id of seen) result[id] = logits[id]! > 0 ? logits[id]! / factor : logits[id]! * factor;
  return result;
}

/**
 * softmax(logits / temperature) over the tokens that top-k, then top-p leave. Top-p keeps a token while those likelier
 * have less than p together, so at least one. Source: Holtzman et al. 2020, section 3.1; order as in transformers.
 */
export function distribution(
  logits: Float32Array,
  { temperature = 1, topK, topP = 1 }: SamplingOptions,
): Distribution {
  const top = logits[likeliest(logits)]!;
  // Relative to the likeliest, so that no temperature, however low, leaves the range of numbers.
  const weigh = (logit: number): number => exp(logit === top ? 0 : (logit - top) / temperature);
  const cuts = (topK !== undefined && topK < logits.length) || topP < 1;
  const ids = cuts ? largest(logits, topK ?? logits.length, topP, weigh) : [...logits.keys()];
  const weights = ids.map((id) => weigh(logits[id]!));
  const total = sum(weights);
  return { ids, probabilities: weights.map((weight) => weight / total) };
}

/** Ids of what top-k and top-p leave, ascending. */
function largest(
  logits: Float32Array,
  topK: number,
  topP: number,
  weigh: (logit: number) => number,
): number[] {
  const descending = logits.slice().sort().reverse();
  let count = Math.min(topK, logits.length);
  if (topP < 1) {
    const weights = Float64Array.from(descending.subarray(0, count), weigh);
    const enough = topP * sum(weights);
    let likelier = weights[0]!;
    for (count = 1; count < weights.length && likelier < enough; count++) likelier += weights[count]!;
  }
  const least = descending[count - 1]!;
  let equals = count - descending.indexOf(least);
  const ids: number[] = [];
  logits.forEach((logit, id) => {
    if (logit > least || (logit === least && equals-- > 0)) ids.push(id);
  });
  return ids;
}

function likeliest(logits: Float32Array): number {
  let best = 0;
  for (let id = 1; id < logits.length; id++) if (logits[id]! > logits[best]!) best = id;
  return best;
}
