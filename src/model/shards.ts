import { join } from "node:path";

import { LawbookError, mismatch, quote } from "../core/errors.js";
import { exists, readText, writeAtomic } from "../core/files.js";
import { product } from "../core/math.js";
import { duplicateKey } from "./duplicate-key.js";
import { ELEMENT_BYTES } from "./element-type.js";
import {
  readStored,
  readTensorIndex,
  type StoredTensor,
  type TensorIndex,
  type TensorOptions,
  type TensorToWrite,
  type Weight,
  writeTensorFile,
} from "./safetensors.js";

/** The file of a model that is in one piece. */
export const WEIGHTS_FILE = "model.safetensors";
/** The table of contents of a model that is in shards. */
export const INDEX_FILE = "model.safetensors.index.json";

/** Weights that lie on disk, in one file or in shards: only their table of contents is in memory. */
export interface StoredWeights {
  /** The file, or the index of the shards. */
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** `__metadata__` of the file, or of the first shard. */
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Opens the weights of a model folder: `model.safetensors` or, where there is none, the shards that
 * `model.safetensors.index.json` names. Throws for a tensor that only the index or only a shard has, that two shards
 * have, or that the index places outside the folder.
 */
export function openWeights(folder: string): StoredWeights {
  const path = join(folder, WEIGHTS_FILE);
  if (exists(path)) return readTensorIndex(path);
  const indexPath = join(folder, INDEX_FILE);
  if (!exists(indexPath)) {
    throw new LawbookError("missing", `There is no file ${path}, nor ${INDEX_FILE} beside it.`, {
      hint: "Weights in other formats are not read; save the model as safetensors.",
      data: { path },
    });
  }
  const places = readPlaces(indexPath);
  const shards = new Map<string, TensorIndex>();
  for (const [name, file] of places) {
    if (shards.has(file)) continue;
    if (!exists(join(folder, file))) {
      throw new LawbookError("missing", `There is no file ${file}, where ${indexPath} has ${name}.`, {
        data: { path: join(folder, file), name },
      });
    }
    shards.set(file, readTensorIndex(join(folder, file)));
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [file, shard] of [...shards].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const [name, tensor] of shard.tensors) {
      const other = tensors.get(name);
      if (other !== undefined) {
        throw bad(`${indexPath}: ${other.path} and ${tensor.path} both have the tensor ${name}.`);
      }
      if (places.get(name) === undefined) {
        throw bad(`${indexPath} does not have the tensor ${name} of ${file}.`);
      }
      tensors.set(name, tensor);
    }
  }
  for (const [name, file] of places) {
    const found = tensors.get(name);
    if (found === undefined || found.path !== join(folder, file)) {
      throw bad(`${join(folder, file)} has no tensor ${name}, which ${indexPath} places there.`);
    }
  }
  return { path: indexPath, tensors, metadata: [...shards.values()][0]?.metadata ?? {} };
}

function bad(what: string): LawbookError {
  return new LawbookError("bad-file", what);
}

/** File of each tensor, as the index has it. */
function readPlaces(path: string): Map<string, string> {
  const text = readText(path);
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (cause) {
    throw new LawbookError("bad-file", `${path} is not JSON: ${(cause as Error).message}.`, { cause });
  }
  const map = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null || Array.isArray(map)) {
    throw bad(mismatch(`weight_map in ${path}`, map ?? null, "file names by tensor"));
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) throw bad(`${path} has ${quote(twice)} twice.`);
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== "string" || !/^[^/\\\0]+\.safetensors$/.test(file)) {
      throw bad(
        mismatch(`File of ${name} in ${path}`, file, "the name of a .safetensors file in that folder"),
      );
    }
  }
  return new Map(Object.entries(map as Record<string, string>));
}

/** Reads stored weights one after the other as float32; each is read when it is asked for. */
export function* eachWeight({
  tensors,
}: StoredWeights): Generator<readonly [string, Weight], void, undefined> {
  for (const [name, tensor] of tensors) yield [name, readStored(tensor)];
}

/**
 * Splits tensors, in the order of their names, into shards of at most `shardBytes`; a tensor that is larger is a shard
 * of its own.
 */
export function planShards<T extends Pick<TensorToWrite, "name" | "type" | "shape">>(
  tensors: readonly T[],
  shardBytes: number,
): T[][] {
  if (!(shardBytes >= 1)) {
    throw new LawbookError("request", mismatch("Largest shard in bytes", shardBytes, "at least 1"));
  }
  const shards: T[][] = [];
  let filled = 0;
  for (const tensor of [...tensors].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const bytes = bytesOf(tensor);
    if (shards.length === 0 || filled + bytes > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)!.push(tensor);
    filled += bytes;
  }
  return shards;
}

function bytesOf({ type, shape }: Pick<TensorToWrite, "type" | "shape">): number {
  return product(shape) * ELEMENT_BYTES[type];
}

/**
 * Writes the weights of a model folder as transformers does: `model.safetensors` where they fit into one file of
 * `shardBytes`, else `model-00001-of-0000N.safetensors` and their index. No more than one tensor is in memory. Give it the
 * temporary folder of `writeFolderAtomic`, so that a failure leaves no part.
 */
export async function writeWeights(
  folder: string,
  tensors: readonly TensorToWrite[],
  options: TensorOptions & { readonly shardBytes?: number | undefined } = {},
): Promise<void> {
  const { shardBytes = Infinity, metadata = { format: "pt" }, allowOverflow = false } = options;
  const shards = planShards(tensors, shardBytes);
  if (shards.length <= 1) {
    await writeTensorFile(join(folder, WEIGHTS_FILE), tensors, { metadata, allowOverflow });
    return;
  }
  const places: [string, string][] = [];
  for (const [index, shard] of shards.entries()) {
    const number = (value: number): string => String(value).padStart(5, "0");
    const file = `model-${number(index + 1)}-of-${number(shards.length)}.safetensors`;
    await writeTensorFile(join(folder, file), shard, { metadata, allowOverflow });
    places.push(...shard.map(({ name }) => [name, file] as [string, string]));
  }
  const total = (size: (tensor: TensorToWrite) => number): number =>
    tensors.reduce((sum, tensor) => sum + size(tensor), 0);
  const index = {
    metadata: { total_parameters: total(({ shape }) => product(shape)), total_size: total(bytesOf) },
    weight_map: Object.fromEntries(places),
  };
  writeAtomic(join(folder, INDEX_FILE), `${JSON.stringify(index, null, 2)}\n`);
}

const UNITS: Readonly<Record<string, number>> = { "": 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12 };

/** Reads a size such as "500MB" or "5GB", in powers of 1,000 as transformers does; a bare number is bytes. */
export function parseBytes(text: string): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)\s*([kmgt]?b?)$/i.exec(text.trim()) ?? [];
  const factor = UNITS[unit.toLowerCase() === "b" ? "" : unit.toLowerCase()];
  const bytes = digits === "" || factor === undefined ? NaN : Math.trunc(Number(digits) * factor);
  if (!(bytes >= 1))
    throw new LawbookError("usage", mismatch("Size", text, 'bytes such as "500MB" or "5GB"'));
  return bytes;
}
