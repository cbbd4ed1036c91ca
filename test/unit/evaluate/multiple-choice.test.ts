import { describe, expect, it } from "vitest";

import { encodePair, estimate, judgeChoices, pairRow } from "../../../src/evaluate/multiple-choice.js";

/** One id per word with the blank before it: 100 + its letters; a blank at the end is an id of its own. */
const encode = (text: string): number[] => (text.match(/ ?[^ ]+| /g) ?? []).map((word) => 100 + word.length);

describe("encoding a context with its continuation", () => {
  it("cuts the whole behind the tokens of the context", () => {
    expect(encodePair(encode, "a bc", " def", 0)).toEqual({ context: [101, 103], continuation: [104] });
  });

  it("moves blanks at the end of the context to the continuation", () => {
    expect(encodePair(encode, "a bc ", "def", 0)).toEqual({ context: [101, 103], continuation: [104] });
  });

  it("puts the prefix token where the context is empty, unless the continuation has it", () => {
    expect(encodePair(encode, "", "abc", 7)).toEqual({ context: [7], continuation: [103] });
    expect(encodePair(encode, "", "abc d", 103)).toEqual({ context: [103], continuation: [102] });
  });
});

describe("the row of a pair", () => {
  const pair = { context: [1, 2, 3], continuation: [4, 5] };

  it("counts the continuation", () => {
    expect(pairRow(pair)).toEqual({ ids: [1, 2, 3, 4, 5], from: 3 });
  });

  it("loses the beginning of the context where it is too long", () => {
    expect(pairRow(pair, 4)).toEqual({ ids: [2, 3, 4, 5], from: 2 });
  });

  it("is refused without a continuation, without context, or without room", () => {
    expect(() => pairRow({ ...pair, continuation: [] })).toThrow("Tokens of a continuation: got 0");
    expect(() => pairRow({ ...pair, context: [] })).toThrow("Tokens of a context: got 0");
    expect(() => pairRow(pair, 2)).toThrow("Tokens of a continuation: got 2");
  });
});

describe("judging choices", () => {
  const score = (
    logLikelihood: number,
    tokens = 1,
  ): { logLikelihood: number; tokens: number; greedy: boolean } => ({ logLikelihood, tokens, greedy: false });

  it("divides by code points, by bytes and by tokens", () => {
    // Per character -2, -1.5, -4 and -4.5; per byte -2, -1.5, -1 and -4.5; per token -2, -3, -4 and -0.9.
    const { predictions } = judgeChoices(
      ["a", "bc", "😀", "d"],
      [score(-2), score(-3), score(-4), score(-4.5, 5)],
    );
    expect(predictions).toEqual({ none: 0, characters: 1, bytes: 2, tokens: 3 });
  });

  it("gives a tie to the first", () => {
    expect(judgeChoices(["a", "b"], [score(-1), score(-1)]).predictions.none).toBe(0);
  });

  it("shares the probability without underflow", () => {
    const { probabilities } = judgeChoices(["a", "b"], [score(-1000), score(-1000 - Math.log(3))]);
    expect(probabilities[0]).toBeCloseTo(0.75, 12);
    expect(probabilities[1]).toBeCloseTo(0.25, 12);
  });
});

describe("the standard error", () => {
  it("is the sample deviation over the root of n", () => {
    expect(estimate([0, 1, 1, 0])).toEqual({ mean: 0.5, standardError: Math.sqrt(1 / 3) / 2 });
  });
});
