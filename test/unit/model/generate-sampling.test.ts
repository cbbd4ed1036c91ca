import { describe, expect, it } from "vitest";

import { exp, ln } from "../../../src/core/math.js";
import { stream } from "../../../src/core/random.js";
import {
  chooseToken,
  distribution,
  penalizeRepetitions,
  type SamplingOptions,
} from "../../../src/model/sampling.js";
import { expectClose } from "../../support/close.js";
import { frequencyBound, largestGap } from "../../support/frequencies.js";

const logitsOf = (...probabilities: number[]): Float32Array => Float32Array.from(probabilities, ln);
const NONE: ReadonlySet<number> = new Set();

/** Draws with a given number in [0, 1). */
function chosenAt(uniform: number, logits: Float32Array, options: SamplingOptions): number {
  return chooseToken(logits, NONE, options, { ...stream(1, "unused"), uniform: () => uniform });
}

describe("the repetition penalty", () => {
  it("divides what is above 0 and multiplies what is below, once per token that was seen", () => {
    const logits = Float32Array.of(3, -1, 0, 1, -4);
    expect([...penalizeRepetitions(logits, new Set([0, 1, 2]), 2)]).toEqual([1.5, -2, 0, 1, -4]);
    expect([...penalizeRepetitions(logits, new Set([0, 4]), 0.5)]).toEqual([6, -1, 0, 1, -2]);
    expect([...logits]).toEqual([3, -1, 0, 1, -4]);
  });

  it("comes before the choice, in greedy decoding too", () => {
    const logits = Float32Array.of(3, 2, 1);
    expect(chooseToken(logits, new Set([0]), { repetitionPenalty: 1.4 }, undefined)).toBe(0);
    expect(chooseToken(logits, new Set([0]), { repetitionPenalty: 1.6 }, undefined)).toBe(1);
    expect(chooseToken(logits, new Set([0, 1]), { repetitionPenalty: 4 }, undefined)).toBe(2);
  });
});

describe("what can be drawn", () => {
  // Weights 8, 4, 2, 1, 1 of 16.
  const LOGITS = logitsOf(8, 4, 2, 1, 1);

  it.each<[string, SamplingOptions, readonly number[], readonly number[]]>([
    ["nothing cut", {}, [0, 1, 2, 3, 4], [8 / 16, 4 / 16, 2 / 16, 1 / 16, 1 / 16]],
    ["temperature 1/2 squares", { temperature: 0.5 }, [0, 1, 2, 3, 4], [64, 16, 4, 1, 1].map((w) => w / 86)],
    ["top-k 2", { topK: 2 }, [0, 1], [8 / 12, 4 / 12]],
    ["top-k 4, a tie at the border", { topK: 4 }, [0, 1, 2, 3], [8 / 15, 4 / 15, 2 / 15, 1 / 15]],
    ["top-k above the vocabulary", { topK: 9, topP: 1 }, [0, 1, 2, 3, 4], [8, 4, 2, 1, 1].map((w) => w / 16)],
    ["top-p below the likeliest", { topP: 0.1 }, [0], [1]],
    ["top-p 0.7", { topP: 0.7 }, [0, 1], [8 / 12, 4 / 12]],
    ["top-p 0.8", { topP: 0.8 }, [0, 1, 2], [8 / 14, 4 / 14, 2 / 14]],
    ["top-p 0.9, a tie at the border", { topP: 0.9 }, [0, 1, 2, 3], [8, 4, 2, 1].map((w) => w / 15)],
    // Of the first two alone the likeliest has 2/3; of all it has 1/2.
    ["top-k before top-p", { topK: 2, topP: 0.6 }, [0], [1]],
    // Squared, the likeliest has 64/86.
    ["temperature before top-p", { temperature: 0.5, topP: 0.7 }, [0], [1]],
  ])("%s", (_, options, ids, probabilities) => {
    const got = distribution(LOGITS, options);
    expect(got.ids).toEqual(ids);
    expectClose(got.probabilities, probabilities, 1e-6, 0);
  });

  it("is named by ids wherever the likeliest stand", () => {
    expect(distribution(logitsOf(1, 2, 8, 1, 4), { topK: 3 }).ids).toEqual([1, 2, 4]);
    expect(distribution(logitsOf(1, 1, 1, 1), { topK: 2 }).ids).toEqual([0, 1]);
    expect(distribution(logitsOf(1, 1, 1, 1), { topP: 0.6 }).ids).toEqual([0, 1, 2]);
  });

  it("bears temperatures and penalties at the ends of their ranges", () => {
    const logits = Float32Array.of(1, 3, 2, -1);
    expect(distribution(logits, { temperature: 1e-300 }).probabilities).toEqual([0, 1, 0, 0]);
    expectClose(
      distribution(logits, { temperature: 1e300 }).probabilities,
      [0.25, 0.25, 0.25, 0.25],
      1e-9,
      0,
    );
    const penalized = penalizeRepetitions(logits, new Set([0, 3]), 1e-44);
    expect(distribution(penalized, { temperature: 1 }).probabilities).toEqual([1, 0, 0, 0]);
  });

  it("bears logits that no exponential bears", () => {
    const { ids, probabilities } = distribution(Float32Array.of(2000, 1999, -3e38), { topP: 0.99 });
    expect(ids).toEqual([0, 1]);
    expectClose(probabilities, [1 / (1 + exp(-1)), 1 / (1 + exp(1))], 1e-12, 0);
  });
});

describe("the draw", () => {
  it.each([
    [0, 0],
    [0.49, 0],
    [0.51, 1],
    [0.74, 1],
    [0.76, 2],
    [0.88, 3],
    [0.95, 4],
    [1 - 2 ** -53, 4],
  ])("of %d takes token %d", (uniform, id) => {
    expect(chosenAt(uniform, logitsOf(8, 4, 2, 1, 1), { temperature: 1 })).toBe(id);
  });

  it("takes the likeliest, of equals the lowest id, without a temperature and with top-k 1", () => {
    const logits = Float32Array.of(1, 5, 2, 5);
    expect(chooseToken(logits, NONE, {}, undefined)).toBe(1);
    for (const uniform of [0, 0.5, 0.999]) {
      expect(chosenAt(uniform, logits, { temperature: 2, topK: 1 })).toBe(1);
      expect(chosenAt(uniform, logits, { temperature: 2, topP: 0.01 })).toBe(1);
    }
  });

  it("comes as often as the probabilities say, and the bound tells other probabilities apart", () => {
    const logits = logitsOf(5, 1, 3, 0.5, 2, 0.1);
    const draws = 20_000;
    const draw = stream(4, "frequencies");
    const options = { temperature: 0.8, topK: 5 };
    const counts = new Array<number>(6).fill(0);
    for (let n = 0; n < draws; n++) counts[chooseToken(logits, NONE, options, draw)]! += 1;
    const spread = (of: SamplingOptions): number[] => {
      const { ids, probabilities } = distribution(logits, of);
      return counts.map((_, id) => probabilities[ids.indexOf(id)] ?? 0);
    };
    // 5, 1, 3, 0.5, 2 to the power of 1/0.8.
    const weights = [5, 1, 3, 0.5, 2].map((weight) => weight ** 1.25);
    const total = weights.reduce((a, b) => a + b);
    expectClose(spread(options), [...weights.map((weight) => weight / total), 0], 1e-6, 0);
    expect(largestGap(counts, spread(options))).toBeLessThan(frequencyBound(draws));
    expect(largestGap(counts, spread({ temperature: 0.7, topK: 5 }))).toBeGreaterThan(frequencyBound(draws));
  });
});
