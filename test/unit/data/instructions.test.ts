import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { sha256 } from "../../../src/core/canonical.js";
import { stream } from "../../../src/core/random.js";
import {
  applyFormat,
  drawInstructions,
  FORMAT_FAMILIES,
  hasContent,
  hasForm,
  inFormat,
  INSTRUCTION_CONTENTS,
  type InstructionSet,
  isHeldOut,
  isRight,
  loadInstructionWords,
} from "../../../src/data/instructions.js";

const words = loadInstructionWords(join(import.meta.dirname, "../../.."));
const draw = (set: InstructionSet, count = 3000, seed = 101) =>
  drawInstructions(words, set, count, stream(seed, "i"));

describe("general instructions", () => {
  it("are the same for equal streams", () => {
    expect(draw("train", 200)).toEqual(draw("train", 200));
    expect(draw("train", 200)).not.toEqual(draw("train", 200, 102));
  });

  it("for training are those that the committed Instruct models learnt", () => {
    const rows = drawInstructions(words, "train", 2000, stream(0, "instructions"));
    const text = rows.map(({ question, answer }) => `${question}\t${answer}\n`).join("");
    expect(sha256(text)).toBe("b40043b901e0e12f61b9da38c2f248e18d981c35c4de5e05f9e374d0eada1f82");
  });

  it("cover every task and every format in training", () => {
    const rows = draw("train");
    expect(new Set(rows.map(({ content }) => content))).toEqual(new Set(INSTRUCTION_CONTENTS));
    expect(new Set(rows.map(({ family }) => family))).toEqual(new Set(FORMAT_FAMILIES));
  });

  it("never train a held-out pair of task and format, and test only those as unseen pairs", () => {
    for (const { content, family } of [...draw("train"), ...draw("unseen-words")]) {
      expect(isHeldOut(content, family)).toBe(false);
    }
    for (const { content, family } of draw("unseen-pairs")) expect(isHeldOut(content, family)).toBe(true);
  });

  it("hold out some pairs, but no whole task and no whole format", () => {
    const pairs = INSTRUCTION_CONTENTS.flatMap((content) =>
      FORMAT_FAMILIES.map((family) => ({ content, family, held: isHeldOut(content, family) })),
    );
    const held = pairs.filter((pair) => pair.held);
    expect(held.length).toBeGreaterThan(10);
    expect(held.length).toBeLessThan(pairs.length / 3);
    for (const content of INSTRUCTION_CONTENTS) {
      expect(pairs.filter((pair) => pair.content === content && !pair.held).length).toBeGreaterThanOrEqual(5);
    }
    for (const family of FORMAT_FAMILIES) {
      expect(pairs.filter((pair) => pair.family === family && !pair.held).length).toBeGreaterThanOrEqual(5);
    }
  });

  it("keep a tenth of the words out of training", () => {
    const copied = (set: InstructionSet): Set<string> =>
      new Set(
        draw(set).flatMap((row) => (row.content === "copy" && row.family === "plain" ? [row.answer] : [])),
      );
    const held = copied("unseen-words");
    expect(held.size).toBeGreaterThan(20);
    for (const word of copied("train")) expect(held.has(word)).toBe(false);
  });

  it("have answers in the form they ask for, and code can tell", () => {
    for (const row of draw("train")) {
      expect(hasForm(row.family, row.answer), JSON.stringify(row)).toBe(true);
      expect(isRight(row, ` ${row.answer}\n`)).toBe(true);
      expect(isRight(row, `${row.answer}s`)).toBe(false);
    }
  });

  it("have answers that follow from the question", () => {
    for (const { question, answer, content, family } of draw("train")) {
      if (family !== "plain") continue;
      if (content === "letters") expect(question).toMatch(new RegExp(`\\b[a-z]{${answer}}\\b`));
      else if (content === "count") expect(question.split(",")).toHaveLength(Number(answer));
      else if (content === "upper") expect(question).toContain(answer.toLowerCase());
      else if (content === "swap") expect(question).toContain(answer.split(" ").reverse().join(" "));
      else if (!["kind", "member", "first-letter"].includes(content)) expect(question).toContain(answer);
    }
  });
});

describe("formats", () => {
  it("tell a bare answer from a formatted one", () => {
    for (const family of FORMAT_FAMILIES.filter((name) => name !== "plain")) {
      expect(hasForm(family, "Oslo"), family).toBe(false);
      const { question, answer } = applyFormat(
        family,
        "What is the capital of Norway?",
        "Oslo",
        stream(101, "f"),
      );
      expect(hasForm(family, answer), family).toBe(true);
      expect(question).toContain("What is the capital of Norway?");
      expect(question).not.toContain("{");
    }
    expect(hasForm("plain", "[Oslo]")).toBe(false);
    expect(hasForm("square", "[Oslo")).toBe(false);
    expect(hasForm("twice", "Oslo Bern")).toBe(false);
  });

  it("find the right content in any one of them, and no other content", () => {
    for (const family of FORMAT_FAMILIES) {
      const text = inFormat(family, "Oslo", "done");
      expect(hasContent(["Bern", "Oslo"], ` ${text}`), family).toBe(true);
      expect(hasContent(["Bern"], text), family).toBe(false);
    }
    expect(hasContent(["Oslo"], "[Oslo] done")).toBe(false);
    expect(hasContent(["Oslo"], "Oslo and more")).toBe(false);
  });

  it("want the word that was asked for, where it is named", () => {
    expect(hasForm("end", "Oslo done")).toBe(true);
    expect(hasForm("end", "Oslo done", "over")).toBe(false);
    expect(hasForm("begin", "over Oslo", "over")).toBe(true);
    expect(hasForm("begin", "done Oslo", "over")).toBe(false);
    expect(hasForm("square", "[Oslo]", "over")).toBe(true);
  });

  it("that are unknown are an error", () => {
    expect(() => hasForm("limerick", "x")).toThrow("Unknown format limerick");
  });
});
