import type { Device } from "../compute/device.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { exp, ln, sum } from "../core/math.js";
import type { Row } from "../data/batches.js";
import type { Network } from "../model/network.js";
import { type RowScore, scoreRows, type ScoringOptions } from "./likelihood.js";

/** A text to be measured. */
export interface MeasuredText {
  /** Rows that cover it; their counted tokens are the predicted ones. */
  readonly rows: readonly Row[];
  /** UTF-8 bytes of the text, where it is text. */
  readonly bytes?: number;
}

/** How surprised a model is. */
export interface Perplexity {
  /** Sum of ln p per text, nats. */
  readonly logLikelihoods: readonly number[];
  /** Predicted tokens. */
  readonly tokens: number;
  /** exp(-sum ln p / tokens), at least 1. */
  readonly perplexity: number;
  /** -sum ln p / tokens / ln 2. */
  readonly bitsPerToken: number;
  /** -sum ln p / bytes / ln 2; undefined where a text has no bytes. Comparable between tokenizers. */
  readonly bitsPerByte: number | undefined;
}

/** The whole of a sequence as one row: every token but the first, which nothing precedes, is predicted. */
export function sequenceRow(ids: readonly number[]): Row {
  if (ids.length < 2)
    throw new LawbookError("request", mismatch("Tokens of a sequence", ids.length, "at least 2"));
  return { ids, from: 1 };
}

/**
 * Rows of at most `tokens` tokens that predict every token of a text once, as lm-eval's rolling perplexity does: the first
 * row starts with `prefix`, each further one with the last token of the row before, and the last row reaches back for as
 * much context as it has room for. Source: `get_rolling_token_windows` and `make_disjoint_window` of
 * lm-evaluation-harness 0.4, context_len 1, where `tokens` is max_seq_len + 1.
 */
export function rollingRows(ids: readonly number[], prefix: number, tokens: number): Row[] {
  if (!(tokens >= 2)) throw new LawbookError("request", mismatch("Tokens of a row", tokens, "at least 2"));
  const all = [prefix, ...ids];
  const rows: Row[] = [];
  for (let first = 1; first < all.length; first += tokens - 1) {
    const end = Math.min(all.length, first + tokens - 1);
    const start = Math.max(0, end - tokens);
    rows.push({ ids: all.slice(start, end), from: first - start });
  }
  return rows;
}

/** Perplexity of scored texts, taken together. `scores` holds those of each text's rows. */
export function perplexityOf(
  texts: readonly { readonly scores: readonly RowScore[]; readonly bytes?: number }[],
): Perplexity {
  const logLikelihoods = texts.map(({ scores }) => sum(scores.map((score) => score.logLikelihood)));
  const tokens = sum(texts.flatMap(({ scores }) => scores.map((score) => score.tokens)));
  if (tokens === 0) throw new LawbookError("request", mismatch("Predicted tokens", 0, "at least 1"));
  const total = -sum(logLikelihoods);
  const bytes = texts.every((text) => text.bytes !== undefined)
    ? sum(texts.map((text) => text.bytes!))
    : undefined;
  return {
    logLikelihoods,
    tokens,
    perplexity: exp(total / tokens),
    bitsPerToken: total / tokens / ln(2),
    bitsPerByte: bytes === undefined ? undefined : total / bytes / ln(2),
  };
}

/** Perplexity per group of texts, for example per discipline, from one scoring of them all. */
export async function perplexities<Group extends string>(
  device: Device,
  network: Network,
  groups: Readonly<Record<Group, readonly MeasuredText[]>>,
  options: ScoringOptions = {},
): Promise<Record<Group, Perplexity>> {
  const entries = Object.entries(groups) as [Group, readonly MeasuredText[]][];
  const empty = entries.find(([, texts]) => texts.length === 0);
  if (empty !== undefined)
    throw new LawbookError("request", mismatch(`Texts of ${empty[0]}`, 0, "at least 1"));
  const rows = entries.flatMap(([, texts]) => texts.flatMap((text) => text.rows));
  const scores = await scoreRows(device, network, rows, options);
  let at = 0;
  return Object.fromEntries(
    entries.map(([group, texts]) => [
      group,
      perplexityOf(
        texts.map(({ rows: own, bytes }) => ({
          scores: scores.slice(at, (at += own.length)),
          ...(bytes === undefined ? {} : { bytes }),
        })),
      ),
    ]),
  ) as Record<Group, Perplexity>;
}
