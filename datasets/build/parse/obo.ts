import { readText } from "../../../src/core/files.js";

/** One term of an OBO file. */
export interface Term {
  readonly id: string;
  readonly name: string;
  /** Text of `def:` without quotes and references. */
  readonly definition: string;
  readonly parents: readonly string[];
  /** `relationship: TYPE TARGET`, types to targets. */
  readonly relationships: ReadonlyMap<string, readonly string[]>;
  /** Texts of synonyms by their type tag, for example FORMULA. */
  readonly tagged: ReadonlyMap<string, readonly string[]>;
}

/** Reads the live terms of an OBO 1.2 file in file order. */
export function parseObo(path: string): ReadonlyMap<string, Term> {
  const terms = new Map<string, Term>();
  for (const stanza of readText(path).split("\n\n")) {
    if (!stanza.trimStart().startsWith("[Term]") || /^is_obsolete: true/m.test(stanza)) continue;
    const parents: string[] = [];
    const relationships = new Map<string, string[]>();
    const tagged = new Map<string, string[]>();
    let id = "";
    let name = "";
    let definition = "";
    for (const line of stanza.split("\n")) {
      const colon = line.indexOf(": ");
      const value = line.slice(colon + 2);
      switch (line.slice(0, colon)) {
        case "id":
          id = value;
          break;
        case "name":
          name = value;
          break;
        case "def":
          definition = /^"((?:[^"\\]|\\.)*)"/.exec(value)?.[1]?.replace(/\\(.)/g, "$1") ?? "";
          break;
        case "is_a":
          parents.push(value.split(" ")[0]!);
          break;
        case "relationship": {
          const [type, target] = value.split(" ");
          append(relationships, type!, target!);
          break;
        }
        case "synonym": {
          const match = /^"((?:[^"\\]|\\.)*)" [A-Z]+ ([A-Z]+) /.exec(value);
          if (match !== null) append(tagged, match[2]!, match[1]!);
          break;
        }
        default:
      }
    }
    if (id !== "" && name !== "") terms.set(id, { id, name, definition, parents, relationships, tagged });
  }
  return terms;
}

/** Ids of all terms above `id`, nearest first. */
export function ancestors(terms: ReadonlyMap<string, Term>, id: string): string[] {
  const found = new Set<string>();
  let level = [id];
  while (level.length > 0) {
    level = level.flatMap((item) => terms.get(item)?.parents ?? []).filter((parent) => !found.has(parent));
    for (const parent of level) found.add(parent);
  }
  return [...found];
}

function append(map: Map<string, string[]>, key: string, value: string): void {
  const list = map.get(key) ?? [];
  list.push(value);
  map.set(key, list);
}
