import { LawbookError, mismatch } from "../core/errors.js";
import { readPieces } from "../core/files.js";
import { product } from "../core/math.js";
import { decodeElements, type Dtype, ELEMENT_BYTES, type StoredType } from "../model/element-type.js";
import { brainsToFloats, floatsToBrains, floatsToHalves, halvesToFloats } from "../model/half.js";
import type { StoredTensor, Weight } from "../model/safetensors.js";

/** Elements that are worked on at once, so that a large tensor is never in memory whole. */
export const BLOCK: number = 1 << 14;

/** The values of a tensor, in memory or on disk, read from the start as often as needed. */
export interface Values {
  readonly size: number;
  /** Blocks of `length` elements, the last one shorter; a block is valid until the next is asked for. */
  readonly blocks: (length?: number) => Generator<Float32Array, void, undefined>;
  /** Element type that they are stored in; F32 in memory. */
  readonly type: StoredType;
  /** The bytes of a tensor on disk, piece by piece, where they are its values unrounded. */
  readonly bytes: (() => Generator<Uint8Array, void, undefined>) | undefined;
}

/**
 * Values in memory. `dtype`: the type that they are rounded to on the way, as mergekit casts what it reads.
 * A NaN or an infinity is an error that names `place`.
 */
export function memoryValues(weight: Weight, place: string, dtype?: Dtype): Values {
  const { data } = weight;
  const narrow = roundingTo(dtype, "F32");
  return {
    size: data.length,
    type: "F32",
    bytes: undefined,
    blocks: checkedBlocks(place, narrow, function* (length) {
      for (let start = 0; start < data.length; start += length) {
        yield narrow === undefined ? data.subarray(start, start + length) : data.slice(start, start + length);
      }
    }),
  };
}

/** Values on disk; see `memoryValues`. */
export function storedValues(tensor: StoredTensor, place: string, dtype?: Dtype): Values {
  const { path, type, start, end } = tensor;
  const size = product(tensor.shape);
  const width = ELEMENT_BYTES[type];
  const narrow = roundingTo(dtype, type);
  function* pieces(length: number): Generator<readonly [Uint8Array, Float32Array], void, undefined> {
    const buffer = new Float32Array(type === "F32" ? 0 : Math.min(length, size));
    for (const piece of readPieces(path, start, end - start, length * width)) {
      const count = piece.length / width;
      if (type === "F32") yield [piece, new Float32Array(piece.buffer, piece.byteOffset, count)];
      else {
        const block = buffer.subarray(0, count);
        decodeElements(piece, type, block);
        yield [piece, block];
      }
    }
  }
  return {
    size,
    type,
    blocks: checkedBlocks(place, narrow, function* (length) {
      for (const [, block] of pieces(length)) yield block;
    }),
    bytes:
      narrow !== undefined
        ? undefined
        : function* () {
            let at = 0;
            for (const [piece, block] of pieces(BLOCK)) {
              checkFinite(block, at, place);
              at += block.length;
              yield piece;
            }
          },
  };
}

/** Checks what is read for the first time, and rounds it each time. */
function checkedBlocks(
  place: string,
  narrow: Rounding | undefined,
  read: (length: number) => Iterable<Float32Array>,
): Values["blocks"] {
  let checked = false;
  return function* (length = BLOCK) {
    let at = 0;
    for (const block of read(length)) {
      if (!checked) checkFinite(block, at, place);
      narrow?.(block, at, place);
      yield block;
      at += block.length;
    }
    checked = true;
  };
}

/** Rounds a block in place. `at`: place of its first value in the tensor. */
export type Rounding = (block: Float32Array, at: number, place: string) => void;

/** Rounds blocks in place to the values of a type; undefined where it changes nothing. `from`: the type that they had. */
export function roundingTo(dtype: Dtype | undefined, from: StoredType): Rounding | undefined {
  if (dtype === undefined || dtype === "float32") return undefined;
  const half = dtype === "float16";
  if (from === (half ? "F16" : "BF16")) return undefined;
  let words = new Uint16Array(0);
  return (block, at, place) => {
    if (words.length < block.length) words = new Uint16Array(block.length);
    const part = words.subarray(0, block.length);
    const overflow = half ? floatsToHalves(block, part) : floatsToBrains(block, part);
    if (overflow >= 0) {
      const what = `${place} has a value that ${dtype} cannot hold, at ${at + overflow}`;
      throw new LawbookError("request", mismatch(what, block[overflow], "a smaller magnitude"), {
        hint: "Leave dtype out, or make it float32.",
      });
    }
    if (half) halvesToFloats(part, block);
    else brainsToFloats(part, block);
  };
}

const EXPONENT = 0x7f800000;

/** Throws for a NaN or an infinity. `start`: place of the first value in the tensor. */
export function checkFinite(block: Float32Array, start: number, place: string): void {
  const bits = new Int32Array(block.buffer, block.byteOffset, block.length);
  let marks = 0;
  // The sum reaches the sign bit only from an exponent of all ones.
  for (let i = 0; i < bits.length; i++) marks |= (bits[i]! & EXPONENT) + 0x00800000;
  if (marks >= 0) return;
  const at = block.findIndex((value) => !Number.isFinite(value));
  throw new LawbookError(
    "bad-file",
    mismatch(
      `${place} has a value that is not finite, at ${start + at}`,
      String(block[at]),
      "finite numbers",
    ),
  );
}

/** Elements of a tensor to work on at once: whole rows, the last axis, so that a row is never split. */
export function wholeRows(shape: readonly number[]): number {
  const width = Math.max(1, shape.at(-1) ?? 1);
  return width * Math.max(1, Math.floor(BLOCK / width));
}

/** Blocks of several tensors of one size, in step. */
export function* together(
  values: readonly Values[],
  length: number = BLOCK,
): Generator<readonly Float32Array[], void, undefined> {
  const readers = values.map((each) => each.blocks(length));
  try {
    for (;;) {
      const steps = readers.map((reader) => reader.next());
      if (steps.some(({ done }) => done)) return;
      yield steps.map(({ value }) => value as Float32Array);
    }
  } finally {
    for (const reader of readers) reader.return();
  }
}

/** x - base in float32, into a part of `buffer`. */
export function difference(x: Float32Array, base: Float32Array, buffer: Float32Array): Float32Array {
  const into = buffer.subarray(0, x.length);
  for (let i = 0; i < x.length; i++) into[i] = x[i]! - base[i]!;
  return into;
}
