import type { Stream } from "../core/random.js";
import {
  drawInstructions,
  FORMAT_FAMILIES,
  hasForm,
  inFormat,
  type Instruction,
  type InstructionWords,
} from "./instructions.js";
import type { Pick, Source } from "./mixture.js";
import { loadTemplates, phrase } from "./templates.js";
import type { Tokenizer } from "./tokenizer.js";
import { wrongAnswers } from "./wrong-answers.js";

/** A question with an answer to prefer and one to avoid. */
export interface Preference {
  readonly question: string;
  readonly chosen: string;
  readonly rejected: string;
}

/**
 * Preferences about general instructions, from training words and trained pairs of content and format; see
 * `instructionPairs`. Equal words and stream give equal preferences.
 */
export function instructionPreferences(
  words: InstructionWords,
  count: number,
  draw: Stream,
): readonly Preference[] {
  return instructionPairs(drawInstructions(words, "train", count, draw), draw);
}

/**
 * Preferences about given instructions, for example formatted facts. chosen: the right answer. rejected, half and half: the
 * right content in a form that was not asked for (every other time bare), or the content of another of the instructions,
 * with the same task, in the right form.
 */
export function instructionPairs(rows: readonly Instruction[], draw: Stream): readonly Preference[] {
  const known = new Map<string, Set<string>>();
  for (const { content, bare } of rows) known.set(content, (known.get(content) ?? new Set()).add(bare));
  const contents = new Map([...known].map(([content, texts]) => [content, [...texts]]));
  return rows.map((row) => {
    const other = draw.uniform() < 0.5 ? otherContent(row, contents.get(row.content)!, draw) : undefined;
    const rejected = other === undefined ? misformed(row, draw) : inFormat(row.family, other, row.key);
    return { question: row.question, chosen: row.answer, rejected };
  });
}

/** Draws of a content that may all hit a right one. */
const MOST_DRAWS = 20;

function otherContent(
  { bare, aliases = [] }: Instruction,
  contents: readonly string[],
  draw: Stream,
): string | undefined {
  for (let tried = 0; tried < MOST_DRAWS; tried++) {
    const text = draw.choose(contents);
    if (text !== bare && !aliases.includes(text)) return text;
  }
  return undefined;
}

/** The right content in a form that was not asked for. */
function misformed({ family, bare, key }: Instruction, draw: Stream): string {
  // An answer written twice has the form of "end" too where it is such a word.
  const wrong = FORMAT_FAMILIES.filter((other) =>
    family === "plain" ? other !== "plain" : !hasForm(family, inFormat(other, bare, key)),
  );
  const other = draw.uniform() < 0.5 && wrong.includes("plain") ? "plain" : draw.choose(wrong);
  return inFormat(other, bare, key);
}

/**
 * Preferences about facts, one for each pick. chosen: the answer; rejected: another answer that training has for the same
 * relation, else a wrong choice of the fact; a fact's wrong answers take turns. Equal picks and seed give equal
 * preferences.
 */
export function factPreferences(
  root: string,
  sources: readonly Source[],
  picks: readonly Pick[],
  seed: number,
): readonly Preference[] {
  const templates = loadTemplates(root);
  const wrong = new Map<string, readonly string[]>();
  const uses = new Map<string, number>();
  return picks.map(({ source, fact: index, form }) => {
    const { facts, forms } = sources[source]!;
    const fact = facts[index]!;
    const answers = wrong.get(fact.id) ?? wrongAnswers(fact, facts, seed);
    wrong.set(fact.id, answers);
    const use = uses.get(fact.id) ?? 0;
    uses.set(fact.id, use + 1);
    return {
      question: phrase(templates.get(fact.relation)!, forms[index]![form]!, fact.subject),
      chosen: fact.answer,
      rejected: answers[use % answers.length]!,
    };
  });
}

/** A preference as token ids: `<user> question <assistant>`, and each answer with the end token. */
export function preferenceTokens(
  tokenizer: Tokenizer,
  { question, chosen, rejected }: Preference,
): { readonly prompt: number[]; readonly chosen: number[]; readonly rejected: number[] } {
  const { user, assistant, end } = tokenizer;
  const answer = (text: string): number[] => [...tokenizer.encode(text), end];
  return {
    prompt: [user, ...tokenizer.encode(question), assistant],
    chosen: answer(chosen),
    rejected: answer(rejected),
  };
}
