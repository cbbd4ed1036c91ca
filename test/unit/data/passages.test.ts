import { describe, expect, it } from "vitest";

import { attentionBias } from "../../../src/data/batches.js";
import { encodePassages, passageBatch } from "../../../src/data/passages.js";
import type { Tokenizer } from "../../../src/data/tokenizer.js";

/** One token a letter: a is 10, b is 11, ... */
const letters = {
  end: 3,
  encode: (text: string) => Array.from(text, (letter) => letter.charCodeAt(0) - 87),
} as unknown as Tokenizer;

describe("passages as one stream", () => {
  it("hold every passage once, each after an end, in an order of the seed", () => {
    const { ids } = encodePassages(["ab", "cde"], letters, 7, 1);
    const text = [...ids].join(" ");
    expect(["3 10 11 3 12 13 14", "3 12 13 14 3 10 11"]).toContain(text);
    expect([...encodePassages(["ab", "cde"], letters, 7, 1).ids]).toEqual([...ids]);
    const orders = new Set(
      Array.from({ length: 8 }, (_, seed) => encodePassages(["ab", "cde"], letters, 7, seed).ids.join()),
    );
    expect(orders.size).toBe(2);
  });

  it("are refused where the run wants more than the text has", () => {
    expect(() => encodePassages(["ab"], letters, 4, 1)).toThrow(
      "Tokens of the run: got 4, expected at most 3",
    );
  });

  it("restart at each passage and at each line, see themselves alone, and score every token on the next", () => {
    const stream = { ids: Int32Array.of(3, 10, 11, 3, 12, 13, 14, 15, 16), end: 3 };
    const batch = passageBatch(stream, 2, 4, 1);
    expect([...batch.ids]).toEqual([3, 10, 11, 3, 12, 13, 14, 15]);
    expect([...batch.positions]).toEqual([0, 1, 2, 0, 0, 1, 2, 3]);
    expect([...batch.labels]).toEqual([10, 11, 3, 12, 13, 14, 15, 16]);
    const bias = attentionBias(batch);
    const sees = (line: number, i: number): number[] =>
      [0, 1, 2, 3].filter((j) => bias[(line * 4 + i) * 4 + j] === 0);
    expect([0, 1, 2, 3].map((i) => sees(0, i))).toEqual([[0], [0, 1], [0, 1, 2], [3]]);
    expect(sees(1, 3)).toEqual([0, 1, 2, 3]);
  });

  it("go on where the step before ended", () => {
    const stream = { ids: Int32Array.from({ length: 9 }, (_, i) => 10 + i), end: 3 };
    expect([...passageBatch(stream, 1, 4, 2).ids]).toEqual([14, 15, 16, 17]);
    expect([...passageBatch(stream, 1, 4, 2).labels]).toEqual([15, 16, 17, 18]);
  });
});
