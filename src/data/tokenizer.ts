import { join } from "node:path";

import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";

import { LawbookError, mismatch } from "../core/errors.js";
import { readJson } from "../core/files.js";

/** The tokens that are not text, in the order of their ids 0 to 3. */
export const SPECIAL_TOKENS = ["<pad>", "<user>", "<assistant>", "<end>"] as const;

/** Text to token ids and back. */
export interface Tokenizer {
  readonly vocabularySize: number;
  /** Ids of the special tokens. */
  readonly pad: number;
  readonly user: number;
  readonly assistant: number;
  readonly end: number;
  /** Ids of a text. A special token written in the text becomes its id. */
  encode(text: string): number[];
  /** Text of ids; special tokens are written out. */
  decode(ids: readonly number[]): string;
}

interface TokenizerFile {
  readonly normalizer: unknown;
  readonly pre_tokenizer: { readonly pretokenizers?: readonly { readonly type: string }[] } | null;
}

/**
 * Reads `tokenizer.json` and `tokenizer_config.json` of a folder, run by @huggingface/tokenizers. Where the file splits
 * text as Lawbook's own does, the ids of pieces are kept, which is faster and changes nothing.
 */
export function loadTokenizer(folder: string): Tokenizer {
  const path = join(folder, "tokenizer.json");
  const file = readJson(path) as TokenizerFile;
  const library = new HuggingFaceTokenizer(file, readJson(join(folder, "tokenizer_config.json")));
  const [pad, user, assistant, end] = SPECIAL_TOKENS.map((token) => {
    const id = library.token_to_id(token);
    if (id === undefined) {
      throw new LawbookError(
        "bad-file",
        mismatch(`Special tokens of ${path}`, `no ${token}`, SPECIAL_TOKENS.join(", ")),
      );
    }
    return id;
  }) as [number, number, number, number];
  const encodeText = (text: string): number[] => library.encode(text, { add_special_tokens: false }).ids;
  const stages = file.pre_tokenizer?.pretokenizers?.map(({ type }) => type).join("+");
  return {
    vocabularySize: library.get_vocab().size,
    pad,
    user,
    assistant,
    end,
    encode:
      file.normalizer === null && stages === "Digits+ByteLevel"
        ? encodeByPieces(encodeText, SPECIAL_TOKENS)
        : encodeText,
    // The library refuses an empty list.
    decode: (ids) =>
      ids.length === 0
        ? ""
        : library.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
  };
}

/** Splits text into pieces that no merge crosses, as Hugging Face's Digits (each alone), then ByteLevel do. */
export function splitPieces(text: string): string[] {
  return text
    .split(/(\p{N})/u)
    .flatMap(
      (part) =>
        part.match(/'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu) ?? [],
    );
}

/** Most pieces whose ids are kept. */
const CACHE_SIZE = 1 << 18;

/** Encodes a text piece by piece and keeps the ids of each; special tokens are cut out first. */
export function encodeByPieces(
  encodeText: (text: string) => readonly number[],
  specials: readonly string[],
): (text: string) => number[] {
  const marker = new RegExp(`(${specials.map((token) => token.replace(/\W/g, "\\$&")).join("|")})`);
  const cache = new Map<string, readonly number[]>();
  const idsOf = (piece: string): readonly number[] => {
    const known = cache.get(piece);
    if (known !== undefined) return known;
    const ids = encodeText(piece);
    if (cache.size >= CACHE_SIZE) cache.clear();
    cache.set(piece, ids);
    return ids;
  };
  return (text) => {
    const ids: number[] = [];
    text.split(marker).forEach((part, index) => {
      for (const piece of index % 2 === 1 ? [part] : splitPieces(part)) {
        for (const id of idsOf(piece)) ids.push(id);
      }
    });
    return ids;
  };
}
