import { chainItems, type CrossItem, pairItems } from "../data/cross.js";
import { loadInstructionWords } from "../data/instructions.js";
import type { Source } from "../data/mixture.js";
import { generate } from "../model/generate.js";
import { ask, type Asking, type Question, questions, type QuestionSet } from "./answers.js";
import { follow, formattedQuestions, instructionTests, type Write } from "./formats.js";
import { predict, predictedTexts } from "./perplexity-scores.js";
import { type DisciplineScore, overall } from "./score.js";

/** All that a model can be scored on: see `scoreSet`. */
export type ScoredSet = QuestionSet | "perplexity" | "instructions" | "formatted-facts" | "cross";

/** Prompts that are written on at once; fixed, since numbers may depend on it. */
const LINES = 32;
/** Most tokens that a model may write: two answers of the longest kind, and some. */
const MOST_TOKENS = 32;

/**
 * Scores a model on one set; a set without questions for these sources gives no scores.
 * t-recall, t-trained, t-infer, validation: per discipline, see `questions`.
 * perplexity: per discipline and on plain text, see `predictedTexts`.
 * instructions: per format, see `instructionTests`. formatted-facts: per discipline, see `formattedQuestions`.
 * cross: per pair of disciplines, see `pairItems`, and `chain`, see `chainItems`.
 * The last three have `all`: the mean over their groups, chains apart.
 */
export async function scoreSet(
  asking: Asking,
  set: ScoredSet,
  root: string,
  sources: readonly Source[],
  seed: number,
): Promise<Record<string, DisciplineScore>> {
  switch (set) {
    case "perplexity":
      return predict(asking, predictedTexts(root, sources, asking.tokenizer, seed));
    case "instructions":
      return withAll(
        await follow(asking, instructionTests(loadInstructionWords(root), seed), writer(asking)),
      );
    case "formatted-facts":
      return withAll(await follow(asking, formattedQuestions(root, sources, seed), writer(asking)));
    case "cross": {
      const pairs = await ask(asking, pairItems(root, sources, seed).map(crossQuestion));
      return {
        ...withAll(pairs),
        ...(await ask(asking, chainItems(root, sources, seed).map(crossQuestion))),
      };
    }
    default:
      return ask(asking, questions(root, sources, set, seed));
  }
}

function withAll(scores: Record<string, DisciplineScore>): Record<string, DisciplineScore> {
  const groups = Object.values(scores);
  return groups.length === 0 ? scores : { ...scores, all: overall(groups) };
}

function crossQuestion({ group, facts, question, right, choices, priors, guess }: CrossItem): Question {
  const relation = facts.map((fact) => fact.relation).join("+");
  return { discipline: group, topic: group, relation, text: question, right, choices, priors, guess };
}

function writer({ device, config, weights, adapter, tokenizer, signal, progress }: Asking): Write {
  return async (prompts) => {
    const written = await generate({
      device,
      config,
      weights,
      adapter,
      prompts: prompts.map(({ ids }) => ids),
      labels: prompts.map(({ label }) => label),
      maxNewTokens: MOST_TOKENS,
      stop: [tokenizer.end],
      batch: LINES,
      signal,
      progress,
    });
    return written.map(({ ids }) => ids);
  };
}
