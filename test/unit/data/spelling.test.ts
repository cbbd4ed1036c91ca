import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { chatRow } from "../../../src/data/mixture.js";
import { disjointSpelling } from "../../../src/data/spelling.js";
import { loadTokenizer } from "../../../src/data/tokenizer.js";

const root = join(import.meta.dirname, "../../..");
const tokenizer = loadTokenizer(join(root, "datasets/models/xs-instruct"));
const row = { ...chatRow(tokenizer, "What is the capital of France?", "Paris"), label: "geography" };

describe("a spelling of each label's own", () => {
  const spell = disjointSpelling(tokenizer, 5);
  const spelled = spell(row);

  it("keeps special tokens, the length and where the answer starts", () => {
    expect(spelled.ids.length).toBe(row.ids.length);
    expect(spelled.from).toBe(row.from);
    const special = [tokenizer.user, tokenizer.assistant, tokenizer.end];
    row.ids.forEach((id, index) => {
      if (special.includes(id)) expect(spelled.ids[index]).toBe(id);
      else expect(special).not.toContain(spelled.ids[index]);
    });
  });

  it("gives every text token one other, and no two the same", () => {
    const ids = Array.from({ length: tokenizer.vocabularySize }, (_, id) => id);
    const all = spell({ ids, from: 1, label: "geography" }).ids;
    expect([...all].sort((a, b) => a - b)).toEqual(ids);
    expect(all.filter((id, index) => id === index).length).toBeLessThan(20);
  });

  it("differs between labels and seeds, and repeats", () => {
    expect(spell({ ...row, label: "biology" }).ids).not.toEqual(spelled.ids);
    expect(disjointSpelling(tokenizer, 6)(row).ids).not.toEqual(spelled.ids);
    expect(disjointSpelling(tokenizer, 5)(row).ids).toEqual(spelled.ids);
  });

  it("refuses a row of no label", () => {
    expect(() => spell({ ids: [1], from: 1 })).toThrow("A row without a label has no spelling");
  });
});
