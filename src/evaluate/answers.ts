import type { Device } from "../compute/device.js";
import { mean } from "../core/math.js";
import { stream } from "../core/random.js";
import type { Row } from "../data/batches.js";
import { type Fact, loadFacts } from "../data/facts.js";
import { chatRow, type Source } from "../data/mixture.js";
import { type Form, loadTemplates, phrase, testForms, validationForms } from "../data/templates.js";
import type { Spelling } from "../data/spelling.js";
import type { Tokenizer } from "../data/tokenizer.js";
import type { Network } from "../model/network.js";
import { type ScoredRow, scoreRows, type ScoringOptions } from "./likelihood.js";
import { type ChoiceNorm, judgeChoices } from "./multiple-choice.js";
import { commonest, type DisciplineScore, macroMean, shareOfBest } from "./score.js";

/** Which questions are asked: see `questions`. */
export type QuestionSet = "t-recall" | "t-trained" | "t-infer" | "validation";

/** One question in one wording. */
export interface Question {
  readonly discipline: string;
  readonly topic: string;
  readonly relation: string;
  readonly text: string;
  /** The answer first, then what counts as right too. */
  readonly right: readonly string[];
  /** Four answers to choose from, or none where only the written answer is scored. */
  readonly choices: readonly string[];
  /** How common each choice is as an answer; left out: counted over the questions that are put. */
  readonly priors?: readonly number[];
  /** The commonest answer; left out: counted over the questions that are put. */
  readonly guess?: string;
}

/** Facts per discipline that a set asks about at the most, drawn with the seed. */
const MOST_FACTS = 120;

/**
 * The questions of a set about the drawn facts of a run.
 * t-recall: trained facts in the four held-out core phrasings. t-trained: trained facts in their first trained wording.
 * validation: trained facts in the validation phrasing. t-infer: as many facts of unseen subjects, held-out phrasings.
 * Choices stand with the first wording of each fact; wrong ones are trained answers of the same relation.
 */
export function questions(
  root: string,
  sources: readonly Source[],
  set: QuestionSet,
  seed: number,
): Question[] {
  const templates = loadTemplates(root);
  return sources.flatMap((source) => {
    const { discipline } = source;
    const trained = pickFacts(source.facts, seed, set, discipline);
    const asked = set === "t-infer" ? unseenFacts(root, source, seed) : trained;
    return asked.flatMap((fact) => {
      const relation = templates.get(fact.relation)!;
      const forms: readonly Form[] =
        set === "t-trained"
          ? [source.forms[source.facts.indexOf(fact)]![0]!]
          : set === "validation"
            ? validationForms(relation)
            : testForms(relation);
      return forms.map((form, index) => ({
        discipline,
        topic: fact.topic,
        relation: fact.relation,
        text: phrase(relation, form, fact.subject),
        right: [fact.answer, ...fact.aliases],
        choices: index === 0 ? choicesOf(fact, source.facts, seed) : [],
      }));
    });
  });
}

function pickFacts(
  facts: readonly Fact[],
  seed: number,
  set: QuestionSet,
  discipline: string,
): readonly Fact[] {
  return facts.length <= MOST_FACTS
    ? facts
    : stream(seed, "questions", set, discipline).shuffle(facts).slice(0, MOST_FACTS);
}

function unseenFacts(root: string, source: Source, seed: number): readonly Fact[] {
  const relations = new Set(source.facts.map(({ relation }) => relation));
  const pool = loadFacts(root, source.discipline).filter(
    ({ split, relation }) => split === "test" && relations.has(relation),
  );
  const count = Math.min(source.facts.length, MOST_FACTS);
  return stream(seed, "questions", "t-infer", source.discipline).shuffle(pool).slice(0, count);
}

/** The answer and three others that training has shown for the relation, topped up from the fact's own list. */
function choicesOf(fact: Fact, trained: readonly Fact[], seed: number): string[] {
  const draw = stream(seed, "choices", fact.id);
  const wrong = (answer: string): boolean => answer !== fact.answer && !fact.aliases.includes(answer);
  const seen = trained.filter(({ relation }) => relation === fact.relation).map(({ answer }) => answer);
  const pool = draw.shuffle([...new Set(seen)].filter(wrong).sort());
  const others = [...new Set([...pool.slice(0, 3), ...fact.choices.filter(wrong)])].slice(0, 3);
  return draw.shuffle([fact.answer, ...others]);
}

