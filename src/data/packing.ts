import { LawbookError, mismatch } from "../core/errors.js";
import { type PackedBatch, packRows } from "./batches.js";

/** Label of a token that is not learnt. */
export const IGNORED_LABEL = -100;

/** Ways to fill lines: best fit decreasing with truncation or with splitting, or one stream cut at every line. */
export const PACKING_STRATEGIES = ["bfd", "bfd-split", "wrapped"] as const;

/** One of `PACKING_STRATEGIES`. */
export type PackingStrategy = (typeof PACKING_STRATEGIES)[number];

/** A stretch of one sequence. */
export interface Piece {
  /** Index of the sequence. */
  readonly sequence: number;
  /** First token of it that is taken. */
  readonly start: number;
  /** Tokens, at least 1. */
  readonly length: number;
}

/** The pieces of one line, in their order. */
export interface Pack {
  readonly pieces: readonly Piece[];
  /** Lengths of the parts that must not see each other: of each piece; of the whole line where it is `wrapped`. */
  readonly lengths: readonly number[];
}

/** Sequences that `pack_dataset` of TRL packs together; no line crosses this border. */
const SEQUENCES_AT_ONCE = 1000;

/**
 * Packs sequences into lines of at most `tokens` tokens exactly as `pack_dataset` of TRL does, order included.
 * `bfd`: a sequence is cut to a line and its rest is dropped; `bfd-split`: it is cut into pieces first; then best fit
 * decreasing: pieces by falling length, equal ones as they came, each into the open line with the least sufficient room,
 * of equal rooms the one that has had it longest, else into a new line. `wrapped`: the sequences as one stream.
 * Empty sequences vanish. Source: Ding et al. 2024 (arXiv 2404.10830), algorithm 1.
 */
export function packSequences(
  lengths: readonly number[],
  tokens: number,
  strategy: PackingStrategy,
  sequencesAtOnce: number = SEQUENCES_AT_ONCE,
): Pack[] {
  if (!PACKING_STRATEGIES.includes(strategy)) {
    throw new LawbookError(
      "request",
      mismatch("Packing", strategy, `one of ${PACKING_STRATEGIES.join(", ")}`),
    );
  }
  for (const [what, size] of [
    ["Tokens of a line", tokens],
    ["Sequences packed together", sequencesAtOnce],
  ] as const) {
    if (!Number.isInteger(size) || size < 1)
      throw new LawbookError("request", mismatch(what, size, "a whole number of at least 1"));
  }
  const packs: Pack[] = [];
  for (let first = 0; first < lengths.length; first += sequencesAtOnce) {
    const pieces = lengths
      .slice(first, first + sequencesAtOnce)
      .map((length, index): Piece => ({ sequence: first + index, start: 0, length }));
    packs.push(
      ...(strategy === "wrapped" ? wrap(pieces, tokens) : bestFit(cut(pieces, tokens, strategy), tokens)),
    );
  }
  return packs;
}

function cut(pieces: readonly Piece[], tokens: number, strategy: "bfd" | "bfd-split"): Piece[] {
  return pieces.flatMap(({ sequence, length }) => {
    const kept = strategy === "bfd" ? Math.min(length, tokens) : length;
    return Array.from({ length: Math.ceil(kept / tokens) }, (_, index) => ({
      sequence,
      start: index * tokens,
      length: Math.min(tokens, kept - index * tokens),
    }));
  });
}

function bestFit(pieces: readonly Piece[], tokens: number): Pack[] {
  const lines: Piece[][] = [];
  // Open lines by the room that is left in them, those that got this room first at the front.
  const open: Piece[][][] = Array.from({ length: tokens }, () => []);
  for (const piece of [...pieces].sort((a, b) => b.length - a.length)) {
    let room = piece.length;
    while (room < tokens && open[room]!.length === 0) room++;
    let line = open[room]?.shift();
    if (line === undefined) lines.push((line = []));
    line.push(piece);
    if (room > piece.length) open[room - piece.length]!.push(line);
  }
  return lines.map((line) => ({ pieces: line, lengths: line.map(({ length }) => length) }));
}

function wrap(pieces: readonly Piece[], tokens: number): Pack[] {
  const lines: Piece[][] = [];
  let room = 0;
  for (const { sequence, length } of pieces) {
    for (let start = 0; start < length;) {
      if (room === 0) {
        lines.push([]);
        room = tokens;
      }
      const taken = Math.min(room, length - start);
      lines.at(-1)!.push({ sequence, start, length: taken });
      start += taken;
      room -= taken;
    }
  }
  return lines.map((line) => ({
    pieces: line,
    lengths: [line.reduce((total, { length }) => total + length, 0)],
  }));
}

/** What the sequences hold at the places of a pack: ids, labels or any other value per token. */
export function fillPack<T>({ pieces }: Pack, sequences: readonly (readonly T[])[]): T[] {
  return pieces.flatMap(({ sequence, start, length }) => sequences[sequence]!.slice(start, start + length));
}

/** Token ids with the label of each, and the lengths of the sequences that stand in them one after another. */
export interface LabelledRow {
  readonly ids: readonly number[];
  /** The token itself where it is learnt, else `IGNORED_LABEL`; the shift by one comes later. */
  readonly labels: readonly number[];
  readonly lengths: readonly number[];
}

/**
 * The row of a prompt and its completion. Labels: of the completion alone, or with `learnPrompt` of all tokens.
 * A row that is longer than `tokens` is cut at its end, as TRL cuts it.
 */
