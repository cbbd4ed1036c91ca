import { join } from "node:path";

import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { stream } from "../../src/core/random.js";
import {
  applyFormat,
  FORMAT_FAMILIES,
  hasContent,
  hasForm,
  inFormat,
  loadInstructionWords,
} from "../../src/data/instructions.js";
import { instructionPreferences } from "../../src/data/preferences.js";
import { looseVariants } from "../../src/evaluate/formats.js";
import { judgeChoices } from "../../src/evaluate/multiple-choice.js";
import { macroMean, overall, shareOfBest } from "../../src/evaluate/score.js";

const family = fc.constantFrom(...FORMAT_FAMILIES);
const bare = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9 ,.^/-]{0,18}[A-Za-z0-9]$/);
const name = fc.stringMatching(/^[a-z]{1,8}$/);

describe("formats", () => {
  it("write what has the form, the word and the content", () => {
    fc.assert(
      fc.property(family, bare, name, (format, answer, seed) => {
        const written = applyFormat(format, "What is it?", answer, stream(seed, "property"));
        expect(hasForm(format, written.answer, written.key)).toBe(true);
        expect(hasContent([answer], written.answer)).toBe(true);
        expect(inFormat(format, answer, written.key)).toBe(written.answer);
      }),
    );
  });

  it("are right loosely wherever they are right strictly", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(looseVariants(text)).toContain(text.trim());
      }),
    );
  });
});

describe("preferences", () => {
  it("never avoid what they prefer", () => {
    const words = loadInstructionWords(join(import.meta.dirname, "../.."));
    fc.assert(
      fc.property(name, fc.integer({ min: 1, max: 40 }), (seed, count) => {
        const items = instructionPreferences(words, count, stream(seed, "property"));
        expect(items).toHaveLength(count);
        for (const { chosen, rejected } of items) expect(rejected).not.toBe(chosen);
      }),
      { numRuns: 30 },
    );
  });
});

describe("scores", () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true });

  it("of the best are shared out whole", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 8 }), (values) => {
        const total = values.reduce((sum, _, index) => sum + shareOfBest(values, index), 0);
        expect(total).toBeCloseTo(1, 12);
      }),
    );
  });

  it("are means between the least and the most", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, share), { minLength: 1, maxLength: 20 }), (items) => {
        const values = items.map(([, value]) => value);
        const result = macroMean(
          items,
          ([group]) => group,
          ([, value]) => value,
        );
        expect(result).toBeGreaterThanOrEqual(Math.min(...values) - 1e-12);
        expect(result).toBeLessThanOrEqual(Math.max(...values) + 1e-12);
      }),
    );
  });

  it("of one group are the scores overall", () => {
    fc.assert(
      fc.property(share, share, fc.integer({ min: 1, max: 99 }), (strict, acc, questions) => {
        const score = { strict, lenient: 0, majority: 0, chance: 0.25, logLikelihood: -1, questions, acc };
        expect(overall([score])).toEqual(score);
      }),
    );
  });
});

describe("choices", () => {
  const score = fc.record({
    logLikelihood: fc.double({ min: -50, max: -0.01, noNaN: true }),
    tokens: fc.integer({ min: 1, max: 9 }),
    greedy: fc.constant(false),
  });

  it("of equal length are chosen alike by every norm but the tokens", () => {
    fc.assert(
      fc.property(fc.array(score, { minLength: 2, maxLength: 4 }), (scores) => {
        const texts = scores.map((_, index) => `choice ${index}`);
        const { predictions } = judgeChoices(texts, scores);
        expect(predictions.characters).toBe(predictions.none);
        expect(predictions.bytes).toBe(predictions.none);
      }),
    );
  });
});
