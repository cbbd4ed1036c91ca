import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { LawbookError } from "../../../src/core/errors.js";
import { stream } from "../../../src/core/random.js";
import {
  drawFacts,
  type Fact,
  factId,
  loadEmbeddings,
  loadFacts,
  parseFact,
  splitOf,
} from "../../../src/data/facts.js";
import { temporaryProject, type TemporaryProject } from "../../support/project.js";

const line = {
  id: "0123456789ab",
  discipline: "geography",
  topic: "countries",
  relation: "capital",
  subject: "Norway",
  subjectKey: "norway",
  answer: "Oslo",
  aliases: ["Christiania"],
  choices: ["Bern", "Oslo", "Rome", "Lima"],
  source: { package: "p", version: "1", file: "f", licence: "MIT", snapshot: "2020" },
  split: "train",
};

const fact = (subject: string, relation: string, topic = "t"): Fact => ({
  ...parseFact(line, 0, "x"),
  subject,
  subjectKey: subject,
  relation,
  topic,
  id: `${subject}/${relation}`,
});

describe("a line of a facts file", () => {
  it("is read whole, with its place in the file", () => {
    expect(parseFact(line, 7, "x")).toEqual({ ...line, index: 7 });
  });

  it.each([
    ["no object", null, "fact: got null"],
    ["an empty answer", { ...line, answer: "" }, "answer: got"],
    ["an alias that is no text", { ...line, aliases: [3] }, "aliases: got [3]"],
    [
      "a licence that is not permissive",
      { ...line, source: { ...line.source, licence: "GPL-3.0" } },
      "permissive",
    ],
    ["no licence", { ...line, source: { ...line.source, licence: undefined } }, "source.licence"],
    [
      "an unknown split",
      { ...line, split: "dev" },
      'split: got "dev", expected one of train, validation, test',
    ],
    ["three choices", { ...line, choices: ["Oslo", "Bern", "Rome"] }, "choices"],
    ["equal choices", { ...line, choices: ["Oslo", "Bern", "Bern", "Rome"] }, "choices"],
    ["choices without the answer", { ...line, choices: ["Lima", "Bern", "Nuuk", "Rome"] }, "choices"],
    ["an unknown field", { ...line, colour: "red" }, 'field: got "colour"'],
  ])("is refused with %s", (_, value, message) => {
    expect(() => parseFact(value, 0, "facts.jsonl, line 1")).toThrow(message);
    expect(() => parseFact(value, 0, "facts.jsonl, line 1")).toThrow("facts.jsonl, line 1");
  });
});

describe("files", () => {
  let project: TemporaryProject;
  beforeEach(() => {
    project = temporaryProject();
    const cores = {
      train: ["{noun} of {subject}?"],
      test: ["{subject}, {noun}?"],
      validation: ["{subject}: {noun}"],
    };
    project.put(
      "datasets/templates/grammars.json",
      JSON.stringify({ wrappers: ["{question}"], grammars: { a: cores } }),
    );
    project.put(
      "datasets/templates/geography.json",
      JSON.stringify({
        capital: { grammar: "a", nouns: ["capital"] },
        code: { grammar: "a", nouns: ["code"], extra: true },
      }),
    );
    const second = { ...line, id: "ab", relation: "code", answer: "NO", choices: ["NO", "SE", "FI", "DK"] };
    project.put("datasets/facts/geography.jsonl", `${JSON.stringify(line)}\n${JSON.stringify(second)}\n`);
  });
  afterEach(() => project.remove());

  const thrown = (): LawbookError => {
    try {
      loadFacts(project.root, "geography", { extra: true });
    } catch (error) {
      return error as LawbookError;
    }
    throw new Error("no error");
  };

  it("leave extra relations out unless asked, and keep the line as index", () => {
    expect(loadFacts(project.root, "geography").map(({ relation }) => relation)).toEqual(["capital"]);
    expect(loadFacts(project.root, "geography", { extra: true }).map(({ index }) => index)).toEqual([0, 1]);
  });

  it("with an id twice name both lines", () => {
    project.edit("datasets/facts/geography.jsonl", '"id":"ab"', '"id":"0123456789ab"');
    expect(thrown().message).toContain("geography.jsonl, line 2, id");
    expect(thrown().message).toContain("line 1 has it too");
  });

  it("with a relation that has no template, or of another discipline, are refused", () => {
    project.edit("datasets/facts/geography.jsonl", '"relation":"code"', '"relation":"tide"');
    expect(thrown().message).toContain('line 2, relation: got "tide"');
    project.edit(
      "datasets/facts/geography.jsonl",
      '"id":"0123456789ab","discipline":"geography"',
      '"id":"c","discipline":"biology"',
    );
    expect(thrown().message).toContain('line 1, discipline: got "biology"');
  });

  it("that are no JSON name the line", () => {
    project.edit("datasets/facts/geography.jsonl", '{"id":"ab"', '{"id":');
    expect(thrown().code).toBe("bad-file");
    expect(thrown().message).toContain("line 2");
  });

  it("of embeddings are read, and refused when cut short", () => {
    const bytes = Uint8Array.from([2, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, 255, 254, 253]);
    project.put("datasets/embeddings/geography.bin", bytes);
    expect(loadEmbeddings(project.root, "geography")).toEqual({
      rows: 2,
      dimensions: 3,
      values: Int8Array.from([1, 2, 3, -1, -2, -3]),
    });
    for (const length of [13, 8, 5, 0]) {
      project.put("datasets/embeddings/geography.bin", bytes.slice(0, length));
      expect(() => loadEmbeddings(project.root, "geography")).toThrow("is damaged");
    }
  });
});

