import { join } from "node:path";

import { sha256 } from "../core/canonical.js";
import { LawbookError, quote } from "../core/errors.js";
import { readBytes, readJsonLines } from "../core/files.js";
import type { Stream } from "../core/random.js";
import { loadTemplates, type Templates } from "./templates.js";

/** Licences that a committed fact may have: all allow redistribution, changed or not, under any licence. */
export const PERMISSIVE_LICENCES = [
  "CC0-1.0",
  "CC-BY-3.0",
  "CC-BY-4.0",
  "MIT",
  "BSD-3-Clause",
  "Apache-2.0",
  "WordNet",
  "LLNL-unrestricted",
  "public-domain",
] as const;

/** Parts of a discipline's facts: training subjects, subjects for tuning, subjects never trained on. */
export const SPLITS = ["train", "validation", "test"] as const;

/** One of the three splits. */
export type Split = (typeof SPLITS)[number];

/** Where a fact comes from. */
export interface FactSource {
  readonly package: string;
  readonly version: string;
  readonly file: string;
  readonly licence: string;
  readonly snapshot: string;
}

/** One triple (subject, relation, answer) with what is needed to ask and mark it. */
export interface Fact {
  /** 12 hex digits: hash of discipline, relation and subject key. */
  readonly id: string;
  readonly discipline: string;
  readonly topic: string;
  readonly relation: string;
  readonly subject: string;
  /** Lower-case name of the entity; equal across disciplines for the same entity. */
  readonly subjectKey: string;
  readonly answer: string;
  /** Other right answers. */
  readonly aliases: readonly string[];
  /** The answer and three wrong answers of the same relation, in a fixed random order. */
  readonly choices: readonly string[];
  readonly source: FactSource;
  readonly split: Split;
  /** 0-based line in the discipline's file: the row of its embedding. Not stored in the file. */
  readonly index: number;
}

const SPLIT_SALT = "lawbook split 1";

/** The split of an entity: 80 % train, 10 % validation, 10 % test, by sha256 of its key. */
export function splitOf(subjectKey: string): Split {
  const bucket = Number.parseInt(sha256(`${SPLIT_SALT}/${subjectKey}`).slice(0, 8), 16) % 10;
  return bucket === 0 ? "test" : bucket === 1 ? "validation" : "train";
}

/** The id of a fact. */
export function factId(discipline: string, relation: string, subjectKey: string): string {
  return sha256(`${discipline}/${relation}/${subjectKey}`).slice(0, 12);
}

/** Path of a discipline's facts. */
export function factsFile(root: string, discipline: string): string {
  return join(root, "datasets/facts", `${discipline}.jsonl`);
}

/** What `loadFacts` reads beside the headline relations, and against which templates. */
export interface LoadOptions {
  /** Also relations that the templates mark as extra (small models do not learn them). */
  readonly extra?: boolean;
  /** Default: the templates of the same root. */
  readonly templates?: Templates;
}

/** Reads a discipline's facts in file order, each line checked; one clear error names file and line. */
export function loadFacts(root: string, discipline: string, options: LoadOptions = {}): readonly Fact[] {
  const path = factsFile(root, discipline);
  const templates = options.templates ?? loadTemplates(root);
  const facts: Fact[] = [];
  const lines = new Map<string, number>();
  readJsonLines(path).forEach((value, index) => {
    const place = `${path}, line ${index + 1}`;
    const fact = parseFact(value, index, place);
    if (fact.discipline !== discipline)
      throw badLine(place, "discipline", fact.discipline, quote(discipline));
    const relation = templates.get(fact.relation);
    if (relation === undefined)
      throw badLine(place, "relation", fact.relation, "a relation of datasets/templates");
    const first = lines.get(fact.id);
    if (first !== undefined) throw badLine(place, "id", fact.id, `a new id (line ${first} has it too)`);
    lines.set(fact.id, index + 1);
    if (options.extra === true || !relation.extra) facts.push(fact);
  });
  return facts;
}

