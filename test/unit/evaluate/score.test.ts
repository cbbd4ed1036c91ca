import { describe, expect, it } from "vitest";

import { commonest, macroMean, overall, shareOfBest } from "../../../src/evaluate/score.js";

describe("the macro mean", () => {
  it("counts groups alike, however large", () => {
    // a: (1 + 0 + 0) / 3, b: 1.
    const items = ["a1", "a0", "a0", "b1"];
    expect(
      macroMean(
        items,
        ([group]) => group!,
        ([, value]) => Number(value),
      ),
    ).toBeCloseTo(2 / 3, 12);
  });
});

describe("the commonest", () => {
  it("is the first of equals", () => {
    expect(
      commonest(
        new Map([
          ["a", 1],
          ["b", 2],
          ["c", 2],
        ]),
      ),
    ).toBe("b");
  });
});

describe("the share of the best", () => {
  it("is shared by equals and nothing for the others", () => {
    expect(shareOfBest([3, 1, 2], 0)).toBe(1);
    expect(shareOfBest([3, 3, 2], 1)).toBe(0.5);
    expect(shareOfBest([3, 3, 2], 2)).toBe(0);
    expect(shareOfBest([0, 0, 0, 0], 2)).toBe(0.25);
  });
});

describe("scores of several groups", () => {
  const score = { strict: 0, lenient: 0.5, majority: 0.1, chance: 0.25, logLikelihood: -2, questions: 10 };

  it("are means of what all have, and the questions of all", () => {
    const all = overall([
      { ...score, form: 1, acc: 1 },
      { ...score, strict: 1, form: 0, questions: 30 },
    ]);
    expect(all).toEqual({ ...score, strict: 0.5, form: 0.5, questions: 40 });
  });
});
