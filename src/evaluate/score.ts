import { mean, sum } from "../core/math.js";

/**
 * Scores of one group of questions, mostly a discipline, on one set. In [0, 1] but for the log-likelihood, the count and
 * the perplexities. Which of the further fields are there depends on the set.
 */
export interface DisciplineScore {
  /**
   * Greedy decoding writes a right answer, token by token as the tokenizer spells it, and ends. Sets with formats: it writes
   * the text of a right answer in the form that was asked for. Perplexity: share of the tokens that are the likeliest one.
   */
  readonly strict: number;
  /**
   * Of the choices the right one has the highest mean ln p per token, its end included. Sets with formats: a
   * loose variant of what the model writes is right, see `looseVariants`. Perplexity: geometric mean of p per token.
   */
  readonly lenient: number;
  /**
   * What the commonest right answer would get as strict: of the relation, of the group where formats are asked for, of all
   * tokens in a perplexity.
   */
  readonly majority: number;
  /**
   * What guessing would get: 1 / choices. Sets with formats: as strict, with the answer of another question of the group.
   * Perplexity: 1 / vocabulary.
   */
  readonly chance: number;
  /** Mean over questions of ln p per token of the answer, its end included; of all tokens in a perplexity; nats, at most 0. */
  readonly logLikelihood: number;
  /** Questions; texts of a perplexity. */
  readonly questions: number;

  /** lm-eval's `acc`: of the choices, without their end, the right one has the highest sum of ln p. */
  readonly acc?: number;
  /** lm-eval's `acc_norm`: the same per character (code point). */
  readonly accNorm?: number;
  /** lm-eval's `acc_bytes`: the same per UTF-8 byte. */
  readonly accBytes?: number;
  /** The same per token. */
  readonly accTokens?: number;
  /** What it gets to choose what is commonest as an answer of the relation, equals sharing. */
  readonly choiceMajority?: number;

  /** The model writes the right content in whatever form. */
  readonly content?: number;
  /** The model writes the form that was asked for around whatever content. */
  readonly form?: number;
  /** Form that the right answers would have if they came bare. */
  readonly bareForm?: number;

  /** exp(-sum of ln p / tokens), at least 1; per discipline over answers and their end. */
  readonly perplexity?: number;
  /** Perplexity of the best guess without context: exp of the entropy of the tokens' own frequencies. */
  readonly unigramPerplexity?: number;
  /** lm-eval's `word_perplexity`, on plain text: exp(-sum of ln p / words), words being what white space separates. */
  readonly wordPerplexity?: number;
  /** lm-eval's `byte_perplexity`, on plain text: exp(-sum of ln p / UTF-8 bytes). */
  readonly bytePerplexity?: number;
  /** lm-eval's `bits_per_byte`, on plain text: -sum of ln p / UTF-8 bytes / ln 2. */
  readonly bitsPerByte?: number;
}

/** Mean over groups of the means of their items. */
export function macroMean<Item>(
  items: readonly Item[],
  groupOf: (item: Item) => string,
  value: (item: Item) => number,
): number {
  const groups = new Map<string, number[]>();
  for (const item of items) {
    const group = groupOf(item);
    const values = groups.get(group) ?? [];
    values.push(value(item));
    groups.set(group, values);
  }
  return mean([...groups.keys()].sort().map((group) => mean(groups.get(group)!)));
}

/** The key that counts most; the first of equals. */
export function commonest<Key>(counts: ReadonlyMap<Key, number>): Key {
  return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
}

/** 1 where `index` alone has the highest value, 1 / n where it is one of n that have it, else 0. */
export function shareOfBest(values: readonly number[], index: number): number {
  const best = Math.max(...values);
  return values[index] === best ? 1 / values.filter((value) => value === best).length : 0;
}

/** Scores of several groups as one, each counting alike: means of every field that all have, the sum of the questions. */
export function overall(scores: readonly DisciplineScore[]): DisciplineScore {
  const [first] = scores;
  const shared = (Object.keys(first!) as (keyof DisciplineScore)[]).filter((key) =>
    scores.every((score) => score[key] !== undefined),
  );
  return {
    ...(Object.fromEntries(
      shared.map((key) => [key, mean(scores.map((score) => score[key]!))]),
    ) as unknown as DisciplineScore),
    questions: sum(scores.map(({ questions }) => questions)),
  };
}
