import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { stream } from "../../../src/core/random.js";
import { drawInstructions, isRight, loadInstructionWords } from "../../../src/data/instructions.js";
import { chatRow, drawSources, planRows, type Source } from "../../../src/data/mixture.js";
import { factPreferences, instructionPreferences, preferenceTokens } from "../../../src/data/preferences.js";
import { loadTokenizer } from "../../../src/data/tokenizer.js";

const root = join(import.meta.dirname, "../../..");
const words = loadInstructionWords(root);
const tokenizer = loadTokenizer(join(root, "datasets/tokenizer"));

describe("preferences about instructions", () => {
  const draw = () => stream(101, "preferences", "instructions");
  const items = instructionPreferences(words, 2000, draw());
  const rows = drawInstructions(words, "train", 2000, draw());

  it("prefer the right answer of the training rows", () => {
    expect(items.map(({ question, chosen }) => ({ question, answer: chosen }))).toEqual(
      rows.map(({ question, answer }) => ({ question, answer })),
    );
  });

  it("avoid an answer that is wrong", () => {
    items.forEach(({ rejected }, index) => {
      expect(isRight(rows[index]!, rejected), JSON.stringify(items[index])).toBe(false);
    });
  });

  it("avoid the wrong form about as often as the wrong content", () => {
    // A row without a format is left out: which of the two is wrong can be read off the others only.
    const formatted = items.filter((_, index) => rows[index]!.family === "square");
    const misformed = formatted.filter(({ rejected }) => !/^\[.+\]$/.test(rejected));
    expect(misformed.length / formatted.length).toBeGreaterThan(0.35);
    expect(misformed.length / formatted.length).toBeLessThan(0.65);
  });

  it("are the same for equal streams", () => {
    expect(instructionPreferences(words, 2000, draw())).toEqual(items);
  });

  it("of a single row avoid its wrong form, having no other content", () => {
    const [only] = instructionPreferences(words, 1, draw());
    expect(only!.rejected).not.toBe(only!.chosen);
  });
});

describe("preferences about facts", () => {
  const sources = drawSources(root, { geography: 30, medicine: 30 }, { else: 2 }, 101);
  const picks = planRows(sources, { kind: "balanced" }, true, 400, 101);
  const items = factPreferences(root, sources, picks, 101);
  const factOf = (index: number) => sources[picks[index]!.source]!.facts[picks[index]!.fact]!;

  it("prefer the answer and avoid another one that training has for the relation", () => {
    items.forEach(({ chosen, rejected, question }, index) => {
      const fact = factOf(index);
      expect(chosen).toBe(fact.answer);
      expect(question).toContain(fact.subject);
      expect([fact.answer, ...fact.aliases]).not.toContain(rejected);
      const trained = sources[picks[index]!.source]!.facts.filter((f) => f.relation === fact.relation);
      const others = new Set(trained.map(({ answer }) => answer));
      for (const own of [fact.answer, ...fact.aliases]) others.delete(own);
      expect(others.size > 0 ? [...others] : fact.choices).toContain(rejected);
    });
  });

  it("let the wrong answers of a fact take turns", () => {
    const first = items.flatMap(({ rejected }, index) => (factOf(index) === factOf(0) ? [rejected] : []));
    expect(first.length).toBeGreaterThan(2);
    expect(new Set(first).size).toBeGreaterThan(1);
  });

  it("depend on the seed and the fact alone", () => {
    expect(factPreferences(root, sources, picks, 101)).toEqual(items);
    expect(factPreferences(root, sources, picks, 102)).not.toEqual(items);
    const half = factPreferences(root, sources, picks.slice(0, 200), 101);
    expect(half).toEqual(items.slice(0, 200));
  });

  it("fall back to the choices of a fact where training has no other answer", () => {
    const fact = sources[0]!.facts[0]!;
    const alone: Source = { ...sources[0]!, facts: [fact], forms: [sources[0]!.forms[0]!] };
    const [item] = factPreferences(root, [alone], [{ source: 0, fact: 0, form: 0 }], 101);
    expect(fact.choices.filter((choice) => choice !== fact.answer)).toContain(item!.rejected);
  });
});

describe("a preference as tokens", () => {
  it("has the prompt and the answers of chat rows", () => {
    const item = { question: "What is the capital of Norway?", chosen: "Oslo", rejected: "Bern" };
    const { prompt, chosen, rejected } = preferenceTokens(tokenizer, item);
    expect([...prompt, ...chosen]).toEqual(chatRow(tokenizer, item.question, "Oslo").ids);
    expect([...prompt, ...rejected]).toEqual(chatRow(tokenizer, item.question, "Bern").ids);
    expect(prompt.length).toBe(chatRow(tokenizer, item.question, "Oslo").from);
  });
});
