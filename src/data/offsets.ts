import { LawbookError, mismatch } from "../core/errors.js";

/** Where a token stands in a text: from `start` up to, but without, `end`. */
export type Offset = readonly [start: number, end: number];

/** What offsets count: code points, as Python does, or UTF-16 units, as strings here do. */
export type OffsetUnit = "code-points" | "utf-16";

/** How offsets are found. */
export interface OffsetOptions {
  readonly unit?: OffsetUnit;
  /** Does the tokenizer compose letters (NFC) before it cuts? */
  readonly composed?: boolean;
  /** Tokens that stand for themselves instead of for bytes. */
  readonly specials?: readonly string[];
}

/**
 * Offsets of byte-level tokens in the text that they were made of. A character that is split over several tokens gives
 * each of them the whole character. After NFC a composed letter covers the first code point of its original alone, as in
 * Hugging Face tokenizers; marks that stay marks are the last ones of the original. Deviation: where a letter that is
 * composed already is followed by marks with which NFC composes it anew, a mark may be placed one code point apart from
 * theirs; ids are not concerned. Throws where the tokens do not spell the text.
 */
export function tokenOffsets(text: string, tokens: readonly string[], options: OffsetOptions = {}): Offset[] {
  const { unit = "code-points", composed = false, specials = [] } = options;
  const special = new Set(specials);
  const { characters, spans } = composed ? composedSpans(text) : plainSpans(text);
  const widths = characters.map((character) => utf8.encode(character).length);
  const index = unitIndex(text, unit);
  let at = 0; // Index of the character of the next byte.
  let used = 0; // Bytes of that character which earlier tokens have.
  return tokens.map((token): Offset => {
    const first = at;
    let last = at;
    let bytes = special.has(token) ? utf8.encode(token).length : Array.from(token).length;
    while (bytes > 0) {
      const left = (widths[at] ?? spell(text, token)) - used;
      last = at;
      if (bytes < left) used += bytes;
      else {
        at++;
        used = 0;
      }
      bytes -= left;
    }
    return [index[spans[first]![0]]!, index[spans[last]![1]]!];
  });
}

const utf8 = new TextEncoder();

function spell(text: string, token: string): never {
  throw new LawbookError(
    "internal",
    mismatch("Tokens of a text", `${token} behind its end`, `those of ${text}`),
  );
}

/** Position of each code point, and of the end, in the unit. */
function unitIndex(text: string, unit: OffsetUnit): number[] {
  const index = [0];
  for (const character of text) index.push(index.at(-1)! + (unit === "utf-16" ? character.length : 1));
  return index;
}

/** Characters as they are cut, each with the code points of the text that it came from. */
interface Spans {
  readonly characters: readonly string[];
  readonly spans: readonly Offset[];
}

function plainSpans(text: string): Spans {
  const characters = Array.from(text);
  return { characters, spans: characters.map((_, index) => [index, index + 1]) };
}

/** A letter with its marks, or a Hangul syllable in parts: what composes stays inside one of them. */
const CLUSTER = /[^\p{M}\u1160-\u11ff]?[\p{M}\u1160-\u11ff]*/gsu;

function composedSpans(text: string): Spans {
  const characters: string[] = [];
  const spans: Offset[] = [];
  let start = 0;
  for (const [cluster] of text.matchAll(CLUSTER)) {
    const original = Array.from(cluster).length;
    const made = Array.from(cluster.normalize("NFC"));
    made.forEach((character, index) => {
      characters.push(character);
      const from = start + (index === 0 ? 0 : Math.max(0, original - made.length + index));
      spans.push([from, from + 1]);
    });
    start += original;
  }
  if (characters.join("") !== text.normalize("NFC")) {
    throw new LawbookError("internal", mismatch("Composed text", characters.join(""), text.normalize("NFC")));
  }
  return { characters, spans };
}
