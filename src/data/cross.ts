import { stream } from "../core/random.js";
import type { Fact } from "./facts.js";
import type { Source } from "./mixture.js";
import { loadTemplates, phrase, type Templates, testForms } from "./templates.js";
import { wrongAnswers } from "./wrong-answers.js";

/** A question that needs facts of two disciplines. */
export interface CrossItem {
  /** The disciplines in alphabetical order with a plus between them, or `chain`. */
  readonly group: string;
  readonly facts: readonly [Fact, Fact];
  readonly question: string;
  /** The answer first, then what counts as right too. */
  readonly right: readonly string[];
  /** The answer and wrong ones, in random order. */
  readonly choices: readonly string[];
  /** How common each choice is among the trained answers, in [0, 1]. */
  readonly priors: readonly number[];
  /** What a model would write that knows the commonest answers alone. */
  readonly guess: string;
}

/** Questions of two parts per pair of disciplines. */
const ITEMS = 24;

/**
 * Questions of two parts, one from each of two disciplines, in test wordings: both answers are wanted, in order, with
 * "and" between them. For every pair of disciplines 24, or as many as the smaller one has facts. The choices are both
 * answers right, either one wrong, both wrong, so that who knows one part alone is right half of the time.
 */
export function pairItems(root: string, sources: readonly Source[], seed: number): CrossItem[] {
  const templates = loadTemplates(root);
  const sorted = [...sources].sort((a, b) => (a.discipline < b.discipline ? -1 : 1));
  return sorted.flatMap((first, index) =>
    sorted.slice(index + 1).flatMap((second) => {
      const group = `${first.discipline}+${second.discipline}`;
      const draw = stream(seed, "cross", group);
      const left = draw.shuffle(first.facts);
      const right = draw.shuffle(second.facts);
      return Array.from({ length: Math.min(ITEMS, left.length, right.length) }, (_, at) => {
        const parts = [
          partOf(templates, left[at]!, first.facts, at, seed),
          partOf(templates, right[at]!, second.facts, at, seed),
        ] as const;
        const [a, b] = at % 2 === 0 ? parts : [parts[1], parts[0]];
        const both = (one: string, other: string): string => `${one} and ${other}`;
        const choices = draw.shuffle(
          [a.answer, a.wrong].flatMap((one) =>
            [b.answer, b.wrong].map((other) => ({
              text: both(one, other),
              prior: a.share(one) * b.share(other),
            })),
          ),
        );
        return {
          group,
          facts: [a.fact, b.fact] as const,
          question: `${a.question} ${b.question}`,
          right: a.right.flatMap((one) => b.right.map((other) => both(one, other))),
          choices: choices.map(({ text }) => text),
          priors: choices.map(({ prior }) => prior),
          guess: both(a.commonest, b.commonest),
        };
      });
    }),
  );
}

/** One part of a question, with what training says about its relation. */
interface Part {
  readonly fact: Fact;
  readonly question: string;
  readonly answer: string;
  readonly right: readonly string[];
  readonly wrong: string;
  readonly commonest: string;
  /** Share of an answer among the trained answers of the relation, in [0, 1]. */
  share(answer: string): number;
}

function partOf(
  templates: Templates,
  fact: Fact,
  trained: readonly Fact[],
  index: number,
  seed: number,
): Part {
  const relation = templates.get(fact.relation)!;
  const forms = testForms(relation);
  const { share, commonest } = answerShares(fact.relation, trained);
  return {
    fact,
    question: phrase(relation, forms[index % forms.length]!, fact.subject),
    answer: fact.answer,
    right: [fact.answer, ...fact.aliases],
    wrong: wrongAnswers(fact, trained, seed)[0]!,
    commonest,
    share,
  };
}

function answerShares(
  relation: string,
  trained: readonly Fact[],
): { readonly share: (answer: string) => number; readonly commonest: string } {
  const counts = new Map<string, number>();
  const own = trained.filter((fact) => fact.relation === relation);
  for (const { answer } of own) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  return {
    share: (answer) => (counts.get(answer) ?? 0) / own.length,
    commonest: [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0],
  };
}

/** Relations whose answers are subjects of another discipline, and its topics there; others share names by chance. */
const CHAINS: Readonly<Record<string, readonly string[]>> = {
  "discovery-country": ["geography/countries"],
  "element-group": ["mathematics/numbers"],
  "parent-compound": ["medicine/drugs", "medicine/medicines"],
  "chemical-class": ["medicine/medicines"],
  "medicine-kind": ["chemistry/drugs", "chemistry/compounds"],
};

/** Pairs of facts of two disciplines where the answer of the first is the subject of the second. */
export function findChains(facts: readonly Fact[]): (readonly [Fact, Fact])[] {
  const bySubject = new Map<string, Fact[]>();
  for (const fact of facts) bySubject.set(fact.subjectKey, [...(bySubject.get(fact.subjectKey) ?? []), fact]);
  return facts.flatMap((first) =>
    [first.answer, ...first.aliases]
      .flatMap((answer) => bySubject.get(answer.toLowerCase()) ?? [])
      .filter(({ discipline, topic }) => CHAINS[first.relation]?.includes(`${discipline}/${topic}`))
      .map((second) => [first, second] as const),
  );
}

/** Keys of the subjects that several disciplines have facts about. */
export function sharedSubjects(facts: readonly Fact[]): string[] {
  const disciplines = new Map<string, Set<string>>();
  for (const { subjectKey, discipline } of facts)
    disciplines.set(subjectKey, (disciplines.get(subjectKey) ?? new Set()).add(discipline));
  return [...disciplines]
    .filter(([, own]) => own.size > 1)
    .map(([key]) => key)
    .sort();
}

/**
 * Questions that ask the second fact of a chain about "the <relation> of <subject>" of the first, in a test wording. The
 * committed facts hold 551 chains; a run that draws a few hundred facts at random rarely trains both ends of one.
 */
export function chainItems(root: string, sources: readonly Source[], seed: number): CrossItem[] {
  const templates = loadTemplates(root);
  const trained = sources.flatMap(({ facts }) => facts);
  return findChains(trained).map(([first, second], index) => {
    const link = templates.get(first.relation)!;
    const relation = templates.get(second.relation)!;
    const forms = testForms(relation);
    const subject = `the ${link.nouns[0]!} of ${link.subject.replace("{subject}", () => first.subject)}`;
    const own = trained.filter(({ discipline }) => discipline === second.discipline);
    const { share, commonest } = answerShares(second.relation, own);
    const wrong = [...new Set([...wrongAnswers(second, own, seed), ...second.choices])]
      .filter((answer) => answer !== second.answer && !second.aliases.includes(answer))
      .slice(0, 3);
    const choices = stream(seed, "cross", first.id, second.id).shuffle([second.answer, ...wrong]);
    return {
      group: "chain",
      facts: [first, second] as const,
      question: phrase(relation, forms[index % forms.length]!, subject),
      right: [second.answer, ...second.aliases],
      choices,
      priors: choices.map(share),
      guess: commonest,
    };
  });
}
