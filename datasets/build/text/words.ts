import { words as wordsOf } from "../facts/candidate.js";
import { only, type WordNet } from "../parse/wordnet.js";

/** Words for instruction tasks. */
export interface WordList {
  /** Common nouns of one word, sorted. */
  readonly words: readonly string[];
  /** Nouns with the kind of thing they are. */
  readonly kinds: readonly (readonly [word: string, kind: string])[];
}

/** Fewest glosses that use a word: it is then common enough. */
const LEAST_USES = 4;

/** A word with one entry that says so stays out of tasks. */
const UNFIT = /slur|obscen|offensive|disparag|sexual|vulgar|naked|prostitut/;

/** Nouns of three to nine letters that other glosses use, without any word that is a fact's subject. */
export function wordList(wordnet: WordNet, subjects: ReadonlySet<string>): WordList {
  const uses = new Map<string, number>();
  for (const { gloss } of wordnet.synsets) {
    for (const word of new Set(gloss.toLowerCase().match(/[a-z]+/g)))
      uses.set(word, (uses.get(word) ?? 0) + 1);
  }
  const unfit = new Set(
    wordnet.synsets.filter(({ gloss }) => UNFIT.test(gloss)).flatMap((synset) => synset.words),
  );
  const words = new Set<string>();
  const kinds = new Map<string, string | null>();
  for (const synset of wordnet.nouns.values()) {
    const word = synset.words[0]!;
    if (!/^[a-z]{3,9}$/.test(word) || (uses.get(word) ?? 0) < LEAST_USES) continue;
    if (unfit.has(word) || subjects.has(wordsOf(word))) continue;
    words.add(word);
    const kind = only(wordnet, synset, "@")?.words[0];
    if (kind === undefined || !/^[a-z]{3,10}( [a-z]{3,10})?$/.test(kind)) continue;
    kinds.set(word, kinds.has(word) && kinds.get(word) !== kind ? null : kind);
  }
  return {
    words: [...words].sort(),
    kinds: [...kinds]
      .filter((pair): pair is [string, string] => pair[1] !== null)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  };
}
