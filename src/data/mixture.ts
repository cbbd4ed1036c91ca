import { LawbookError, mismatch } from "../core/errors.js";
import { stream } from "../core/random.js";
import type { Row } from "./batches.js";
import { diverseWalk, shuffledWalk, unit, vendiScore, type Vector } from "./diversity.js";
import { drawFacts, type Fact, loadEmbeddings, loadFacts } from "./facts.js";
import { pick, type Sampler, shares } from "./samplers.js";
import { type Form, loadTemplates, phrase, type Relation, wordings as formsOf } from "./templates.js";
import type { Tokenizer } from "./tokenizer.js";

/** The drawn facts of one discipline with the wordings in which each may be asked in training. */
export interface Source {
  readonly discipline: string;
  readonly facts: readonly Fact[];
  /** Training forms per fact. */
  readonly forms: readonly (readonly Form[])[];
  /** Unit embedding per fact. */
  readonly vectors: readonly Vector[];
}

/**
 * Draws facts and wordings per discipline from the training split. The draws depend on the seed and on the discipline
 * or fact alone: a fact's first wordings are the same however many it has, so arms are paired.
 * Throws where a pool is too small or a relation has too few wordings.
 */
export function drawSources(
  root: string,
  facts: Readonly<Record<string, number>>,
  wordings: Readonly<Record<string, number>>,
  seed: number,
): Source[] {
  const templates = loadTemplates(root);
  // Sorted: a request that was read back from canonical JSON must draw the same rows.
  return Object.entries(facts)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .filter(([, count]) => count > 0)
    .map(([discipline, count]) => {
      const pool = loadFacts(root, discipline).filter(({ split }) => split === "train");
      const drawn = drawFacts(pool, count, stream(seed, "facts", discipline));
      if (drawn.length !== count) {
        throw new LawbookError(
          "request",
          mismatch(`data.facts.${discipline}`, count, `at most ${drawn.length}, the pool`),
        );
      }
      const perFact = wordings[discipline] ?? wordings["else"] ?? 1;
      const forms = drawn.map((fact) => {
        const all = formsOf(templates.get(fact.relation)!);
        if (perFact > all.length) {
          throw new LawbookError(
            "request",
            mismatch(
              `data.wordings of ${discipline}`,
              perFact,
              `at most ${all.length}, the wordings of ${fact.relation}`,
            ),
          );
        }
        return stream(seed, "wordings", fact.id).shuffle(all).slice(0, perFact);
      });
      const { values, dimensions } = loadEmbeddings(root, discipline);
      const vectors = drawn.map(({ index }) =>
        unit(values.subarray(index * dimensions, (index + 1) * dimensions)),
      );
      return { discipline, facts: drawn, forms, vectors };
    });
}

/** The `number`-th of `of` equal parts of every source, from 1; parts are disjoint and together all. */
export function partOfSources(
  sources: readonly Source[],
  { number, of }: { readonly number: number; readonly of: number },
): Source[] {
  return sources.map(({ discipline, ...lists }) => {
    const count = lists.facts.length;
    const cut = (part: number): number => Math.floor((part * count) / of);
    const slice = <Item>(items: readonly Item[]): readonly Item[] =>
      items.slice(cut(number - 1), cut(number));
    const { facts, forms, vectors } = lists;
    return { discipline, facts: slice(facts), forms: slice(forms), vectors: slice(vectors) };
  });
}

/** One row to come: which fact of which source, asked how. */
export interface Pick {
  readonly source: number;
  readonly fact: number;
  /** Index into the fact's forms. */
  readonly form: number;
}

/**
 * The first `count` rows of a run: the sampler chooses the discipline, a walk the fact, and a fact's wordings take
 * turns. Sizes for the sampler are rows, facts x wordings.
 */
