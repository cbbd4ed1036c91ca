import { join } from "node:path";

import { LawbookError, quote } from "../core/errors.js";
import { listFolder, readJson } from "../core/files.js";

/** The three sets of core phrasings; those for testing and validation are never trained on. */
export type FormSet = "train" | "test" | "validation";

/** One way to ask a relation's question: a core phrasing, a wrapper around it and a noun for the relation, as indices. */
export interface Form {
  readonly set: FormSet;
  readonly core: number;
  readonly wrapper: number;
  readonly noun: number;
}

/** A relation with everything that is needed to phrase its questions. */
export interface Relation {
  readonly name: string;
  readonly discipline: string;
  /** Names for the relation, for example "capital" and "capital city". */
  readonly nouns: readonly string[];
  /** How the subject stands in a sentence, for example "theorem {subject}". */
  readonly subject: string;
  /** True where small models stay at the floor; runs leave such relations out unless asked. */
  readonly extra: boolean;
  /** Core phrasings with {noun} and {subject}. */
  readonly cores: Readonly<Record<FormSet, readonly string[]>>;
  /** Texts around a core phrasing, with {question}; the first is the bare question. */
  readonly wrappers: readonly string[];
}

/** All relations by name. */
export type Templates = ReadonlyMap<string, Relation>;

interface GrammarFile {
  wrappers: string[];
  grammars: Record<string, Record<FormSet, string[]>>;
}

interface RelationEntry {
  grammar: string;
  nouns: string[];
  subject?: string;
  extra?: boolean;
}

const cache = new Map<string, Templates>();

/** Reads `datasets/templates`: `grammars.json` and one file of relations a discipline. Read once per root and process. */
export function loadTemplates(root: string): Templates {
  const known = cache.get(root);
  if (known !== undefined) return known;
  const folder = join(root, "datasets/templates");
  const { wrappers, grammars } = readJson(join(folder, "grammars.json")) as GrammarFile;
  const relations = new Map<string, Relation>();
  for (const file of listFolder(folder).filter(
    (name) => name.endsWith(".json") && name !== "grammars.json",
  )) {
    const path = join(folder, file);
    for (const [name, entry] of Object.entries(readJson(path) as Record<string, RelationEntry>)) {
      const cores = grammars[entry.grammar];
      const problem =
        cores === undefined
          ? `grammar: got ${quote(entry.grammar)}, expected one of ${Object.keys(grammars).join(", ")}`
          : relations.has(name)
            ? `name: got ${quote(name)} a second time, expected a new one`
            : entry.nouns.length === 0
              ? "nouns: got none, expected at least one"
              : undefined;
      if (cores === undefined || problem !== undefined) {
        throw new LawbookError("bad-file", `${path}, relation ${name}, ${problem}.`, {
          data: { path, relation: name },
        });
      }
      relations.set(name, {
        name,
        discipline: file.replace(/\.json$/, ""),
        nouns: entry.nouns,
        subject: entry.subject ?? "{subject}",
        extra: entry.extra ?? false,
        cores,
        wrappers,
      });
    }
  }
  cache.set(root, relations);
  return relations;
}

/** All training forms of a relation: cores x wrappers x nouns, in that order of nesting. */
export function wordings(relation: Relation): readonly Form[] {
  return relation.cores.train.flatMap((_, core) =>
    relation.wrappers.flatMap((_text, wrapper) =>
      relation.nouns.map((_noun, noun) => ({ set: "train" as const, core, wrapper, noun })),
    ),
  );
}

/** The four test forms: each held-out core once, bare, the nouns in turn. */
export function testForms(relation: Relation): readonly Form[] {
  return heldOut(relation, "test");
}

/** The validation form: the one core kept for tuning, bare. */
export function validationForms(relation: Relation): readonly Form[] {
  return heldOut(relation, "validation");
}

/** The question of a relation about `subject` in a given form. */
export function phrase(relation: Relation, form: Form, subject: string): string {
  const core = relation.cores[form.set][form.core];
  const wrapper = relation.wrappers[form.wrapper];
  const noun = relation.nouns[form.noun];
  if (core === undefined || wrapper === undefined || noun === undefined) {
    throw new LawbookError("internal", `Relation ${relation.name} has no form ${JSON.stringify(form)}.`);
  }
  const name = relation.subject.replace("{subject}", () => subject);
  const question = core.replaceAll("{noun}", () => noun).replaceAll("{subject}", () => name);
  return wrapper.replace("{question}", () => question);
}

function heldOut(relation: Relation, set: "test" | "validation"): readonly Form[] {
  return relation.cores[set].map((_, core) => ({
    set,
    core,
    wrapper: 0,
    noun: core % relation.nouns.length,
  }));
}
