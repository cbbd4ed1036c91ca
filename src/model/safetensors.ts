import { LawbookError, mismatch } from "../core/errors.js";
import { fileSize, readRange, writeAtomic } from "../core/files.js";
import { product } from "../core/math.js";

/** Element types that checkpoints use. */
export type StoredType = "F32" | "F16" | "BF16";

/** A weight in memory: float32, row-major. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Weights by name. */
export type Weights = ReadonlyMap<string, Weight>;

/** Where one tensor lies in a file. */
export interface TensorEntry {
  readonly type: StoredType;
  readonly shape: readonly number[];
  /** First byte and the one after the last, from the start of the file. */
  readonly start: number;
  readonly end: number;
}

/** The table of contents of a safetensors file. */
export interface TensorIndex {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: Readonly<Record<string, string>>;
}

const BYTES: Readonly<Record<StoredType, number>> = { F32: 4, F16: 2, BF16: 2 };
const MAX_HEADER = 100_000_000;

/**
 * Reads and checks the header of a safetensors file: sizes, types, overlaps and the length of the file.
 * Source: safetensors format description.
 */
export function readTensorIndex(path: string): TensorIndex {
  const bad = (what: string): LawbookError =>
    new LawbookError("bad-file", `${path} is not a safetensors file: ${what}`, { data: { path } });
  const size = fileSize(path);
  if (size < 8) throw bad(mismatch("it is truncated", size, "at least 8 bytes"));
  const length = Number(new DataView(readRange(path, 0, 8).buffer).getBigUint64(0, true));
  if (length > MAX_HEADER || 8 + length > size) {
    throw bad(mismatch("its header does not fit", length, `at most ${Math.min(MAX_HEADER, size - 8)} bytes`));
  }
  let header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  try {
    header = JSON.parse(new TextDecoder().decode(readRange(path, 8, length))) as typeof header;
  } catch (cause) {
    throw bad(`its header is not JSON: ${(cause as Error).message}.`);
  }
  const { __metadata__: metadata = {}, ...entries } = header as unknown as Record<string, never>;
  const tensors = new Map<string, TensorEntry>();
  let expectedStart = 0;
  const ordered = Object.entries(entries as unknown as typeof header).sort(
    ([, a], [, b]) => (a.data_offsets?.[0] ?? 0) - (b.data_offsets?.[0] ?? 0),
  );
  for (const [name, { dtype, shape, data_offsets: offsets }] of ordered) {
    if (!(dtype in BYTES)) throw bad(mismatch(`type of ${name}`, dtype, "F32, F16 or BF16"));
    const [start, end] = offsets ?? [NaN, NaN];
    const bytes = product(shape) * BYTES[dtype as StoredType];
    if (start !== expectedStart || end - start !== bytes) {
      throw bad(mismatch(`place of ${name}`, offsets, `[${expectedStart}, ${expectedStart + bytes}]`));
    }
    expectedStart = end;
    tensors.set(name, { type: dtype as StoredType, shape, start: 8 + length + start, end: 8 + length + end });
  }
  if (8 + length + expectedStart !== size) {
    throw new LawbookError(
      "bad-file",
      mismatch(`${path} is truncated or has bytes too many`, size, `${8 + length + expectedStart} bytes`),
      { hint: "Fetch or write the file again.", data: { path } },
    );
  }
  return { path, tensors, metadata: metadata as unknown as Record<string, string> };
}

/** Reads one tensor as float32. Throws `missing` for an unknown name. */
export function readTensor(index: TensorIndex, name: string): Weight {
  const entry = index.tensors.get(name);
  if (entry === undefined) {
    throw new LawbookError("bad-file", `${index.path} has no tensor ${name}.`, {
      data: { path: index.path, name },
    });
  }
  const bytes = readRange(index.path, entry.start, entry.end - entry.start);
  return { shape: entry.shape, data: decode(bytes, entry.type) };
}

/** Reads all tensors of a file as float32. */
export function readTensors(path: string): Map<string, Weight> {
  const index = readTensorIndex(path);
  return new Map([...index.tensors.keys()].map((name) => [name, readTensor(index, name)]));
}

/** Writes float32 tensors in name order; equal tensors give equal bytes. */
export function writeTensors(
  path: string,
  weights: Weights,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const names = [...weights.keys()].sort();
  const header: Record<string, unknown> = { __metadata__: metadata };
  let offset = 0;
  for (const name of names) {
    const { shape, data } = weights.get(name)!;
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = JSON.stringify(header);
  const headerBytes = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8, " "));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(headerBytes.length), true);
  const pieces = names.map((name) => {
    const { data } = weights.get(name)!;
    return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  });
  writeAtomic(path, [length, headerBytes, ...pieces]);
}

function decode(bytes: Uint8Array, type: StoredType): Float32Array {
  if (type === "F32") return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  const result = new Float32Array(words.length);
  const bits = new Uint32Array(result.buffer);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (type === "BF16") bits[i] = word << 16;
    else result[i] = halfToFloat(word);
  }
  return result;
}

/** Smallest positive float16, 2^-24. */
const SMALLEST_HALF = 1 / 16777216;
const view = new DataView(new ArrayBuffer(4));

function halfToFloat(word: number): number {
  const sign = word & 0x8000 ? -1 : 1;
  const exponent = (word >> 10) & 0x1f;
  const fraction = word & 0x3ff;
  if (exponent === 0) return sign * fraction * SMALLEST_HALF;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  view.setUint32(0, ((exponent + 112) << 23) | (fraction << 13));
  return sign * view.getFloat32(0);
}