export function completionRow(
  prompt: readonly number[],
  completion: readonly number[],
  {
    learnPrompt = false,
    tokens = Infinity,
  }: { readonly learnPrompt?: boolean; readonly tokens?: number } = {},
): LabelledRow {
  const ids = [...prompt, ...completion].slice(0, tokens);
  const labels = ids.map((id, index) => (learnPrompt || index >= prompt.length ? id : IGNORED_LABEL));
  return { ids, labels, lengths: [ids.length] };
}

/** The row of a pack. */
export function packedRow(pack: Pack, rows: readonly Pick<LabelledRow, "ids" | "labels">[]): LabelledRow {
  const column = (name: "ids" | "labels"): number[] =>
    fillPack(
      pack,
      rows.map((row) => row[name]),
    );
  return { ids: column("ids"), labels: column("labels"), lengths: pack.lengths };
}

/** Rows below each other, filled up to one length. All [B, T]. */
export interface PaddedLines {
  readonly ids: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
  /** 1 for a token, 0 for padding. */
  readonly attention: readonly (readonly number[])[];
  /** Position inside the sequence, 0 for padding. */
  readonly positions: readonly (readonly number[])[];
}

/**
 * Pads rows on the right to the longest, or on to a multiple of `multiple`.
 * `borders` masks the first label of every sequence, which the last token of the one before would predict; TRL's
 * collator leaves it in (`leaking`) wherever it pads. Default `masked`.
 */
export function padRows(
  rows: readonly LabelledRow[],
  {
    pad,
    multiple = 1,
    borders = "masked",
  }: { readonly pad: number; readonly multiple?: number; readonly borders?: "masked" | "leaking" },
): PaddedLines {
  const longest = Math.max(0, ...rows.map(({ ids }) => ids.length));
  const length = Math.ceil(longest / multiple) * multiple;
  const fill = (values: readonly number[], value: number): number[] => [
    ...values,
    ...new Array<number>(length - values.length).fill(value),
  ];
  return {
    ids: rows.map(({ ids }) => fill(ids, pad)),
    labels: rows.map((row) => fill(borders === "masked" ? maskedLabels(row) : row.labels, IGNORED_LABEL)),
    attention: rows.map(({ ids }) =>
      fill(
        ids.map(() => 1),
        0,
      ),
    ),
    positions: rows.map((row) => fill(positionsOf(row), 0)),
  };
}

/** Rows behind one another in a single line without padding. */
export interface JoinedRows {
  readonly ids: readonly number[];
  /** The first label of every sequence is `IGNORED_LABEL`. */
  readonly labels: readonly number[];
  readonly positions: readonly number[];
  /** Start of each sequence, and the end of the last. */
  readonly starts: readonly number[];
  /** Length of the longest sequence. */
  readonly longest: number;
  /** Index of the sequence of each token. */
  readonly sequences: readonly number[];
}

/** Joins rows without padding, as TRL's collator with `padding_free` does. */
export function joinRows(rows: readonly LabelledRow[]): JoinedRows {
  const lengths = rows.flatMap((row) => row.lengths);
  const starts = [0];
  for (const length of lengths) starts.push(starts.at(-1)! + length);
  return {
    ids: rows.flatMap(({ ids }) => ids),
    labels: rows.flatMap(maskedLabels),
    positions: rows.flatMap(positionsOf),
    starts,
    longest: Math.max(0, ...lengths),
    sequences: lengths.flatMap((length, index) => new Array<number>(length).fill(index)),
  };
}

function positionsOf({ lengths }: LabelledRow): number[] {
  return lengths.flatMap((length) => Array.from({ length }, (_, position) => position));
}

function maskedLabels(row: LabelledRow): number[] {
  const positions = positionsOf(row);
  return row.labels.map((label, index) => (positions[index] === 0 ? IGNORED_LABEL : label));
}

/**
 * Rows as the lines of a batch of the training graph: attention inside each sequence alone, positions that restart, and
 * as targets every labelled token that has one before it in its sequence. Throws where nothing is left to learn, unless
 * `unlabelled` is allowed, as in one micro-batch of several.
 */
export function batchOf(
  rows: readonly LabelledRow[],
  {
    tokens,
    lines = rows.length,
    unlabelled = "refused",
  }: { readonly tokens: number; readonly lines?: number; readonly unlabelled?: "refused" | "allowed" },
): PackedBatch {
  const blank = packRows([], tokens, lines);
  const { ids, positions } = blank;
  const owner = blank.rows;
  const targets: number[] = [];
  const labels: number[] = [];
  const targetRows: number[] = [];
  if (rows.length > lines)
    throw new LawbookError("request", mismatch("Rows of a batch", rows.length, `at most ${lines} lines`));
  let sequence = -1;
  rows.forEach((row, line) => {
    if (row.ids.length > tokens) {
      throw new LawbookError(
        "request",
        mismatch(`Row ${line} is too long`, row.ids.length, `at most ${tokens} tokens`),
      );
    }
    const inside = positionsOf(row);
    row.ids.forEach((id, index) => {
      const place = line * tokens + index;
      if (inside[index] === 0) sequence++;
      ids[place] = id;
      positions[place] = inside[index]!;
      owner[place] = sequence;
      if (inside[index] === 0 || row.labels[index] === IGNORED_LABEL) return;
      targets.push(place - 1);
      labels.push(row.labels[index]!);
      targetRows.push(sequence);
    });
  });
  if (targets.length === 0 && unlabelled === "refused") {
    throw new LawbookError(
      "request",
      mismatch("Labels of a batch", "all masked", "at least one that counts"),
      {
        hint: "Every row's completion is empty, or was cut away with the end of its row: raise `tokens`.",
      },
    );
  }
  return {
    lines,
    tokens,
    ids,
    positions,
    rows: owner,
    targets: Int32Array.from(targets),
    labels: Int32Array.from(labels),
    targetRows: Int32Array.from(targetRows),
  };
}
