import { LawbookError, mismatch, quote } from "../core/errors.js";
import { fileSize, readPieces, readRange, writeAtomic, writePieces } from "../core/files.js";
import { product } from "../core/math.js";
import { duplicateKey } from "./duplicate-key.js";
import {
  decodeElements,
  ELEMENT_BYTES,
  encodeElements,
  isStoredType,
  type StoredType,
  type WrittenType,
} from "./element-type.js";

/** A weight in memory: float32, row-major. */
export interface Weight {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Weights by name. */
export type Weights = ReadonlyMap<string, Weight>;

/** A tensor that lies in a file. */
export interface StoredTensor {
  readonly name: string;
  readonly path: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  /** First byte and the one after the last, from the start of the file. */
  readonly start: number;
  readonly end: number;
}

/** The table of contents of a safetensors file. */
export interface TensorIndex {
  readonly path: string;
  /** In the order of the file. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const MAX_HEADER = 100_000_000;
const METADATA = "__metadata__";

/**
 * Reads and checks the header of a safetensors file: sizes, types, names, holes, overlaps and the length of the file.
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
  const { [METADATA]: metadata = {}, ...entries } = parseHeader(readRange(path, 8, length), bad);
  if (!isMapping(metadata) || Object.values(metadata).some((value) => typeof value !== "string")) {
    throw bad(mismatch(METADATA, metadata, "texts by name"));
  }
  const ordered = Object.entries(entries).map(([name, entry]) => checkEntry(name, entry, bad));
  ordered.sort((a, b) => a.start - b.start || a.end - b.end);
  const first = 8 + length;
  let expectedStart = 0;
  const tensors = new Map<string, StoredTensor>();
  for (const { name, type, shape, start, end } of ordered) {
    const expectedEnd = expectedStart + product(shape) * ELEMENT_BYTES[type];
    if (start !== expectedStart || end !== expectedEnd) {
      throw bad(mismatch(`place of ${name}`, [start, end], `[${expectedStart}, ${expectedEnd}]`));
    }
    expectedStart = end;
    tensors.set(name, { name, path, type, shape, start: first + start, end: first + end });
  }
  if (first + expectedStart !== size) {
    throw new LawbookError(
      "bad-file",
      mismatch(`${path} is truncated or has bytes too many`, size, `${first + expectedStart} bytes`),
      { hint: "Fetch or write the file again.", data: { path } },
    );
  }
  return { path, tensors, metadata: metadata as Record<string, string> };
}

type Complaint = (what: string) => LawbookError;

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseHeader(bytes: Uint8Array, bad: Complaint): Record<string, unknown> {
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    header = JSON.parse(text);
  } catch (cause) {
    throw bad(`its header is not JSON: ${(cause as Error).message}.`);
  }
  if (!isMapping(header)) throw bad(mismatch("its header", header, "tensors by name"));
  const twice = duplicateKey(text);
  if (twice !== undefined) throw bad(`its header has ${quote(twice)} twice.`);
  return header;
}

/** One tensor of a header, with offsets from the end of the header. */
function checkEntry(name: string, entry: unknown, bad: Complaint): Omit<StoredTensor, "path"> {
  if (!isMapping(entry)) throw bad(mismatch(`entry of ${name}`, entry, "dtype, shape and data_offsets"));
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isStoredType(dtype)) {
    throw bad(mismatch(`type of ${name}`, dtype ?? null, `one of ${Object.keys(ELEMENT_BYTES).join(", ")}`));
  }
  if (!areCounts(shape) || !Number.isSafeInteger(product(shape) * ELEMENT_BYTES[dtype])) {
    throw bad(mismatch(`shape of ${name}`, shape ?? null, "a list of sizes"));
  }
  if (!areCounts(offsets) || offsets.length !== 2) {
    throw bad(mismatch(`place of ${name}`, offsets ?? null, "first byte and the one after the last"));
  }
  return { name, type: dtype, shape, start: offsets[0]!, end: offsets[1]! };
}

function areCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}

/** The bytes of a stored tensor as they are in the file, piece by piece; a piece is valid until the next is asked for. */
export function storedBytes({ path, start, end }: StoredTensor): Iterable<Uint8Array> {
  return readPieces(path, start, end - start);
}

/** Reads a stored tensor as float32. */
export function readStored(tensor: StoredTensor): Weight {
  return { shape: tensor.shape, data: readValues(tensor, 0, product(tensor.shape)) };
}

/** Reads the elements of a stored tensor from index `from` to before `to`, row-major, as float32. */
export function readValues(
  { name, path, type, start, end }: StoredTensor,
  from: number,
  to: number,
): Float32Array {
  const width = ELEMENT_BYTES[type];
  if (!(from >= 0 && from <= to && start + to * width <= end)) {
    const what = `Elements to read of ${name} in ${path}`;
    throw new LawbookError("internal", mismatch(what, [from, to], `within [0, ${(end - start) / width}]`));
  }
  const values = new Float32Array(to - from);
  let done = 0;
  for (const piece of readPieces(path, start + from * width, (to - from) * width)) {
    const count = piece.length / width;
    decodeElements(piece, type, values.subarray(done, done + count));
    done += count;
  }
  return values;
}

