import { invalidRequest, LawbookError, mismatch, type Problem } from "../core/errors.js";
import { stream } from "../core/random.js";
import { unit, type Vector } from "../data/diversity.js";
import { drawFacts, type Fact, loadEmbeddings, loadFacts } from "../data/facts.js";
import { loadTemplates, phrase, wordings } from "../data/templates.js";
import type { Tokenizer } from "../data/tokenizer.js";
import type { Weight } from "../model/safetensors.js";
import type { Corpus, CorpusDocument } from "./corpus.js";

/** Which facts make the corpora, and how they become tokens and embeddings. */
export interface FactsCorpusOptions {
  readonly disciplines: readonly string[];
  /** Facts of each discipline, at least 2. */
  readonly facts: Readonly<Record<string, number>>;
  /** Training wordings of each fact, at least 1. */
  readonly wordings: number;
  readonly seed: number;
  readonly tokenizer: Tokenizer;
  /** Embedding table [V, C] of a model; where left out, the committed sentence embedding of each fact counts. */
  readonly table?: Weight | undefined;
  /** 1-based line of a part of the request, for errors. */
  readonly lineOf?: ((path: readonly (string | number)[]) => number | undefined) | undefined;
}

/**
 * One corpus a discipline, one document a fact: the tokens of its questions and answers, markers left out. The draws are
 * those of a training with the same seed, facts and wordings. With a table, a document's embedding is the direction of the
 * mean of its tokens' rows. Throws for all pools that are too small at once.
 */
export function factsCorpora(root: string, options: FactsCorpusOptions): Corpus[] {
  const { disciplines, facts, seed, lineOf } = options;
  const problems: Problem[] = [];
  const say = (path: readonly string[], got: number, expected: string): void => {
    const line = lineOf?.(path);
    const message = `got ${got}, expected ${expected}.`;
    problems.push({ path: path.join("."), message, ...(line === undefined ? {} : { line }) });
  };
  const drawn = disciplines.map((discipline) => {
    const pool = loadFacts(root, discipline).filter(({ split }) => split === "train");
    const chosen = drawFacts(pool, facts[discipline]!, stream(seed, "facts", discipline));
    if (chosen.length !== facts[discipline])
      say(
        ["corpus", "facts", discipline],
        facts[discipline]!,
        `at most ${chosen.length}, the pool of ${discipline}`,
      );
    return chosen;
  });
  const templates = loadTemplates(root);
  const fewest = [...new Set(drawn.flat().map(({ relation }) => relation))]
    .map((relation) => ({ relation, forms: wordings(templates.get(relation)!).length }))
    .reduce((least, next) => (next.forms < least.forms ? next : least));
  if (options.wordings > fewest.forms)
    say(
      ["corpus", "wordings"],
      options.wordings,
      `at most ${fewest.forms}, the wordings of ${fewest.relation}`,
    );
  if (problems.length > 0) throw invalidRequest("The partition request", problems);
  return disciplines.map((discipline, place) => {
    const vectorOf =
      options.table === undefined ? committedVectors(root, discipline) : tableVectors(options.table);
    return {
      discipline,
      documents: drawn[place]!.map((fact): CorpusDocument => {
        const tokens = tokensOf(root, fact, options);
        return { tokens, vector: vectorOf(fact, tokens) };
      }),
    };
  });
}

function tokensOf(
  root: string,
  fact: Fact,
  { wordings: count, seed, tokenizer }: FactsCorpusOptions,
): number[] {
  const relation = loadTemplates(root).get(fact.relation)!;
  const answer = tokenizer.encode(fact.answer);
  return stream(seed, "wordings", fact.id)
    .shuffle(wordings(relation))
    .slice(0, count)
    .flatMap((form) => [...tokenizer.encode(phrase(relation, form, fact.subject)), ...answer]);
}

type VectorOf = (fact: Fact, tokens: readonly number[]) => Vector;

function committedVectors(root: string, discipline: string): VectorOf {
  const { values, dimensions } = loadEmbeddings(root, discipline);
  return ({ index }) => unit(values.subarray(index * dimensions, (index + 1) * dimensions));
}

function tableVectors({ shape, data }: Weight): VectorOf {
  const [rows, width] = shape as readonly [number, number];
  return (_fact, tokens) => {
    const total = new Float64Array(width);
    for (const token of tokens) {
      if (token >= rows)
        throw new LawbookError(
          "bad-file",
          mismatch("Token of the model's tokenizer", token, `below ${rows}`),
        );
      for (let axis = 0; axis < width; axis++) total[axis]! += data[token * width + axis]!;
    }
    return unit(total);
  };
}
