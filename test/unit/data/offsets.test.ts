import { describe, expect, it } from "vitest";

import { tokenOffsets } from "../../../src/data/offsets.js";

describe("offsets of tokens", () => {
  it("give a split character whole to each of its tokens, in either unit", () => {
    const tokens = ["a", "ð", "Ł", "ĺĢ", "b"];
    expect(tokenOffsets("a😀b", tokens)).toEqual([
      [0, 1],
      [1, 2],
      [1, 2],
      [1, 2],
      [2, 3],
    ]);
    expect(tokenOffsets("a😀b", tokens, { unit: "utf-16" })).toEqual([
      [0, 1],
      [1, 3],
      [1, 3],
      [1, 3],
      [3, 4],
    ]);
  });

  it("take a special token as it is written", () => {
    expect(tokenOffsets("x<é>y", ["x", "<é>", "y"], { specials: ["<é>"] })).toEqual([
      [0, 1],
      [1, 4],
      [4, 5],
    ]);
  });

  it("give a composed letter the first code point of its original, and go on behind it", () => {
    expect(tokenOffsets("e\u0301x", ["Ã", "©", "x"], { composed: true })).toEqual([
      [0, 1],
      [0, 1],
      [2, 3],
    ]);
  });

  it("give a mark that does not compose its own code point, behind those that did", () => {
    // e, dot below and acute become the letter with a dot and the acute: what tokenizers 0.23.3 gives.
    expect(tokenOffsets("e\u0323\u0301x", ["áº¹", "Ìģ", "x"], { composed: true })).toEqual([
      [0, 1],
      [2, 3],
      [3, 4],
    ]);
  });

  it("compose Hangul", () => {
    // U+1112 U+1161 U+11AB compose to one syllable of three bytes.
    expect(tokenOffsets("\u1112\u1161\u11ab.", ["íķľ", "."], { composed: true })).toEqual([
      [0, 1],
      [3, 4],
    ]);
  });

  it("are refused for tokens of another text", () => {
    expect(() => tokenOffsets("a", ["a", "b"])).toThrow("b behind its end");
  });
});