/** Reads one tensor as float32. Throws `bad-file` for an unknown name. */
export function readTensor(index: TensorIndex, name: string): Weight {
  const tensor = index.tensors.get(name);
  if (tensor === undefined) {
    throw new LawbookError("bad-file", `${index.path} has no tensor ${name}.`, {
      data: { path: index.path, name },
    });
  }
  return readStored(tensor);
}

/** Reads all tensors of a file as float32. */
export function readTensors(path: string): Map<string, Weight> {
  return new Map([...readTensorIndex(path).tensors].map(([name, tensor]) => [name, readStored(tensor)]));
}

/** Throws where a weight has a NaN or an infinity, naming the tensor, its file and the place. */
export function checkFinite(name: string, { data }: Weight, path: string): void {
  const index = data.findIndex((value) => !Number.isFinite(value));
  if (index < 0) return;
  const what = `${name} in ${path} has a value that is not finite, at ${index}`;
  throw new LawbookError("bad-file", mismatch(what, String(data[index]), "finite numbers"), {
    data: { path, name, index },
  });
}

/** A tensor that is going to be written; its content is asked for when its turn comes. */
export interface TensorToWrite {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  readonly content: () => Content | Promise<Content>;
}

/**
 * What is written for a tensor, whole or in pieces: float32 values, which are converted to its type (not to F64), or bytes
 * that already are of its type. A piece may be used again once the next one is asked for.
 */
export type Content =
  Float32Array | Iterable<Float32Array | Uint8Array> | AsyncIterable<Float32Array | Uint8Array>;

/** How tensors are written. */
export interface TensorOptions {
  /** `__metadata__` of each file. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** May a finite value that the element type cannot hold become infinite? Otherwise it is an error. */
  readonly allowOverflow?: boolean;
}

/** A stored tensor as one to write: its bytes are copied, not decoded. `name`: another name for it. */
export function copyOf(tensor: StoredTensor, name: string = tensor.name): TensorToWrite {
  return { name, type: tensor.type, shape: tensor.shape, content: () => storedBytes(tensor) };
}

/**
 * Writes tensors one after the other; no more than one is in memory. In the file wider types come first, so that all
 * are aligned, then names by code unit: the order that the tensors are given in does not matter.
 */
export async function writeTensorFile(
  path: string,
  tensors: readonly TensorToWrite[],
  { metadata = {}, allowOverflow = false }: TensorOptions = {},
): Promise<void> {
  const ordered = inFileOrder(tensors);
  const head = headerBytes(ordered, metadata);
  await writePieces(path, piecesOf(head, ordered, allowOverflow));
}

async function* piecesOf(
  head: Uint8Array,
  tensors: readonly TensorToWrite[],
  allowOverflow: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield head;
  for (const { name, type, shape, content } of tensors) {
    const expected = product(shape) * ELEMENT_BYTES[type];
    const wrong = (bytes: number): LawbookError =>
      new LawbookError("internal", mismatch(`Bytes to write for ${name}`, bytes, `${expected}, [${shape}]`));
    const got = await content();
    let bytes = 0;
    for await (const piece of got instanceof Float32Array ? [got] : got) {
      const values = piece instanceof Float32Array;
      if (values && type === "F64") throw wrong(piece.byteLength);
      const first = bytes / ELEMENT_BYTES[type];
      const stored = values
        ? encodeElements(name, piece, first, type as WrittenType, allowOverflow)
        : [piece];
      for (const part of stored) {
        bytes += part.length;
        if (bytes > expected) throw wrong(bytes);
        yield part;
      }
    }
    if (bytes !== expected) throw wrong(bytes);
  }
}

/** Writes float32 tensors in name order; equal tensors give equal bytes. */
export function writeTensors(
  path: string,
  weights: Weights,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const tensors = inFileOrder(
    [...weights].map(([name, { shape, data }]) => ({ name, type: "F32" as const, shape, data })),
  );
  const pieces = tensors.map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  writeAtomic(path, [headerBytes(tensors, metadata), ...pieces]);
}

type Described = Pick<StoredTensor, "name" | "type" | "shape">;

function inFileOrder<T extends Described>(tensors: readonly T[]): T[] {
  return [...tensors].sort(
    (a, b) => ELEMENT_BYTES[b.type] - ELEMENT_BYTES[a.type] || (a.name < b.name ? -1 : 1),
  );
}

/** Length and table of contents, padded with blanks to a multiple of eight bytes. */
function headerBytes(tensors: readonly Described[], metadata: Readonly<Record<string, string>>): Uint8Array {
  const entries: [string, unknown][] = [[METADATA, metadata]];
  let offset = 0;
  const names = new Set([METADATA]);
  for (const { name, type, shape } of tensors) {
    if (names.has(name)) {
      throw new LawbookError("request", mismatch("Name of a tensor to write", name, "each name once"));
    }
    names.add(name);
    const end = offset + product(shape) * ELEMENT_BYTES[type];
    entries.push([name, { dtype: type, shape, data_offsets: [offset, end] }]);
    offset = end;
  }
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const bytes = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(bytes.length - 8), true);
  bytes.set(text, 8);
  return bytes;
}
