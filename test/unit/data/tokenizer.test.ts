import { readFileSync } from "node:fs";
import { join } from "node:path";

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { describe, expect, it } from "vitest";

import { loadTokenizer, SPECIAL_TOKENS } from "../../../src/data/tokenizer.js";
import { temporaryProject } from "../../support/project.js";

const root = join(import.meta.dirname, "../../..");
const folder = join(root, "datasets/tokenizer");
const json = (path: string): Record<string, unknown> =>
  JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;

const STRINGS = [
  "What is the capital of Norway?",
  "",
  " ",
  "two  blanks and a trailing one ",
  "tabs\tand\nlines \r\n end",
  "12 and 345, 6.7e8 x^2 1st  2",
  "don't we'll I'M",
  "<user>Why?<assistant>So. <end><pad>",
  "a <end> b<end",
  "naïve café 北京 😀 ½",
];

describe("the committed tokenizer", () => {
  const tokenizer = loadTokenizer(folder);
  const library = new HuggingFaceTokenizer(json(join(folder, "tokenizer.json")), {});

  it("has 2,048 pieces and the special tokens first", () => {
    expect(tokenizer.vocabularySize).toBe(2048);
    expect([tokenizer.pad, tokenizer.user, tokenizer.assistant, tokenizer.end]).toEqual([0, 1, 2, 3]);
    expect(tokenizer.encode(SPECIAL_TOKENS.join(""))).toEqual([0, 1, 2, 3]);
  });

  it("gives every digit a piece of its own", () => {
    const ids = tokenizer.encode("1984");
    expect(ids).toHaveLength(4);
    expect(ids.map((id) => tokenizer.decode([id]))).toEqual(["1", "9", "8", "4"]);
    const pieces = Object.keys((json(join(folder, "tokenizer.json"))["model"] as { vocab: object }).vocab);
    expect(pieces.filter((piece) => /\d/.test(piece) && piece.length > 1)).toEqual([]);
  });

  it.each(STRINGS)("decodes what it encodes: %j", (text) => {
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  it.each(STRINGS)("gives piece by piece what the library gives at once: %j", (text) => {
    const expected = library.encode(text, { add_special_tokens: false }).ids;
    expect(tokenizer.encode(text)).toEqual(expected);
    expect(tokenizer.encode(text)).toEqual(expected);
  });

  it("is refused where a special token is missing", () => {
    const project = temporaryProject();
    const text = readFileSync(join(folder, "tokenizer.json"), "utf8").replaceAll("<assistant>", "<other>");
    project.put("tokenizer.json", text);
    project.put("tokenizer_config.json", "{}");
    expect(() => loadTokenizer(project.root)).toThrow('got "no <assistant>"');
    project.remove();
  });
});
