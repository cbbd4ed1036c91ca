import type { Device } from "../compute/device.js";
import { mean } from "../core/math.js";
import { stream } from "../core/random.js";
import type { Row } from "../data/batches.js";
import { type Fact, loadFacts } from "../data/facts.js";
import { chatRow, type Source } from "../data/mixture.js";
import { type Form, loadTemplates, phrase, testForms, validationForms } from "../data/templates.js";
import type { Tokenizer } from "../data/tokenizer.js";
import type { ModelConfig } from "../model/config.js";
import type { Weights } from "../model/safetensors.js";
import { type RowScore, scoreRows } from "./likelihood.js";

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
}

/** Scores of one discipline on one set, in [0, 1] but for the log-likelihood. */
export interface DisciplineScore {
  readonly strict: number;
  readonly lenient: number;
  readonly majority: number;
  readonly chance: number;
  readonly logLikelihood: number;
  readonly questions: number;
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
export interface Asking {
  readonly device: Device;
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly tokenizer: Tokenizer;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/**
 * Puts questions to a model. strict: greedy decoding writes a right answer and ends; lenient: of the choices the right
 * one has the highest mean ln p per token; both as macro means over topics. majority: what the commonest right answer of
 * each relation would get as strict; chance: 1 / choices. logLikelihood: mean over questions of ln p per token of the
 * answer, nats.
 */
export async function ask(
  asking: Asking,
  asked: readonly Question[],
): Promise<Record<string, DisciplineScore>> {
  const rows: Row[] = [];
  const add = (question: Question, answers: readonly string[]): readonly number[] =>
    answers.map((answer) => rows.push(chatRow(asking.tokenizer, question.text, answer)) - 1);
  const places = asked.map((question) => ({
    right: add(question, question.right),
    choices: add(question, question.choices),
  }));
  const scores = await scoreRows(asking.device, asking.config, asking.weights, rows, asking);
  const disciplines = [...new Set(asked.map(({ discipline }) => discipline))];
  return Object.fromEntries(
    disciplines.map((discipline) => {
      const own = [...asked.keys()].filter((index) => asked[index]!.discipline === discipline);
      const at = (index: number): RowScore => scores[index]!;
      const perToken = (row: number): number => at(row).logLikelihood / at(row).tokens;
      const commonest = commonestAnswers(own.map((index) => asked[index]!));
      const macro = (indices: readonly number[], right: (index: number) => boolean): number => {
        const topics = [...new Set(indices.map((index) => asked[index]!.topic))].sort();
        return mean(
          topics.map((topic) =>
            mean(
              indices.filter((index) => asked[index]!.topic === topic).map((index) => Number(right(index))),
            ),
          ),
        );
      };
      const chosen = own.filter((index) => places[index]!.choices.length > 0);
      return [
        discipline,
        {
          strict: macro(own, (index) => places[index]!.right.some((row) => at(row).greedy)),
          lenient: macro(chosen, (index) => {
            const likelihoods = places[index]!.choices.map(perToken);
            const best = likelihoods.indexOf(Math.max(...likelihoods));
            return asked[index]!.choices[best] === asked[index]!.right[0];
          }),
          majority: macro(own, (index) =>
            asked[index]!.right.includes(commonest.get(asked[index]!.relation)!),
          ),
          chance: mean(chosen.map((index) => 1 / asked[index]!.choices.length)),
          logLikelihood: mean(own.map((index) => perToken(places[index]!.right[0]!))),
          questions: own.length,
        },
      ];
    }),
  );
}

function commonestAnswers(asked: readonly Question[]): Map<string, string> {
  const counts = new Map<string, Map<string, number>>();
  for (const { relation, right } of asked) {
    const answers = counts.get(relation) ?? new Map<string, number>();
    answers.set(right[0]!, (answers.get(right[0]!) ?? 0) + 1);
    counts.set(relation, answers);
  }
  return new Map(
    [...counts].map(([relation, answers]) => [
      relation,
      [...answers].reduce((a, b) => (b[1] > a[1] ? b : a))[0],
    ]),
  );
}
