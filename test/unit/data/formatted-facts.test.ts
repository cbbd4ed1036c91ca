import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { stream } from "../../../src/core/random.js";
import {
  drawFormattedFacts,
  formattedFactTests,
  heldOutFormats,
  isFormatTrained,
} from "../../../src/data/formatted-facts.js";
import { FORMAT_FAMILIES, hasContent, hasForm, inFormat } from "../../../src/data/instructions.js";
import { drawSources } from "../../../src/data/mixture.js";
import { instructionPairs } from "../../../src/data/preferences.js";
import { loadTemplates } from "../../../src/data/templates.js";

const root = join(import.meta.dirname, "../../..");
const sources = drawSources(root, { chemistry: 60, geography: 60 }, { else: 3 }, 101);
const facts = new Map(sources.flatMap((source) => source.facts.map((fact) => [fact.subject, fact])));
const trained = drawFormattedFacts(root, sources, 1500, stream(101, "formatted"));
const tests = formattedFactTests(root, sources, 101);

/** Every fact whose subject and answer an item may be about. */
const factsOf = (item: { question: string; bare: string; content: string }) =>
  [...sources.flatMap((source) => source.facts)].filter(
    ({ relation, subject, answer }) =>
      relation === item.content && answer === item.bare && item.question.includes(subject),
  );

describe("held-out formats", () => {
  it("are two of each relation, never the plain one, and every format is held out somewhere", () => {
    const relations = [...loadTemplates(root).keys()];
    for (const relation of relations) {
      const held = heldOutFormats(relation);
      expect(new Set(held).size).toBe(2);
      expect(held).not.toContain("plain");
    }
    const families = new Set(relations.flatMap(heldOutFormats));
    expect(families).toEqual(new Set(FORMAT_FAMILIES.filter((family) => family !== "plain")));
  });
});

describe("facts in formats", () => {
  it("are trained in formats that are not held out, and only some facts", () => {
    for (const item of trained) {
      expect(heldOutFormats(item.content)).not.toContain(item.family);
      expect(hasForm(item.family, item.answer, item.key)).toBe(true);
      expect(factsOf(item).some(isFormatTrained), item.question).toBe(true);
    }
    expect(trained.filter(({ discipline }) => discipline === "chemistry")).toHaveLength(750);
  });

  it("are tested in held-out formats, and the other facts", () => {
    expect(tests.length).toBeGreaterThan(150);
    for (const item of tests) {
      expect(heldOutFormats(item.content)).toContain(item.family);
      expect(factsOf(item).some((fact) => !isFormatTrained(fact))).toBe(true);
    }
  });

  it("share no question with training", () => {
    const seen = new Set(trained.map(({ question }) => question));
    expect(tests.filter(({ question }) => seen.has(question))).toEqual([]);
  });

  it("come four times each, in two formats", () => {
    const families = new Map<string, string[]>();
    for (const { content, bare, family, discipline, question } of tests) {
      const subject = [...facts.keys()]
        .filter((name) => question.includes(name))
        .sort((a, b) => b.length - a.length)[0]!;
      const key = `${discipline}/${content}/${subject}/${bare}`;
      families.set(key, [...(families.get(key) ?? []), family]);
    }
    for (const own of families.values()) {
      expect(own).toHaveLength(4);
      expect(new Set(own).size).toBe(2);
    }
  });

  it("are the same for equal seeds and none without sources", () => {
    expect(formattedFactTests(root, sources, 101)).toEqual(tests);
    expect(drawFormattedFacts(root, [], 5, stream(101, "formatted"))).toEqual([]);
  });

  it("make preferences that avoid a wrong form or another answer", () => {
    instructionPairs(trained, stream(101, "pairs")).forEach(({ chosen, rejected }, index) => {
      const { bare, aliases, answer, family, key } = trained[index]!;
      expect(chosen).toBe(answer);
      const right = [bare, ...aliases].map((text) => inFormat(family, text, key));
      expect(right).not.toContain(rejected);
      expect(hasForm(family, rejected) || hasContent([bare], rejected), rejected).toBe(true);
    });
  });
});
