import { readFileSync } from "node:fs";
import { join } from "node:path";

import { beforeAll, describe, expect, it } from "vitest";

import { checkFacts } from "../../datasets/build/facts/check.js";
import { ORIGINS, SOURCES } from "../../datasets/build/sources.js";
import { type Leak, leakFinder } from "../../datasets/build/text/leaks.js";
import { stream } from "../../src/core/random.js";
import { type Fact, loadEmbeddings, loadFacts, PERMISSIVE_LICENCES, splitOf } from "../../src/data/facts.js";
import { drawInstructions, loadInstructionWords } from "../../src/data/instructions.js";
import { readManifest, verify } from "../../src/data/manifest.js";
import { loadTemplates, phrase, testForms, validationForms, wordings } from "../../src/data/templates.js";
import { loadBaseText } from "../../src/data/text.js";
import { loadTokenizer } from "../../src/data/tokenizer.js";
import { DISCIPLINES } from "../../src/runs/request.js";

const root = join(import.meta.dirname, "../..");
const tokenizer = loadTokenizer(join(root, "datasets/tokenizer"));
const templates = loadTemplates(root);
const LEAST_FACTS = { mathematics: 4000, chemistry: 4000, biology: 4000, medicine: 2000, geography: 2000 };
const MOST_COMPUTED = 3000;

let all: readonly Fact[];
let asked: readonly Fact[];
let findLeak: (line: string) => Leak | undefined;

beforeAll(() => {
  all = DISCIPLINES.flatMap((discipline) => loadFacts(root, discipline, { extra: true }));
  asked = DISCIPLINES.flatMap((discipline) => loadFacts(root, discipline));
  findLeak = leakFinder(all);
});

describe("the committed facts", () => {
  it.each(DISCIPLINES)("are enough in %s, without the extra relations", (discipline) => {
    const own = asked.filter((fact) => fact.discipline === discipline);
    expect(own.length).toBeGreaterThanOrEqual(LEAST_FACTS[discipline]);
    expect(
      all.filter((f) => f.discipline === discipline && f.source.version === "computed").length,
    ).toBeLessThanOrEqual(MOST_COMPUTED);
    const perSubject = new Map<string, number>();
    for (const { subjectKey } of own) perSubject.set(subjectKey, (perSubject.get(subjectKey) ?? 0) + 1);
    const several = own.filter(({ subjectKey }) => perSubject.get(subjectKey)! >= 2);
    expect(several.length / own.length).toBeGreaterThan(0.7);
  });

  it("have no fault: splits, ids, lengths, choices, shares", () => {
    expect(checkFacts(all, tokenizer)).toEqual([]);
  });

  it("come from pinned packages with permissive licences, each named in NOTICE", () => {
    const pinned = new Set(SOURCES.map(({ name, version }) => `${name} ${version}`));
    const used = new Set(all.map(({ source }) => `${source.package} ${source.version}`));
    expect([...used].filter((source) => !pinned.has(source))).toEqual(["lawbook computed"]);
    for (const { licence } of Object.values(ORIGINS)) expect(PERMISSIVE_LICENCES).toContain(licence);
    const notice = readFileSync(join(root, "NOTICE"), "utf8");
    for (const name of [
      "WordNet 3.1",
      "set.mm",
      "ChEBI",
      "NCBI Taxonomy",
      "Blue Obelisk",
      "Avogadro",
      "CMIP6",
      "countries-list",
    ]) {
      expect(notice).toContain(name);
    }
  });

  it("fit a row of 48 tokens in every wording, held-out ones too", () => {
    const longest = new Map<string, number>();
    for (const fact of asked.filter(({ index }) => index % 7 === 0)) {
      const relation = templates.get(fact.relation)!;
      for (const form of [...wordings(relation), ...testForms(relation), ...validationForms(relation)]) {
        const row =
          tokenizer.encode(phrase(relation, form, fact.subject)).length +
          tokenizer.encode(fact.answer).length +
          3;
        longest.set(form.set, Math.max(longest.get(form.set) ?? 0, row));
      }
    }
    for (const length of longest.values()) expect(length).toBeLessThanOrEqual(48);
  });

  it.each(DISCIPLINES)("have an embedding each: %s", (discipline) => {
    const { rows, dimensions, values } = loadEmbeddings(root, discipline);
    expect(rows).toBe(all.filter((fact) => fact.discipline === discipline).length);
    for (let row = 0; row < rows; row++) {
      const length = Math.sqrt(
        values.subarray(row * dimensions, (row + 1) * dimensions).reduce((t, v) => t + v * v, 0),
      );
      expect(Math.abs(length - 127)).toBeLessThan(4);
    }
  });
});

