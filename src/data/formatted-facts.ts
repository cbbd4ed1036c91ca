import { sha256 } from "../core/canonical.js";
import { type Stream, stream } from "../core/random.js";
import type { Fact } from "./facts.js";
import { applyFormat, FORMAT_FAMILIES, type Instruction } from "./instructions.js";
import type { Source } from "./mixture.js";
import { loadTemplates, phrase, testForms } from "./templates.js";

/** Formats of a relation that training never shows with its facts. */
const HELD_OUT = 2;

/** The formats that a relation's facts are tested in and never trained in: two of nine, by sha256, never the plain one. */
export function heldOutFormats(relation: string): readonly string[] {
  const rank = (family: string): string => sha256(`pair/${relation}/${family}`);
  return FORMAT_FAMILIES.filter((family) => family !== "plain")
    .sort((a, b) => (rank(a) < rank(b) ? -1 : 1))
    .slice(0, HELD_OUT);
}

/** May training show this fact in a format? Half of the facts, by id; the others are tested in formats. */
export function isFormatTrained({ id }: Pick<Fact, "id">): boolean {
  return Number.parseInt(id.slice(-1), 16) % 2 === 0;
}

/** Facts per discipline that are tested in formats at the most. */
const MOST_FACTS = 30;

/** A fact asked with a format demanded. `content` is its relation. */
export interface FormattedFact extends Instruction {
  readonly discipline: string;
  readonly topic: string;
  readonly aliases: readonly string[];
}

/**
 * Facts asked in a training wording with a format demanded, for alignment: the disciplines in turn, of each only the facts
 * of `isFormatTrained` and, for every relation, only formats that are not held out. Disciplines without such facts give none.
 */
export function drawFormattedFacts(
  root: string,
  sources: readonly Source[],
  count: number,
  draw: Stream,
): readonly FormattedFact[] {
  const templates = loadTemplates(root);
  const pools = sources
    .map(({ facts, forms }) =>
      facts
        .map((fact, index) => ({ fact, forms: forms[index]! }))
        .filter(({ fact }) => isFormatTrained(fact)),
    )
    .filter((pool) => pool.length > 0);
  if (pools.length === 0) return [];
  return Array.from({ length: count }, (_, index) => {
    const { fact, forms } = draw.choose(pools[index % pools.length]!);
    const held = heldOutFormats(fact.relation);
    const family = draw.choose(FORMAT_FAMILIES.filter((name) => name !== "plain" && !held.includes(name)));
    const question = phrase(templates.get(fact.relation)!, draw.choose(forms), fact.subject);
    return formatted(fact, family, question, draw);
  });
}

/**
 * Facts that training never shows in a format, each in the four test wordings, in the held-out formats of its relation in
 * turn: neither fact and format nor relation and format were trained together. At most 30 facts a discipline.
 */
export function formattedFactTests(root: string, sources: readonly Source[], seed: number): FormattedFact[] {
  const templates = loadTemplates(root);
  return sources.flatMap(({ discipline, facts }) =>
    stream(seed, "formatted-facts", discipline)
      .shuffle(facts.filter((fact) => !isFormatTrained(fact)))
      .slice(0, MOST_FACTS)
      .flatMap((fact) => {
        const relation = templates.get(fact.relation)!;
        const held = heldOutFormats(fact.relation);
        const draw = stream(seed, "formatted-facts", fact.id);
        return testForms(relation).map((form, index) =>
          formatted(fact, held[index % held.length]!, phrase(relation, form, fact.subject), draw),
        );
      }),
  );
}

function formatted(fact: Fact, family: string, question: string, draw: Stream): FormattedFact {
  return {
    ...applyFormat(family, question, fact.answer, draw),
    family,
    content: fact.relation,
    bare: fact.answer,
    aliases: fact.aliases,
    discipline: fact.discipline,
    topic: fact.topic,
  };
}
