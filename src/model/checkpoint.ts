import { createHash } from "node:crypto";
import { join } from "node:path";

import { canonicalJson, contentId, sha256 } from "../core/canonical.js";
import { LawbookError, mismatch, unknownName } from "../core/errors.js";
import {
  exists,
  isFolder,
  listFiles,
  readBytes,
  readJson,
  writeAtomic,
  writeFolderAtomic,
} from "../core/files.js";
import { stream } from "../core/random.js";
import { product } from "../core/math.js";
import { configJson, type ModelConfig, parametersOf, parseConfig } from "./config.js";
import { type Dtype, DTYPES, writtenType } from "./element-type.js";
import { checkFinite, readValues, type TensorToWrite, type Weight, type Weights } from "./safetensors.js";
import { eachWeight, openWeights, type StoredWeights, writeWeights } from "./shards.js";

/** Files and folders of a model folder that travel with the weights. */
const COMPANIONS = [
  "tokenizer.json",
  "tokenizer_config.json",
  "tokenizer.model",
  "vocab.json",
  "merges.txt",
  "added_tokens.json",
  "special_tokens_map.json",
  "chat_template.jinja",
  "chat_template.json",
  "additional_chat_templates",
  "generation_config.json",
];

/** A model in the layout of Hugging Face. */
export interface Checkpoint {
  readonly config: ModelConfig;
  /**
   * `config.json` as it was read or will be written, unknown keys included. Its element type is the one that the weights
   * have in memory, float32, whatever the files hold.
   */
  readonly configJson: Readonly<Record<string, unknown>>;
  readonly weights: Weights;
  /** Folder with the tokenizer files; undefined for a model without one. */
  readonly tokenizerFolder: string | undefined;
  /** Folder that the model was read from, if any; its other known files travel along. */
  readonly folder?: string;
}

/** A model whose weights are on disk: only their table of contents is in memory. */
export interface OpenCheckpoint extends Omit<Checkpoint, "weights"> {
  readonly folder: string;
  readonly stored: StoredWeights;
}

/** Opens a model folder, in one file or in shards; checks that every weight is there, in shape. */
export function openCheckpoint(folder: string): OpenCheckpoint {
  const json = readJson(join(folder, "config.json")) as Record<string, unknown>;
  const config = parseConfig(json, join(folder, "config.json"));
  const stored = openWeights(folder);
  for (const { name, shape } of parametersOf(config)) {
    const tensor = stored.tensors.get(name);
    if (tensor === undefined) throw new LawbookError("bad-file", `${stored.path} has no tensor ${name}.`);
    if (`${tensor.shape}` !== `${shape}`) {
      throw new LawbookError(
        "bad-file",
        mismatch(`Shape of ${name} in ${tensor.path}`, tensor.shape, `[${shape}]`),
      );
    }
  }
  return {
    config,
    configJson: withDtype(json, "float32"),
    stored,
    tokenizerFolder: exists(join(folder, "tokenizer.json")) ? folder : undefined,
    folder,
  };
}

/** Reads a model folder, in one file or in shards; checks that every weight is there, in shape and finite. */
export function readCheckpoint(folder: string): Checkpoint {
  const { stored, ...rest } = openCheckpoint(folder);
  const weights = new Map(eachWeight(stored));
  for (const { name } of parametersOf(rest.config)) {
    checkFinite(name, weights.get(name)!, stored.tensors.get(name)!.path);
  }
  return { ...rest, weights };
}

/** How a model is written. */
export interface CheckpointOptions {
  /** Element type of the weights, default float32; others round to the nearest, ties to even. */
  readonly dtype?: Dtype | undefined;
  /** Largest shard in bytes; by default all weights are in one file. */
  readonly shardBytes?: number | undefined;
  /** May a finite weight that `dtype` cannot hold become infinite? Otherwise it is an error that names the tensor. */
  readonly allowOverflow?: boolean | undefined;
}

/** Writes a model folder that transformers loads unchanged. A kill in the middle leaves nothing under the final name. */
export async function writeCheckpoint(
  folder: string,
  checkpoint: Checkpoint,
  { dtype = "float32", ...options }: CheckpointOptions = {},
): Promise<void> {
  if (!DTYPES.includes(dtype)) throw unknownName("dtype", dtype, DTYPES);
  const type = writtenType(dtype);
  const tensors = [...checkpoint.weights].map(([name, { shape, data }]) => ({
    name,
    type,
    shape,
    content: () => data,
  }));
  await writeModel(folder, checkpoint, tensors, { ...options, dtype });
}