/** Where the questions are put and what is reported meanwhile. */
export interface Asking extends Network, ScoringOptions {
  readonly device: Device;
  readonly tokenizer: Tokenizer;
  /** How questions and answers are spelled; left out: as the tokenizer does. */
  readonly spelling?: Spelling | undefined;
}

/** Puts questions to a model; see `DisciplineScore`. Everything in [0, 1] is a macro mean over the topics. */
export async function ask(
  asking: Asking,
  asked: readonly Question[],
): Promise<Record<string, DisciplineScore>> {
  const rows: Row[] = [];
  const { tokenizer, spelling = (row: Row): Row => row } = asking;
  const add = ({ text, discipline: label }: Question, answers: readonly string[]): readonly number[] =>
    answers.map((answer) => rows.push(spelling({ ...chatRow(tokenizer, text, answer), label })) - 1);
  const places = asked.map((question) => ({
    right: add(question, question.right),
    choices: add(question, question.choices),
  }));
  const scores = await scoreRows(asking.device, asking, rows, asking);
  const at = (row: number): ScoredRow => scores[row]!;
  const perToken = (row: number): number => at(row).logLikelihood / at(row).tokens;
  const disciplines = [...new Set(asked.map(({ discipline }) => discipline))];
  return Object.fromEntries(
    disciplines.map((discipline) => {
      const own = [...asked.keys()].filter((index) => asked[index]!.discipline === discipline);
      const counts = answerCounts(own.map((index) => asked[index]!));
      const macro = (indices: readonly number[], value: (index: number) => number): number =>
        macroMean(indices, (index) => asked[index]!.topic, value);
      const chosen = own.filter((index) => places[index]!.choices.length > 0);
      const chooses = (best: (index: number) => number) => (index: number) =>
        Number(asked[index]!.choices[best(index)] === asked[index]!.right[0]);
      const predictions = new Map(
        chosen.map((index) => {
          const { choices } = places[index]!;
          const bodies = choices.map((row) => ({
            logLikelihood: at(row).body,
            tokens: at(row).tokens - 1,
            greedy: at(row).greedy,
          }));
          return [index, judgeChoices(asked[index]!.choices, bodies).predictions];
        }),
      );
      const by = (norm: ChoiceNorm): number =>
        macro(
          chosen,
          chooses((index) => predictions.get(index)![norm]),
        );
      return [
        discipline,
        {
          strict: macro(own, (index) => Number(places[index]!.right.some((row) => at(row).greedy))),
          lenient: macro(
            chosen,
            chooses((index) => {
              const likelihoods = places[index]!.choices.map(perToken);
              return likelihoods.indexOf(Math.max(...likelihoods));
            }),
          ),
          majority: macro(own, (index) => {
            const { right, guess, relation } = asked[index]!;
            return Number(right.includes(guess ?? commonest(counts.get(relation)!)));
          }),
          chance: mean(chosen.map((index) => 1 / asked[index]!.choices.length)),
          logLikelihood: mean(own.map((index) => perToken(places[index]!.right[0]!))),
          questions: own.length,
          acc: by("none"),
          accNorm: by("characters"),
          accBytes: by("bytes"),
          accTokens: by("tokens"),
          choiceMajority: macro(chosen, (index) => {
            const { choices, right, relation, priors } = asked[index]!;
            const known = counts.get(relation)!;
            return shareOfBest(
              priors ?? choices.map((choice) => known.get(choice) ?? 0),
              choices.indexOf(right[0]!),
            );
          }),
        },
      ];
    }),
  );
}

/** How often each answer is the right one, per relation. */
function answerCounts(asked: readonly Question[]): Map<string, Map<string, number>> {
  const counts = new Map<string, Map<string, number>>();
  for (const { relation, right } of asked) {
    const answers = counts.get(relation) ?? new Map<string, number>();
    answers.set(right[0]!, (answers.get(right[0]!) ?? 0) + 1);
    counts.set(relation, answers);
  }
  return counts;
}