export function planRows(
  sources: readonly Source[],
  sampler: Sampler,
  diversity: boolean,
  count: number,
  seed: number,
): Pick[] {
  const sizes = sources.map(({ forms }) => forms.reduce((total, { length }) => total + length, 0));
  const shareOf = shares(sampler, sizes, count);
  const order = stream(seed, "order");
  const walks = sources.map(({ discipline, facts, vectors }) => {
    const draw = stream(seed, "walk", discipline);
    return diversity ? diverseWalk(vectors, draw) : shuffledWalk(facts.length, draw);
  });
  const uses = sources.map(({ facts }) => new Array<number>(facts.length).fill(0));
  return Array.from({ length: count }, () => {
    const source = pick(shareOf, order.uniform());
    const fact = walks[source]!.next();
    const form = uses[source]![fact]!++ % sources[source]!.forms[fact]!.length;
    return { source, fact, form };
  });
}

/** A question and its answer as chat: `<user> question <assistant> answer <end>`, the answer and the end counting. */
export function chatRow(tokenizer: Tokenizer, question: string, answer: string): Row {
  const { user, assistant, end } = tokenizer;
  const prompt = [user, ...tokenizer.encode(question), assistant];
  return { ids: [...prompt, ...tokenizer.encode(answer), end], from: prompt.length };
}

/** Turns picks into rows. */
export function rowsOf(
  root: string,
  sources: readonly Source[],
  picks: readonly Pick[],
  tokenizer: Tokenizer,
): Row[] {
  const templates = loadTemplates(root);
  const known = new Map<string, Row>();
  return picks.map(({ source, fact, form }) => {
    const key = `${source}/${fact}/${form}`;
    let row = known.get(key);
    if (row === undefined) {
      const { facts, forms, discipline } = sources[source]!;
      const { relation, subject, answer } = facts[fact]!;
      const question = phrase(templates.get(relation)!, forms[fact]![form]!, subject);
      row = { ...chatRow(tokenizer, question, answer), label: discipline };
      known.set(key, row);
    }
    return row;
  });
}

/** What a run was really fed from one discipline. */
export interface ConsumedRows {
  readonly facts: number;
  readonly wordings: number;
  readonly rows: number;
  readonly maxRepeats: number;
  readonly vendi: number;
}

/**
 * Counts what was fed, per discipline. The Vendi score is over (fact, wording) pairs weighted by their rows, with the
 * cosine kernel on the fact's embedding beside one-hot core, wrapper and noun, both halves of equal weight.
 */
export function consumedRows(
  root: string,
  sources: readonly Source[],
  picks: readonly Pick[],
): Record<string, ConsumedRows> {
  const templates = loadTemplates(root);
  const counts = sources.map(() => new Map<string, number>());
  for (const { source, fact, form } of picks) {
    const key = `${fact}/${form}`;
    counts[source]!.set(key, (counts[source]!.get(key) ?? 0) + 1);
  }
  return Object.fromEntries(
    sources.flatMap(({ discipline, facts, forms, vectors }, source) => {
      const fed = [...counts[source]!].map(([key, rows]) => {
        const [fact, form] = key.split("/").map(Number) as [number, number];
        const wording = forms[fact]![form]!;
        return {
          fact,
          rows,
          vector: pairVector(vectors[fact]!, templates.get(facts[fact]!.relation)!, wording),
        };
      });
      if (fed.length === 0) return [];
      const consumed: ConsumedRows = {
        facts: new Set(fed.map(({ fact }) => fact)).size,
        wordings: fed.length,
        rows: fed.reduce((total, { rows }) => total + rows, 0),
        maxRepeats: Math.max(...fed.map(({ rows }) => rows)),
        vendi: vendiScore(
          fed.map(({ vector }) => vector),
          fed.map(({ rows }) => rows),
        ),
      };
      return [[discipline, consumed]];
    }),
  );
}

const MOST_CORES = 32;
const MOST_WRAPPERS = 16;
const MOST_NOUNS = 8;

function pairVector(fact: Vector, relation: Relation, form: Form): Vector {
  const parts = [
    [form.core, MOST_CORES],
    [form.wrapper, MOST_WRAPPERS],
    [form.noun, MOST_NOUNS],
  ] as const;
  if (relation.cores.train.length > MOST_CORES)
    throw new LawbookError("internal", `${relation.name} has too many cores.`);
  const oneHot = parts.flatMap(([index, size]) =>
    Array.from({ length: size }, (_, at) => Number(at === index)),
  );
  return unit([...fact, ...unit(oneHot)]);
}