/**
 * Writes a model folder from tensors whose content is asked for one after the other: float32 values, or bytes copied from
 * a stored tensor. `dtype`: the element type that `config.json` is to state. A failure leaves nothing under the final name.
 */
export async function writeModel(
  folder: string,
  model: Omit<Checkpoint, "weights" | "config">,
  tensors: readonly TensorToWrite[],
  { dtype = "float32", shardBytes, allowOverflow = false }: CheckpointOptions = {},
): Promise<void> {
  await writeFolderAtomic(folder, async (temporary) => {
    const json = withDtype(model.configJson, dtype);
    writeAtomic(join(temporary, "config.json"), `${JSON.stringify(json, null, 2)}\n`);
    await writeWeights(temporary, tensors, { shardBytes, allowOverflow });
    const from = model.tokenizerFolder ?? model.folder;
    if (from !== undefined) copyCompanions(from, temporary);
  });
}

/** Copies the contents, since a folder of the Hugging Face cache holds links. */
function copyCompanions(from: string, to: string): void {
  for (const name of COMPANIONS) {
    const path = join(from, name);
    if (isFolder(path)) {
      for (const inner of listFiles(path)) writeAtomic(join(to, name, inner), readBytes(join(path, inner)));
    } else if (exists(path)) {
      writeAtomic(join(to, name), readBytes(path));
    }
  }
}

/**
 * States the element type where a config has it; another type than float32, the one that is meant where a config says
 * nothing, is added.
 */
function withDtype(json: Readonly<Record<string, unknown>>, dtype: Dtype): Readonly<Record<string, unknown>> {
  const stated = ["dtype", "torch_dtype"].filter((key) => typeof json[key] === "string");
  const keys = dtype === "float32" ? stated : ["dtype", ...stated];
  return { ...json, ...Object.fromEntries(keys.map((key) => [key, dtype])) };
}

/**
 * Random weights: normal with deviation 0.02, the projections into the residual stream with 0.02 / sqrt(2 layers),
 * norms 1; one stream per tensor, so the order of drawing does not matter. Source: Radford et al. 2019, section 2.3.
 */
export function newCheckpoint(config: ModelConfig, seed: number, tokenizerFolder: string): Checkpoint {
  const residual = 0.02 / Math.sqrt(2 * config.layers);
  const weights = parametersOf(config).map(({ name, shape }) => {
    const data = new Float32Array(product(shape)).fill(1);
    if (shape.length > 1) {
      const deviation = /o_proj|down_proj/.test(name) ? residual : 0.02;
      const draw = stream(seed, "initialize", name);
      for (let i = 0; i < data.length; i++) data[i] = draw.normal(0, deviation);
    }
    return [name, { shape, data }] as const;
  });
  return { config, configJson: configJson(config), weights: new Map(weights), tokenizerFolder };
}

/** sha256 over weights by name, shape and content, 64 hex digits; sharding and file order do not matter. */
export function weightsDigest(weights: Iterable<readonly [string, Weight]>): string {
  const tensors: [string, string][] = [];
  for (const [name, { shape, data }] of weights) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    tensors.push([name, `float32[${shape}]${sha256(bytes)}`]);
  }
  return contentId(Object.fromEntries(tensors));
}

/**
 * sha256 over config, tokenizer and weights by content: as float32 values, whatever type the files hold. `known`: the
 * `weightsDigest` of the weights, which are then not read.
 */
export function checkpointDigest(checkpoint: Checkpoint | OpenCheckpoint, known?: string): string {
  const { configJson: config, tokenizerFolder } = checkpoint;
  const tokenizer =
    tokenizerFolder === undefined ? null : sha256(readBytes(join(tokenizerFolder, "tokenizer.json")));
  const weights =
    known ?? ("weights" in checkpoint ? weightsDigest(checkpoint.weights) : storedDigest(checkpoint.stored));
  return contentId({ config: sha256(canonicalJson(config)), tokenizer, weights });
}

/** Elements that are hashed at once. */
const PIECE = 1 << 16;

/** `weightsDigest` of weights on disk, none of which is in memory whole. */
function storedDigest({ tensors }: StoredWeights): string {
  const digests = [...tensors].map(([name, tensor]) => {
    const hash = createHash("sha256");
    const size = product(tensor.shape);
    for (let from = 0; from < size; from += PIECE) {
      const { buffer, byteLength } = readValues(tensor, from, Math.min(from + PIECE, size));
      hash.update(new Uint8Array(buffer, 0, byteLength));
    }
    return [name, `float32[${tensor.shape}]${hash.digest("hex")}`];
  });
  return contentId(Object.fromEntries(digests));
}
