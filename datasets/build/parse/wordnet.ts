import { join } from "node:path";

import { readText } from "../../../src/core/files.js";

/** Parts of speech that have a data file. */
export const PARTS_OF_SPEECH = ["noun", "verb", "adj", "adv"] as const;

/** A set of synonyms. */
export interface Synset {
  /** Byte offset in the data file: its key. */
  readonly offset: string;
  readonly partOfSpeech: (typeof PARTS_OF_SPEECH)[number];
  /** Number of the lexicographer file, for example 8 for body parts, 15 for locations. */
  readonly lexicon: number;
  /** Words in the source's order, underscores as blanks. */
  readonly words: readonly string[];
  /** Pointers to other nouns: symbol (`@` kind of, `@i` instance of, `#p` part of) and offset. */
  readonly pointers: readonly { readonly symbol: string; readonly target: string }[];
  readonly gloss: string;
}

/** WordNet as synsets in file order, nouns by offset, and the noun hierarchy. */
export interface WordNet {
  readonly synsets: readonly Synset[];
  readonly nouns: ReadonlyMap<string, Synset>;
  /** Offsets of the nouns directly below a noun. */
  readonly children: ReadonlyMap<string, readonly string[]>;
  /** In how many nouns a word stands. */
  readonly senses: ReadonlyMap<string, number>;
}

/** Reads the data files: `offset lexicon type count {word id}* count {pointer}* ... | gloss` (format of wndb(5)). */
export function parseWordNet(folder: string): WordNet {
  const synsets: Synset[] = [];
  for (const partOfSpeech of PARTS_OF_SPEECH) {
    for (const line of readText(join(folder, "package/dict", `data.${partOfSpeech}`)).split("\n")) {
      if (line.startsWith(" ") || line === "") continue;
      synsets.push(parseLine(line, partOfSpeech));
    }
  }
  const nouns = new Map(synsets.filter((s) => s.partOfSpeech === "noun").map((s) => [s.offset, s]));
  const children = new Map<string, string[]>();
  for (const { offset, pointers } of nouns.values()) {
    for (const { symbol, target } of pointers) {
      if (symbol !== "@") continue;
      const list = children.get(target) ?? [];
      list.push(offset);
      children.set(target, list);
    }
  }
  const senses = new Map<string, number>();
  for (const { words } of nouns.values())
    for (const word of words) senses.set(word, (senses.get(word) ?? 0) + 1);
  return { synsets, nouns, children, senses };
}

function parseLine(line: string, partOfSpeech: Synset["partOfSpeech"]): Synset {
  const bar = line.indexOf(" | ");
  const fields = line.slice(0, bar).split(" ");
  const wordCount = Number.parseInt(fields[3]!, 16);
  const words = Array.from({ length: wordCount }, (_, i) =>
    fields[4 + 2 * i]!.replaceAll("_", " ").replace(/\((a|p|ip)\)$/, ""),
  );
  const start = 4 + 2 * wordCount;
  const pointers = [];
  for (let i = 0; i < Number(fields[start]); i++) {
    const [symbol, target, type] = fields.slice(start + 1 + 4 * i);
    if (type === "n") pointers.push({ symbol: symbol!, target: target! });
  }
  return {
    offset: fields[0]!,
    partOfSpeech,
    lexicon: Number(fields[1]),
    words,
    pointers,
    gloss: line.slice(bar + 3).trim(),
  };
}

/** The one noun that `synset` points to by `symbol`, or undefined where there is none or several. */
export function only(wordnet: WordNet, synset: Synset, symbol: string): Synset | undefined {
  const targets = synset.pointers.filter((pointer) => pointer.symbol === symbol);
  return targets.length === 1 ? wordnet.nouns.get(targets[0]!.target) : undefined;
}

/** All nouns below those that have `word` as first word, in offset order. */
export function below(wordnet: WordNet, word: string): Synset[] {
  const found = new Set<string>();
  const open = [...wordnet.nouns.values()].filter((s) => s.words[0] === word).map((s) => s.offset);
  while (open.length > 0) {
    for (const child of wordnet.children.get(open.pop()!) ?? []) {
      if (found.has(child)) continue;
      found.add(child);
      open.push(child);
    }
  }
  return [...found].sort().map((offset) => wordnet.nouns.get(offset)!);
}