describe("the check of facts", () => {
  const good = (): Fact => all.find(({ relation, split }) => relation === "capital" && split === "train")!;
  const other = (): Fact => all.find(({ relation, split }) => relation === "language" && split === "train")!;
  const plant = (change: Partial<Fact>): string[] =>
    checkFacts([good(), { ...other(), ...change }], tokenizer);

  it("is silent about sound facts", () => {
    expect(checkFacts([good()], tokenizer).filter((line) => !line.includes("% of its facts"))).toEqual([]);
  });

  it("catches a subject on two sides", () => {
    const leaked = { ...good(), relation: "currency", id: "x", split: "test" as const };
    expect(checkFacts([good(), leaked], tokenizer).join()).toContain("is in train and in test");
  });

  it.each<[string, () => Partial<Fact>, string]>([
    ["a split that is not the hash's", () => ({ split: "test" }), "split does not follow"],
    ["an answer over 12 tokens", () => ({ answer: "zxqvw kjhgf qqzzx wvvkj" }), "tokens"],
    ["an id twice", () => ({ id: good().id }), "same id as"],
    ["a key that is not the subject's", () => ({ subjectKey: "elsewhere" }), "wrong subject key"],
    [
      "two right choices",
      () => ({ aliases: other().choices.filter((c) => c !== other().answer) }),
      "not one right choice",
    ],
    ["choices without the answer", () => ({ choices: ["a", "b", "c", "d"] }), "not one right choice"],
    ["markup", () => ({ answer: "4s<sup>2</sup>" }), "not plain text"],
    ["a long subject", () => ({ subject: "a".repeat(29), subjectKey: "a".repeat(29) }), "29 characters"],
    ["other letters", () => ({ answer: "Malmö" }), "not plain text"],
  ])("catches %s", (_, change, message) => {
    expect(plant(change()).join("\n")).toContain(message);
  });

  it("catches an answer that is most of its relation", () => {
    const same = all
      .filter(({ relation }) => relation === "continent")
      .map((fact) => ({ ...fact, answer: "Asia" }));
    expect(checkFacts(same, tokenizer).join()).toContain("Asia is 100 %");
  });
});

describe("the text for pre-training", () => {
  it("is ASCII, at least 4.5 million tokens, one passage a line", () => {
    const passages = loadBaseText(root);
    const sample = passages.filter((_, index) => index % 20 === 0);
    const tokens = sample.reduce((total, passage) => total + tokenizer.encode(passage).length, 0);
    expect((tokens * passages.length) / sample.length).toBeGreaterThan(4_450_000);
    expect(new Set(passages).size).toBe(passages.length);
    expect(passages.filter((passage) => !/^[\x20-\x7e]{20,}$/.test(passage))).toEqual([]);
  });

  it("holds no line with a fact's subject and answer", () => {
    expect(loadBaseText(root).filter((line) => findLeak(line) !== undefined)).toEqual([]);
  });

  it.each(["train", "unseen-words", "unseen-pairs"] as const)("nor do the instructions: %s", (set) => {
    const rows = drawInstructions(loadInstructionWords(root), set, 15_000, stream(101, "leaks"));
    expect(rows.filter(({ question, answer }) => findLeak(`${question} ${answer}`) !== undefined)).toEqual(
      [],
    );
  });

  it("would be caught with a planted line, wherever it comes from", () => {
    for (const relation of new Set(all.map((fact) => fact.relation))) {
      const fact = all.find((item) => item.relation === relation)!;
      expect(
        findLeak(`As everyone knows, ${fact.answer} goes with ${fact.subject}; no doubt.`),
        relation,
      ).toBeDefined();
    }
  });
});

describe("the wordings", () => {
  it("are at least 144 a relation, with four cores for testing and one for tuning that training never has", () => {
    for (const relation of templates.values()) {
      expect(wordings(relation).length, relation.name).toBeGreaterThanOrEqual(12 * 6 * 2);
      expect(testForms(relation)).toHaveLength(4);
      expect(validationForms(relation)).toHaveLength(1);
      const trained = new Set(wordings(relation).map((form) => phrase(relation, form, "SUBJECT")));
      for (const form of [...testForms(relation), ...validationForms(relation)]) {
        const question = phrase(relation, form, "SUBJECT");
        expect(trained.has(question), question).toBe(false);
        expect(question).toContain("SUBJECT");
        expect(question).toContain(relation.nouns[form.noun]);
      }
    }
  });

  it("are for relations that have facts, and every relation has some", () => {
    expect([...templates.keys()].sort()).toEqual([...new Set(all.map(({ relation }) => relation))].sort());
    for (const { relation, discipline } of all) expect(templates.get(relation)!.discipline).toBe(discipline);
  });
});

describe("the manifest", () => {
  it("names every dataset file by the sha256 it has", () => {
    expect(verify(root)).toEqual([]);
  });

  it("names the packages that the build fetches", () => {
    expect(
      readManifest(root).packages.map(({ name, version, sha256 }) => ({ name, version, sha256 })),
    ).toEqual(SOURCES.map(({ name, version, sha256 }) => ({ name, version, sha256 })));
  });
});

describe("splits", () => {
  it("put an entity of two disciplines on one side", () => {
    const disciplines = new Map<string, Set<string>>();
    for (const { subjectKey, discipline } of all) {
      disciplines.set(subjectKey, (disciplines.get(subjectKey) ?? new Set()).add(discipline));
    }
    const shared = [...disciplines].filter(([, own]) => own.size > 1).map(([key]) => key);
    expect(shared.length).toBeGreaterThan(100);
    for (const key of shared) {
      expect(new Set(all.filter((fact) => fact.subjectKey === key).map(({ split }) => split))).toEqual(
        new Set([splitOf(key)]),
      );
    }
  });
});