/** Checks one line of a facts file. Throws `bad-file` with the place, the field and what was expected. */
export function parseFact(value: unknown, index: number, place: string): Fact {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badLine(place, "fact", value, "an object");
  }
  const fields = value as Record<string, unknown>;
  const text = (holder: Record<string, unknown>, name: string, label = name): string => {
    const got = holder[name];
    if (typeof got !== "string" || got === "") throw badLine(place, label, got, "a text that is not empty");
    return got;
  };
  const texts = (name: string): string[] => {
    const got = fields[name];
    if (!Array.isArray(got) || got.some((item) => typeof item !== "string" || item === "")) {
      throw badLine(place, name, got, "a list of texts");
    }
    return got as string[];
  };
  const source = fields["source"];
  if (typeof source !== "object" || source === null) throw badLine(place, "source", source, "an object");
  const origin = source as Record<string, unknown>;
  const licence = text(origin, "licence", "source.licence");
  if (!(PERMISSIVE_LICENCES as readonly string[]).includes(licence)) {
    throw badLine(
      place,
      "source.licence",
      licence,
      `a permissive licence (${PERMISSIVE_LICENCES.join(", ")})`,
    );
  }
  const split = text(fields, "split") as Split;
  if (!SPLITS.includes(split)) throw badLine(place, "split", split, `one of ${SPLITS.join(", ")}`);
  const answer = text(fields, "answer");
  const choices = texts("choices");
  if (choices.length !== 4 || new Set(choices).size !== 4 || !choices.includes(answer)) {
    throw badLine(place, "choices", choices, "four different texts, one of them the answer");
  }
  const known = [
    "id",
    "discipline",
    "topic",
    "relation",
    "subject",
    "subjectKey",
    "answer",
    "aliases",
    "choices",
    "source",
    "split",
  ];
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined) throw badLine(place, "field", unknown, `one of ${known.join(", ")}`);
  const fact: Fact = {
    id: text(fields, "id"),
    discipline: text(fields, "discipline"),
    topic: text(fields, "topic"),
    relation: text(fields, "relation"),
    subject: text(fields, "subject"),
    subjectKey: text(fields, "subjectKey"),
    answer,
    aliases: texts("aliases"),
    choices,
    source: {
      package: text(origin, "package", "source.package"),
      version: text(origin, "version", "source.version"),
      file: text(origin, "file", "source.file"),
      licence,
      snapshot: text(origin, "snapshot", "source.snapshot"),
    },
    split,
    index,
  };
  return fact;
}

/**
 * Draws `count` facts: topics in turn, from each the next subject in random order, with all its facts, and only
 * subjects that have two or more. The last subjects are cut (never below two facts) so that the count is exact where
 * the pool allows it. The result is in drawing order.
 */
export function drawFacts(facts: readonly Fact[], count: number, draws: Stream): readonly Fact[] {
  const bySubject = new Map<string, Fact[]>();
  for (const fact of facts) {
    const key = `${fact.topic}/${fact.subjectKey}`;
    const list = bySubject.get(key) ?? [];
    list.push(fact);
    bySubject.set(key, list);
  }
  const queues = new Map<string, Fact[][]>();
  for (const key of [...bySubject.keys()].sort()) {
    const group = bySubject.get(key)!;
    if (group.length < 2) continue;
    const topic = group[0]!.topic;
    const queue = queues.get(topic) ?? [];
    queue.push(group);
    queues.set(topic, queue);
  }
  let open = [...queues.keys()].sort().map((topic) => draws.shuffle(queues.get(topic)!));
  const drawn: Fact[] = [];
  while (open.length > 0 && count - drawn.length >= 2) {
    for (const queue of open) {
      const left = count - drawn.length;
      if (left < 2) break;
      const position = queue.findIndex((group) => usable(group.length, left) > 0);
      if (position < 0) {
        queue.length = 0;
        continue;
      }
      const [group] = queue.splice(position, 1);
      drawn.push(...group!.slice(0, usable(group!.length, left)));
    }
    open = open.filter((queue) => queue.length > 0);
  }
  return drawn;
}

/** How many facts of a subject of `size` to take when `left` are wanted: never one, and never leaving one. */
function usable(size: number, left: number): number {
  const take = Math.min(size, left);
  if (left - take !== 1) return take;
  return take > 2 ? take - 1 : 0;
}

/** Embeddings of a discipline's facts: row `fact.index` belongs to a fact. */
export interface Embeddings {
  readonly rows: number;
  readonly dimensions: number;
  /** Row-major, int8; a cosine needs no scale. */
  readonly values: Int8Array;
}

/** Reads `datasets/embeddings/<discipline>.bin`: two little-endian uint32 (rows, dimensions), then int8 values. */
export function loadEmbeddings(root: string, discipline: string): Embeddings {
  const path = join(root, "datasets/embeddings", `${discipline}.bin`);
  const bytes = readBytes(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [rows, dimensions] = bytes.length < 8 ? [0, 0] : [view.getUint32(0, true), view.getUint32(4, true)];
  if (rows === 0 || bytes.length !== 8 + rows * dimensions) {
    throw new LawbookError(
      "bad-file",
      `${path} is damaged: got ${bytes.length} bytes, expected ${8 + rows * dimensions}.`,
      {
        hint: "Restore the file from the repository.",
      },
    );
  }
  return { rows, dimensions, values: new Int8Array(bytes.buffer, bytes.byteOffset + 8, rows * dimensions) };
}

function badLine(place: string, field: string, got: unknown, expected: string): LawbookError {
  return new LawbookError("bad-file", `${place}, ${field}: got ${quote(got)}, expected ${expected}.`, {
    hint: "Restore the file from the repository, or rebuild it with `npm run datasets:build`.",
    data: { place, field },
  });
}
