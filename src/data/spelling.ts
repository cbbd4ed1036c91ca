import { LawbookError } from "../core/errors.js";
import { stream } from "../core/random.js";
import type { Row } from "./batches.js";
import type { Tokenizer } from "./tokenizer.js";

/** A row in other tokens. */
export type Spelling = (row: Row) => Row;

/**
 * Spells the rows of every label in a permutation of the vocabulary of its own; special tokens stay. Rows of different labels
 * then share no structure beyond the special tokens, while what is learnt of each label stays as much as before.
 */
export function disjointSpelling(tokenizer: Tokenizer, seed: number): Spelling {
  const special = new Set([tokenizer.pad, tokenizer.user, tokenizer.assistant, tokenizer.end]);
  const text = Array.from({ length: tokenizer.vocabularySize }, (_, id) => id).filter(
    (id) => !special.has(id),
  );
  const permutations = new Map<string, ReadonlyMap<number, number>>();
  return (row) => {
    if (row.label === undefined) throw new LawbookError("internal", "A row without a label has no spelling.");
    let permutation = permutations.get(row.label);
    if (permutation === undefined) {
      const shuffled = stream(seed, "spelling", row.label).shuffle(text);
      permutation = new Map(text.map((id, index) => [id, shuffled[index]!]));
      permutations.set(row.label, permutation);
    }
    const spelled = permutation;
    return { ...row, ids: row.ids.map((id) => spelled.get(id) ?? id) };
  };
}
