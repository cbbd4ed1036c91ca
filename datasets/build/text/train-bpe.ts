import { splitPieces } from "../../../src/data/tokenizer.js";

/** Characters that stand for the 256 bytes in a byte-level vocabulary: printable Latin-1 as is, the rest from U+0100 on. */
export function byteAlphabet(): string[] {
  const alphabet: string[] = [];
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    alphabet.push(String.fromCodePoint(printable ? byte : next++));
  }
  return alphabet;
}

/** A trained vocabulary. */
export interface Vocabulary {
  /** Tokens by id: specials, the byte alphabet sorted, then merges. */
  readonly tokens: readonly string[];
  readonly merges: readonly (readonly [left: string, right: string])[];
}

interface Word {
  symbols: number[];
  readonly count: number;
}

/**
 * Byte-pair encoding: merges the most frequent neighbouring pair until the vocabulary has `size` tokens; equal counts go
 * to the smaller pair of ids. Deviation: none from the trainer of Hugging Face tokenizers with an initial byte alphabet,
 * whose merges it reproduces. `split` cuts a text into pieces that no merge crosses. Source: Sennrich et al. 2016, algorithm 1.
 */
export function trainBpe(
  texts: Iterable<string>,
  size: number,
  specials: readonly string[],
  split: (text: string) => readonly string[] = splitPieces,
): Vocabulary {
  const alphabet = byteAlphabet();
  const sorted = [...alphabet].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  const tokens = [...specials, ...sorted];
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const words = countWords(texts, split, (byte) => idOf.get(alphabet[byte]!)!);

  const pairs = new PairCounts();
  words.forEach((word, index) => {
    for (let i = 0; i + 1 < word.symbols.length; i++)
      pairs.add(word.symbols[i]!, word.symbols[i + 1]!, word.count, index);
  });
  const merges: [string, string][] = [];
  while (tokens.length < size) {
    const best = pairs.takeBest();
    if (best === undefined) break;
    const merged = tokens.length;
    merges.push([tokens[best.left]!, tokens[best.right]!]);
    tokens.push(tokens[best.left]! + tokens[best.right]!);
    for (const index of best.words) mergeIn(words[index]!, index, best.left, best.right, merged, pairs);
  }
  return { tokens, merges };
}

function countWords(
  texts: Iterable<string>,
  split: (text: string) => readonly string[],
  symbolOf: (byte: number) => number,
): Word[] {
  const counts = new Map<string, number>();
  for (const text of texts) for (const piece of split(text)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  const encoder = new TextEncoder();
  return [...counts].map(([piece, count]) => ({ symbols: [...encoder.encode(piece)].map(symbolOf), count }));
}

function mergeIn(
  word: Word,
  index: number,
  left: number,
  right: number,
  merged: number,
  pairs: PairCounts,
): void {
  const { symbols, count } = word;
  for (let i = 0; i + 1 < symbols.length; i++) {
    if (symbols[i] !== left || symbols[i + 1] !== right) continue;
    symbols.splice(i, 2, merged);
    if (i > 0) {
      pairs.add(symbols[i - 1]!, left, -count, index);
      pairs.add(symbols[i - 1]!, merged, count, index);
    }
    if (i + 1 < symbols.length) {
      pairs.add(right, symbols[i + 1]!, -count, index);
      pairs.add(merged, symbols[i + 1]!, count, index);
    }
  }
}

/** Counts of neighbouring pairs with the words that hold them. */
class PairCounts {
  private readonly entries = new Map<
    number,
    { left: number; right: number; count: number; words: Set<number> }
  >();

  add(left: number, right: number, change: number, word: number): void {
    const key = left * 65536 + right;
    let entry = this.entries.get(key);
    if (entry === undefined) this.entries.set(key, (entry = { left, right, count: 0, words: new Set() }));
    entry.count += change;
    if (change > 0) entry.words.add(word);
  }

  /** Removes and returns the most frequent pair, or undefined where none is left. */
  takeBest():
    { readonly left: number; readonly right: number; readonly words: Iterable<number> } | undefined {
    let best: { left: number; right: number; count: number; words: Set<number> } | undefined;
    for (const entry of this.entries.values()) {
      if (entry.count <= 0) continue;
      if (
        best === undefined ||
        entry.count > best.count ||
        (entry.count === best.count && (entry.left - best.left || entry.right - best.right) < 0)
      ) {
        best = entry;
      }
    }
    if (best !== undefined) this.entries.delete(best.left * 65536 + best.right);
    return best;
  }
}
