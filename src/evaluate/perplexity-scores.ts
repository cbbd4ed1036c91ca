import { exp, ln, sum } from "../core/math.js";
import { stream } from "../core/random.js";
import type { Row } from "../data/batches.js";
import { chatRow, type Source } from "../data/mixture.js";
import { loadBaseText } from "../data/text.js";
import type { Tokenizer } from "../data/tokenizer.js";
import { type Asking, questions } from "./answers.js";
import { type ScoredRow, scoreRows } from "./likelihood.js";
import { rollingRows } from "./perplexity.js";
import { commonest, type DisciplineScore } from "./score.js";

/** A text whose tokens are predicted. */
export interface PredictedText {
  /** What it counts in: a discipline, or `text`. */
  readonly group: string;
  readonly text: string;
  readonly rows: readonly Row[];
}

/** The group of plain text. */
const TEXT = "text";
/** Passages of plain text that are measured. */
const PASSAGES = 400;
/** Tokens of a window over plain text: the lines of the committed Base models. */
const WINDOW = 64;
/** Seed of the order in which the committed Base models read the text. */
const BASE_SEED = 0;

/**
 * The texts of the set `perplexity`. Per discipline the answers, with their end, to trained facts in the validation wording;
 * as `text` the last 400 passages of the base text in the order in which the committed Base models read it, each without
 * its end, in windows as lm-eval's rolling log-likelihood has them. Those models stopped at 135,681 of 140,298 passages, so
 * they have not seen these; a training of your own on the base text may have.
 */
export function predictedTexts(
  root: string,
  sources: readonly Source[],
  tokenizer: Tokenizer,
  seed: number,
): PredictedText[] {
  const answers = questions(root, sources, "validation", seed).map(
    ({ discipline, text, right: [answer] }) => ({
      group: discipline,
      text: answer!,
      rows: [{ ...chatRow(tokenizer, text, answer!), label: discipline }],
    }),
  );
  const passages = stream(BASE_SEED, "order").shuffle(loadBaseText(root)).slice(-PASSAGES);
  return [
    ...answers,
    ...passages.map((text) => ({
      group: TEXT,
      text,
      rows: rollingRows(tokenizer.encode(text), tokenizer.end, WINDOW),
    })),
  ];
}

/** Scores how well a model predicts texts, per group; see `DisciplineScore`. */
export async function predict(
  asking: Asking,
  texts: readonly PredictedText[],
): Promise<Record<string, DisciplineScore>> {
  const rows = texts.flatMap((text) => text.rows);
  const scores = await scoreRows(asking.device, asking, rows, asking);
  let at = 0;
  const scored = texts.map((text) => ({ ...text, scores: scores.slice(at, (at += text.rows.length)) }));
  const groups = [...new Set(texts.map(({ group }) => group))];
  return Object.fromEntries(
    groups.map((group) => [
      group,
      scoreOf(
        scored.filter((text) => text.group === group),
        asking.config.vocabulary,
      ),
    ]),
  );
}

function scoreOf(
  texts: readonly (PredictedText & { readonly scores: readonly ScoredRow[] })[],
  vocabulary: number,
): DisciplineScore {
  const rowScores = texts.flatMap(({ scores }) => scores);
  const tokens = sum(rowScores.map((score) => score.tokens));
  const surprise = -sum(rowScores.map(({ logLikelihood }) => logLikelihood));
  const counts = new Map<number, number>();
  for (const { ids, from } of texts.flatMap(({ rows }) => rows)) {
    for (const id of ids.slice(from)) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const shares = [...counts.values()].map((count) => count / tokens);
  return {
    strict: sum(rowScores.map(({ hits }) => hits)) / tokens,
    lenient: exp(-surprise / tokens),
    majority: counts.get(commonest(counts))! / tokens,
    chance: 1 / vocabulary,
    logLikelihood: -surprise / tokens,
    questions: texts.length,
    perplexity: perplexityPer(surprise, tokens),
    unigramPerplexity: exp(-sum(shares.map((share) => share * ln(share)))),
    ...(texts[0]!.group === TEXT ? textPerplexity(surprise, texts) : {}),
  };
}

function textPerplexity(
  surprise: number,
  texts: readonly PredictedText[],
): Pick<DisciplineScore, "wordPerplexity" | "bytePerplexity" | "bitsPerByte"> {
  const words = sum(texts.map(({ text }) => text.split(/\s+/).length));
  const bytes = sum(texts.map(({ text }) => new TextEncoder().encode(text).length));
  return {
    wordPerplexity: perplexityPer(surprise, words),
    bytePerplexity: perplexityPer(surprise, bytes),
    bitsPerByte: surprise / bytes / ln(2),
  };
}

/** A record holds no infinity. */
function perplexityPer(surprise: number, units: number): number {
  return Math.min(exp(surprise / units), Number.MAX_VALUE);
}
