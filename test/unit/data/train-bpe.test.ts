import { readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { byteAlphabet, trainBpe } from "../../../datasets/build/text/train-bpe.js";
import { splitPieces } from "../../../src/data/tokenizer.js";

const fixtures = join(import.meta.dirname, "../../fixtures/tokenizer");

interface Case {
  inputs: { vocab_size: number; special_tokens: string[] };
  expected: { merges: [string, string][]; vocab: Record<string, number> };
}

const read = (name: string): Case =>
  JSON.parse(readFileSync(join(fixtures, name, "case.json"), "utf8")) as Case;
const corpus = readFileSync(join(fixtures, "corpus/corpus.txt"), "utf8").split("\n");

/** The second pipeline of the reference cases: NFC, then its own expression. */
const splitNfc = (text: string): string[] =>
  text
    .normalize("NFC")
    .match(
      /(?:'s|'t|'re|'ve|'m|'ll|'d|'S|'T|'RE|'VE|'M|'LL|'D)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu,
    ) ?? [];

describe("training byte-pair encoding", () => {
  it.each([
    ["bytelevel_digits_training", splitPieces],
    ["split_regex_nfc_training", splitNfc],
  ])("gives the merges and ids of Hugging Face tokenizers: %s", (name, split) => {
    const { inputs, expected } = read(name);
    const { tokens, merges } = trainBpe(corpus, inputs.vocab_size, inputs.special_tokens, split);
    expect(merges).toEqual(expected.merges);
    expect(Object.fromEntries(tokens.map((token, id) => [token, id]))).toEqual(expected.vocab);
  });

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
