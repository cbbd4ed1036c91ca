import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { unit } from "../../../src/data/diversity.js";
import { chatRow, drawSources } from "../../../src/data/mixture.js";
import { loadTemplates, phrase } from "../../../src/data/templates.js";
import { loadTokenizer } from "../../../src/data/tokenizer.js";
import { type FactsCorpusOptions, factsCorpora } from "../../../src/partition/facts-corpus.js";

const root = join(import.meta.dirname, "../../..");
const tokenizer = loadTokenizer(join(root, "datasets/tokenizer"));
const options: FactsCorpusOptions = {
  disciplines: ["geography"],
  facts: { geography: 20 },
  wordings: 3,
  seed: 5,
  tokenizer,
};

describe("corpora of facts", () => {
  it("hold the rows that a training with the same seed, facts and wordings reads", () => {
    const [corpus] = factsCorpora(root, options);
    const [source] = drawSources(root, { geography: 20 }, { else: 3 }, 5);
    const templates = loadTemplates(root);
    const markers = [tokenizer.user, tokenizer.assistant, tokenizer.end];
    const rows = source!.facts.map(({ relation, subject, answer }, fact) =>
      source!.forms[fact]!.flatMap(
        (form) => chatRow(tokenizer, phrase(templates.get(relation)!, form, subject), answer).ids,
      ).filter((id) => !markers.includes(id)),
    );
    expect(corpus!.documents.map(({ tokens }) => tokens)).toEqual(rows);
    expect(corpus!.documents.map(({ vector }) => vector)).toEqual(source!.vectors);
  });

  it("point where the mean of a model's rows points", () => {
    const width = 2;
    const data = Float32Array.from(
      { length: tokenizer.vocabularySize * width },
      (_, i) => ((i * 7) % 11) - 5,
    );
    const table = { shape: [tokenizer.vocabularySize, width], data };
    const [corpus] = factsCorpora(root, { ...options, table });
    const { tokens, vector } = corpus!.documents[4]!;
    const sum = [0, 1].map((axis) => tokens.reduce((total, token) => total + data[token * width + axis]!, 0));
    expect([...vector]).toEqual([...unit(sum)]);
    const short = { shape: [10, width], data: data.slice(0, 20) };
    expect(() => factsCorpora(root, { ...options, table: short })).toThrow(/expected below 10/);
  });
});
