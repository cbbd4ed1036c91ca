import { join } from "node:path";

import { unknownName } from "../core/errors.js";
import { unit, vendiScore } from "../data/diversity.js";
import { type Fact, loadEmbeddings, loadFacts } from "../data/facts.js";
import { loadTemplates, phrase, type Relation, wordings } from "../data/templates.js";
import { loadTokenizer } from "../data/tokenizer.js";
import { DISCIPLINES } from "../runs/request.js";
import { command, type CommandSpec } from "./command.js";
import { textTable } from "./table.js";

/** One discipline in numbers, extra relations left out. */
export interface DisciplineSummary {
  readonly discipline: string;
  readonly facts: number;
  readonly relations: number;
  readonly subjects: number;
  /** Subjects that a run can draw: training split, two relations or more. */
  readonly drawable: number;
  /** Tokens of one row a fact: question, answer and three markers. */
  readonly tokens: number;
  /** Vendi score of the facts' embeddings: the effective number of distinct facts. */
  readonly diversity: number;
}

/** One relation in numbers, with a sample. */
export interface RelationSummary {
  readonly relation: string;
  /** Runs leave extra relations out unless asked. */
  readonly extra: boolean;
  readonly facts: number;
  readonly answers: number;
  /** Share of the commonest answer, in (0, 1]. */
  readonly majority: number;
  /** Training wordings: cores x wrappers x nouns. */
  readonly wordings: number;
  /** Vendi score of the embeddings. */
  readonly diversity: number;
  readonly samples: readonly { readonly question: string; readonly answer: string }[];
}

/** What `data` shows: all disciplines, or the relations of one. */
export interface DataReport {
  readonly disciplines: readonly DisciplineSummary[];
  readonly relations?: readonly RelationSummary[];
}

/** `lawbook data [DISCIPLINE]` and `%data [DISCIPLINE]`. */
export const dataCommand: CommandSpec<DataReport> = command({
  name: "data",
  summary: "Show the disciplines, or the relations of one with samples and diversity",
  positionals: [
    { name: "DISCIPLINE", description: DISCIPLINES.join(", "), required: false, suggest: () => DISCIPLINES },
  ],
  flags: [],
  examples: ["lawbook data", "lawbook data geography"],
  magics: ["line"],
  resultType: 'import("lawbook").DataReport',
  run: async (args, { root }): Promise<DataReport> => describeData(root, args.positionals[0]),
  show: ({ disciplines, relations }) =>
    relations === undefined
      ? {
          text: disciplineText(disciplines),
          json: { disciplines: [...disciplines] },
          table: [...disciplines],
        }
      : {
          text: relationText(disciplines[0]!, relations),
          json: {
            disciplines: [...disciplines],
            relations: relations.map((row) => ({ ...row, samples: [...row.samples] })),
          },
          table: relations.map(({ samples, ...row }) => ({ ...row, sample: samples[0]?.question ?? "" })),
        },
});

/** The report behind the verb: one discipline with its relations, or all of them. */
export function describeData(root: string, discipline?: string): DataReport {
  const known: readonly string[] = DISCIPLINES;
  if (discipline === undefined) return { disciplines: known.map((name) => summary(root, name)) };
  if (!known.includes(discipline)) throw unknownName("discipline", discipline, known);
  return { disciplines: [summary(root, discipline)], relations: relationsOf(root, discipline) };
}

function summary(root: string, discipline: string): DisciplineSummary {
  const facts = loadFacts(root, discipline);
  const templates = loadTemplates(root);
  const tokenizer = loadTokenizer(join(root, "datasets/tokenizer"));
  const bySubject = new Map<string, number>();
  for (const { subjectKey, split } of facts) {
    if (split === "train") bySubject.set(subjectKey, (bySubject.get(subjectKey) ?? 0) + 1);
  }
  return {
    discipline,
    facts: facts.length,
    relations: new Set(facts.map(({ relation }) => relation)).size,
    subjects: new Set(facts.map(({ subjectKey }) => subjectKey)).size,
    drawable: [...bySubject.values()].filter((count) => count >= 2).length,
    tokens: facts.reduce((total, fact) => {
      const { question, answer } = sample(fact, templates.get(fact.relation)!);
      return total + tokenizer.encode(question).length + tokenizer.encode(answer).length + 3;
    }, 0),
    diversity: diversity(root, discipline, facts),
  };
}

function relationsOf(root: string, discipline: string): RelationSummary[] {
  const templates = loadTemplates(root);
  const facts = loadFacts(root, discipline, { extra: true });
  return [...new Set(facts.map(({ relation }) => relation))].sort().map((name) => {
    const own = facts.filter(({ relation }) => relation === name);
    const counts = new Map<string, number>();
    for (const { answer } of own) counts.set(answer, (counts.get(answer) ?? 0) + 1);
    const relation = templates.get(name)!;
    return {
      relation: name,
      extra: relation.extra,
      facts: own.length,
      answers: counts.size,
      majority: rounded(Math.max(...counts.values()) / own.length, 3),
      wordings: wordings(relation).length,
      diversity: diversity(root, discipline, own),
      samples: [0, 1, 2].map((third) => sample(own[Math.floor((third * own.length) / 3)]!, relation)),
    };
  });
}

function sample(
  { subject, answer }: Fact,
  relation: Relation,
): { readonly question: string; readonly answer: string } {
  return { question: phrase(relation, { set: "train", core: 0, wrapper: 0, noun: 0 }, subject), answer };
}

function diversity(root: string, discipline: string, facts: readonly Fact[]): number {
  const { values, dimensions } = loadEmbeddings(root, discipline);
  const vectors = facts.map(({ index }) =>
    unit(values.subarray(index * dimensions, (index + 1) * dimensions)),
  );
  return rounded(
    vendiScore(
      vectors,
      facts.map(() => 1),
    ),
    1,
  );
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function disciplineText(rows: readonly DisciplineSummary[]): string {
  return textTable(
    ["discipline", "facts", "relations", "subjects", "drawable", "tokens", "diversity"],
    rows.map((row) => Object.values(row).map(String)),
  );
}

function relationText(discipline: DisciplineSummary, rows: readonly RelationSummary[]): string {
  const numbers = textTable(
    ["relation", "facts", "answers", "majority", "wordings", "diversity"],
    rows.map((row) => [
      row.extra ? `${row.relation} (extra)` : row.relation,
      String(row.facts),
      String(row.answers),
      row.majority.toFixed(2),
      String(row.wordings),
      row.diversity.toFixed(1),
    ]),
  );
  const samples = rows.flatMap(({ samples: [first] }) =>
    first === undefined ? [] : [`  ${first.question}  ${first.answer}`],
  );
  return [disciplineText([discipline]), "", numbers, "", "One question of each relation:", ...samples].join(
    "\n",
  );
}
