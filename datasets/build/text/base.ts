import { stream } from "../../../src/core/random.js";
import { fold } from "../facts/candidate.js";
import { REFERENCE, type SetMm } from "../parse/set-mm.js";
import type { WordNet } from "../parse/wordnet.js";

/** Shortest and longest passage, in characters. */
const LENGTH = { least: 20, most: 600 } as const;

/** Comments that refer to other statements more often than this say little without them. */
const MOST_REFERENCES = 1;

/** Entries that the source marks as abuse are left out. */
const ABUSE = /ethnic slur|obscene|offensive (?:term|name|word)|disparag/;

/**
 * The passages for pre-training, one a line: WordNet entries with gloss and examples, and the English of set.mm's
 * comments. Different lines only, in random order.
 */
export function baseText(wordnet: WordNet, setMm: SetMm): string[] {
  const passages = [
    ...wordnet.synsets.map(({ words, gloss }) => `${words.slice(0, 4).join(", ")}: ${gloss}`),
    ...setMm.comments.filter((comment) => comment.split(REFERENCE).length - 1 <= MOST_REFERENCES),
  ];
  const lines = new Set<string>();
  for (const passage of passages) {
    const line = fold(passage);
    if (line === undefined || line.length < LENGTH.least || line.length > LENGTH.most || ABUSE.test(line))
      continue;
    lines.add(line);
  }
  return stream("datasets", "base-text").shuffle([...lines].sort());
}
