import { LawbookError, mismatch } from "../core/errors.js";

/** One row of training or scoring: token ids, and from which index on they are learnt or scored. */
export interface Row {
  readonly ids: readonly number[];
  /** First index whose token counts in the loss; at least 1, since token 0 has nothing before it. */
  readonly from: number;
  /** What the row is about, for example its discipline. */
  readonly label?: string | undefined;
}

/** Rows that stand behind one another in B lines of T tokens. */
export interface PackedBatch {
  readonly lines: number;
  readonly tokens: number;
  /** Token ids, 0 where nothing stands, [B*T]. */
  readonly ids: Int32Array;
  /** Position inside the row, [B*T]. */
  readonly positions: Int32Array;
  /** Which row a token belongs to, -1 for padding, [B*T]. */
  readonly rows: Int32Array;
  /** Flat positions whose NEXT token counts, in row order. */
  readonly targets: Int32Array;
  /** The next token of each target. */
  readonly labels: Int32Array;
  /** Index of the row of each target. */
  readonly targetRows: Int32Array;
}

/**
 * Places rows into lines of `tokens` tokens, longest first, each where the least room is left (best fit decreasing).
 * Returns for each row its line and its start. Throws for a row that is longer than a line.
 * Source: Johnson et al. 1974.
 */
export function placeRows(
  lengths: readonly number[],
  tokens: number,
): { readonly places: readonly { readonly line: number; readonly start: number }[]; readonly lines: number } {
  const order = lengths.map((_, index) => index).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const room: number[] = [];
  const places = new Array<{ line: number; start: number }>(lengths.length);
  for (const index of order) {
    const length = lengths[index]!;
    if (length > tokens) {
      throw new LawbookError(
        "request",
        mismatch(`Row ${index} is too long`, length, `at most ${tokens} tokens`),
        {
          hint: "Raise `tokens`.",
        },
      );
    }
    let best = -1;
    room.forEach((left, line) => {
      if (left >= length && (best < 0 || left < room[best]!)) best = line;
    });
    if (best < 0) best = room.push(tokens) - 1;
    places[index] = { line: best, start: tokens - room[best]! };
    room[best]! -= length;
  }
  return { places, lines: room.length };
}

/** Packs rows into lines; `lines` is at least what they need (more lines stay empty). */
export function packRows(rows: readonly Row[], tokens: number, lines?: number): PackedBatch {
  const placement = placeRows(
    rows.map(({ ids }) => ids.length),
    tokens,
  );
  const count = lines ?? placement.lines;
  if (placement.lines > count) {
    throw new LawbookError("internal", mismatch("Lines of a batch", count, `at least ${placement.lines}`));
  }
  const ids = new Int32Array(count * tokens);
  const positions = new Int32Array(count * tokens);
  const owner = new Int32Array(count * tokens).fill(-1);
  const targets: number[] = [];
  const labels: number[] = [];
  const targetRows: number[] = [];
  rows.forEach((row, index) => {
    const { line, start } = placement.places[index]!;
    const offset = line * tokens + start;
    row.ids.forEach((id, position) => {
      ids[offset + position] = id;
      positions[offset + position] = position;
      owner[offset + position] = index;
      if (position >= row.from) {
        targets.push(offset + position - 1);
        labels.push(id);
        targetRows.push(index);
      }
    });
  });
  return {
    lines: count,
    tokens,
    ids,
    positions,
    rows: owner,
    targets: Int32Array.from(targets),
    labels: Int32Array.from(labels),
    targetRows: Int32Array.from(targetRows),
  };
}

/** Added to an attention score that a token must not use. */
const BLOCKED = -1e9;

/**
 * Attention bias of a packed batch: a token sees itself and earlier tokens of its own row.
 * -> [B, 1, T, T], 0 where it may look, -1e9 elsewhere. Padding sees itself alone.
 */
export function attentionBias({ lines, tokens, rows }: PackedBatch): Float32Array {
  const bias = new Float32Array(lines * tokens * tokens).fill(BLOCKED);
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < tokens; i++) {
      const owner = rows[line * tokens + i]!;
      const offset = (line * tokens + i) * tokens;
      bias[offset + i] = 0;
      for (let j = i - 1; j >= 0 && owner >= 0 && rows[line * tokens + j] === owner; j--)
        bias[offset + j] = 0;
    }
  }
  return bias;
}

/** What the graph of a step or of a scoring reads, padded to `targets` positions of weight 0. */
export function batchFeeds(batch: PackedBatch, targets: number): Record<string, Int32Array | Float32Array> {
  const count = batch.targets.length;
  const pad = (values: Int32Array): Int32Array => {
    const padded = new Int32Array(targets);
    padded.set(values);
    return padded;
  };
  const weights = new Float32Array(targets).fill(1 / count, 0, count);
  const full = targets === batch.lines * batch.tokens;
  if (!full) {
    return {
      ids: batch.ids,
      positions: batch.positions,
      bias: attentionBias(batch),
      targets: pad(batch.targets),
      labels: pad(batch.labels),
      weights,
    };
  }
  const labels = new Int32Array(targets);
  const every = new Float32Array(targets);
  batch.targets.forEach((target, index) => {
    labels[target] = batch.labels[index]!;
    every[target] = 1 / count;
  });
  return { ids: batch.ids, positions: batch.positions, bias: attentionBias(batch), labels, weights: every };
}
