import { LawbookError, mismatch } from "../core/errors.js";
import { stream } from "../core/random.js";
import type { PackedBatch } from "./batches.js";
import type { Tokenizer } from "./tokenizer.js";

/** Plain text as one stream of tokens, `<end>` before each passage. */
export interface TokenStream {
  readonly ids: Int32Array;
  readonly end: number;
}

/** Encodes passages in an order drawn with the seed, until `count` tokens are reached. Throws where the text is too short. */
export function encodePassages(
  passages: readonly string[],
  tokenizer: Tokenizer,
  count: number,
  seed: number,
): TokenStream {
  const ids = new Int32Array(count);
  let filled = 0;
  for (const passage of stream(seed, "order").shuffle(passages)) {
    if (filled >= count) break;
    const tokens = [tokenizer.end, ...tokenizer.encode(passage)].slice(0, count - filled);
    ids.set(tokens, filled);
    filled += tokens.length;
  }
  if (filled < count) {
    throw new LawbookError(
      "request",
      mismatch("Tokens of the run", count, `at most ${filled}, the tokens of the text`),
      {
        hint: "Lower `steps`, `batch` or `tokens`: every passage is used at most once.",
      },
    );
  }
  return { ids, end: tokenizer.end };
}

/**
 * The next `lines` lines of `tokens` tokens of a stream, for step t counted from 1. A passage starts at position 0 and
 * sees itself alone; one that a line cuts goes on as a new one. Every token is scored on the one after it.
 * The stream holds at least one token more than all steps use.
 */
export function passageBatch(
  { ids, end }: TokenStream,
  lines: number,
  tokens: number,
  step: number,
): PackedBatch {
  const size = lines * tokens;
  const offset = (step - 1) * size;
  const piece = ids.slice(offset, offset + size);
  const positions = new Int32Array(size);
  const rows = new Int32Array(size);
  let row = -1;
  piece.forEach((id, index) => {
    const starts = index % tokens === 0 || id === end;
    if (starts) row += 1;
    rows[index] = row;
    positions[index] = starts ? 0 : positions[index - 1]! + 1;
  });
  return {
    lines,
    tokens,
    ids: piece,
    positions,
    rows,
    targets: Int32Array.from(piece.keys()),
    labels: ids.slice(offset + 1, offset + size + 1),
    targetRows: rows,
  };
}