describe("drawing", () => {
  const pool = [
    ...["a", "b", "c", "d"].flatMap((subject) =>
      ["x", "y", "z"].map((relation) => fact(subject, relation, "one")),
    ),
    ...["e", "f"].flatMap((subject) => ["x", "y"].map((relation) => fact(subject, relation, "two"))),
    fact("lone", "x", "two"),
  ];
  const perSubject = (facts: readonly Fact[]): number[] => {
    const counts = new Map<string, number>();
    for (const { subjectKey } of facts) counts.set(subjectKey, (counts.get(subjectKey) ?? 0) + 1);
    return [...counts.values()];
  };

  it("gives exactly the number wanted and never a subject with one fact", () => {
    for (let count = 2; count <= 16; count++) {
      for (let seed = 101; seed < 106; seed++) {
        const drawn = drawFacts(pool, count, stream(seed, "facts"));
        expect(drawn).toHaveLength(count);
        expect(Math.min(...perSubject(drawn))).toBeGreaterThanOrEqual(2);
        expect(new Set(drawn.map(({ id }) => id)).size).toBe(count);
      }
    }
  });

  it("takes topics in turn", () => {
    const drawn = drawFacts(pool, 10, stream(101, "facts"));
    expect(drawn.filter(({ topic }) => topic === "two")).toHaveLength(4);
  });

  it("stops where the pool is empty", () => {
    expect(drawFacts(pool, 40, stream(101, "facts"))).toHaveLength(16);
  });

  it("is the same for equal streams and does not depend on the order of the pool", () => {
    const ids = (facts: readonly Fact[]): string[] => facts.map(({ id }) => id);
    const once = ids(drawFacts(pool, 9, stream(101, "facts")));
    expect(ids(drawFacts(pool, 9, stream(101, "facts")))).toEqual(once);
    expect(ids(drawFacts(pool, 9, stream(102, "facts")))).not.toEqual(once);
    expect(ids(drawFacts([...pool].reverse(), 9, stream(101, "facts"))).map((id) => id[0])).toEqual(
      once.map((id) => id[0]),
    );
  });
});

describe("splits and ids", () => {
  it("follow from names alone, about eight in ten for training", () => {
    const names = Array.from({ length: 5000 }, (_, i) => `entity ${i}`);
    const share = (split: string): number =>
      names.filter((name) => splitOf(name) === split).length / names.length;
    expect(share("train")).toBeCloseTo(0.8, 1);
    expect(share("test")).toBeCloseTo(0.1, 1);
    expect(share("validation")).toBeCloseTo(0.1, 1);
  });

  it("never change, since committed files and records depend on them", () => {
    expect(["norway", "gold", "aspirin", "iron"].map(splitOf)).toMatchInlineSnapshot(`
      [
        "train",
        "train",
        "train",
        "train",
      ]
    `);
    expect(factId("geography", "capital", "norway")).toMatchInlineSnapshot(`"9488851b2edc"`);
  });
});
