import { LawbookError, mismatch } from "../core/errors.js";
import type { Vector } from "../data/diversity.js";

/** One document: its tokens and where its meaning lies. */
export interface CorpusDocument {
  /** Token ids. */
  readonly tokens: readonly number[];
  /** Embedding, of length 1 or zero. */
  readonly vector: Vector;
}

/** The documents of one discipline. */
export interface Corpus {
  readonly discipline: string;
  readonly documents: readonly CorpusDocument[];
}

/** How often each document of each corpus counts: 1 each for the corpora as they are, other numbers for a resample. */
export type Multiplicities = readonly (readonly number[])[];

/** Every document once. */
export function everyDocument(corpora: readonly Corpus[]): Multiplicities {
  return corpora.map(({ documents }) => documents.map(() => 1));
}

/** Refuses corpora that cannot be compared: fewer than two, a discipline twice, no document, a document without tokens. */
export function checkCorpora(corpora: readonly Corpus[]): void {
  const names = corpora.map(({ discipline }) => discipline);
  if (names.length < 2) throw new LawbookError("request", mismatch("Disciplines", names, "2 or more"));
  const twice = names.find((name, place) => names.indexOf(name) !== place);
  if (twice !== undefined)
    throw new LawbookError("request", `The discipline ${twice} comes twice: expected different ones.`);
  const width = corpora[0]!.documents[0]?.vector.length;
  for (const { discipline, documents } of corpora) {
    if (documents.length === 0)
      throw new LawbookError("request", mismatch(`Documents of ${discipline}`, 0, "at least 1"));
    documents.forEach(({ tokens, vector }, place) => {
      if (tokens.length === 0)
        throw new LawbookError(
          "request",
          mismatch(`Tokens of document ${place} of ${discipline}`, 0, "at least 1"),
        );
      if (vector.length !== width || !vector.every(Number.isFinite))
        throw new LawbookError(
          "request",
          mismatch(
            `Embedding of document ${place} of ${discipline}`,
            vector.every(Number.isFinite) ? `${vector.length} numbers` : "not finite",
            `${width} finite numbers`,
          ),
        );
    });
  }
}

/** Tokens of corpora, counted over one numbering of the tokens that any of them has. */
export interface TokenCounts {
  /** Number of different tokens. */
  readonly width: number;
  /** Counts [width] of each corpus under the given multiplicities. */
  count(multiplicities: Multiplicities): readonly Float64Array[];
}

/** Prepares the counting of tokens, so that resamples are counted quickly. */
export function tokenCounts(corpora: readonly Corpus[]): TokenCounts {
  const places = new Map<number, number>();
  const numbered = corpora.map(({ documents }) =>
    documents.map(({ tokens }) =>
      tokens.map((token) => {
        const place = places.get(token) ?? places.size;
        places.set(token, place);
        return place;
      }),
    ),
  );
  return {
    width: places.size,
    count: (multiplicities) =>
      numbered.map((documents, corpus) => {
        const counts = new Float64Array(places.size);
        documents.forEach((tokens, document) => {
          const times = multiplicities[corpus]![document]!;
          if (times > 0) for (const place of tokens) counts[place]! += times;
        });
        return counts;
      }),
  };
}
