import { describe, expect, it } from "vitest";

import { byteAlphabet, trainBpe } from "../../../datasets/build/text/train-bpe.js";
import { splitPieces } from "../../../src/data/tokenizer.js";

describe("training byte-pair encoding", () => {
  it("merges the commonest pair first, and of equals the one with smaller ids", () => {
    const { merges } = trainBpe(["abab cd cd", "ab"], 256 + 3, []);
    expect(merges).toEqual([
      ["a", "b"],
      ["c", "d"],
      ["Ġ", "cd"],
    ]);
  });

  it("counts pairs that overlap in one word as the reference does", () => {
    expect(trainBpe(["aaaa"], 256 + 2, []).merges).toEqual([
      ["a", "a"],
      ["aa", "aa"],
    ]);
  });

  it("stops where nothing is left to merge", () => {
    expect(trainBpe(["ab"], 1000, []).tokens).toHaveLength(257);
  });

  it("has a character for each of the 256 bytes", () => {
    expect(new Set(byteAlphabet()).size).toBe(256);
    expect(byteAlphabet()[0x20]).toBe("Ġ");
    expect(byteAlphabet()[0x41]).toBe("A");
  });
});

describe("splitting text into pieces", () => {
  it("keeps a blank with the word behind it and cuts out every digit", () => {
    expect(splitPieces("In 1984, don't  go")).toEqual([
      "In",
      " ",
      "1",
      "9",
      "8",
      "4",
      ",",
      " don",
      "'t",
      " ",
      " go",
    ]);
  });
});
