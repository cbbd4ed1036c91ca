import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";

import { contentId } from "../core/canonical.js";
import type { Checkpoint, CheckpointOptions } from "../model/checkpoint.js";
import { checkpointDigest, openCheckpoint, writeModel } from "../model/checkpoint.js";
import { decodeElements, DTYPES, ELEMENT_BYTES, writtenType } from "../model/element-type.js";
import type { Content, TensorToWrite, Weight } from "../model/safetensors.js";
import { type MergeOptions, type MergePlan, planMerge } from "./plan.js";
import type { Recipe } from "./recipe.js";
import { roundingTo } from "./values.js";

/** A merged model: its weights are computed when they are asked for. */
export interface MergedModel {
  readonly plan: MergePlan;
  /** Each tensor, its blocks computed one after the other; no more than one block of each input is in memory. */
  readonly tensors: readonly TensorToWrite[];
  /** Names of the tensors that the method leaves as they are in one model. */
  readonly copied: readonly string[];
}

/** Merges the models of a recipe: what can be known without their values is checked now, the rest is left to readers. */
export function merge(recipe: Recipe, options: MergeOptions): MergedModel {
  return mergePlan(planMerge(recipe, options));
}

/** The merged model of a plan. */
export function mergePlan(plan: MergePlan): MergedModel {
  const { method } = plan.recipe;
  const survey = surveyOf(plan);
  const copied: string[] = [];
  const tensors = plan.tensors.map((task): TensorToWrite => {
    const { name, shape, type } = task;
    const same = method.unchanged?.(task);
    if (same !== undefined) copied.push(name);
    const content = (): Content => {
      if (same === undefined) return method.merge(task, survey());
      return same.bytes !== undefined && same.type === type ? same.bytes() : same.blocks();
    };
    return { name, shape, type, content };
  });
  return { plan, tensors, copied };
}

/** What the method wants to know of all tensors; looked at once, when it is asked for first. */
export function surveyOf({ recipe, tensors }: MergePlan): () => readonly number[] | undefined {
  let found: { readonly numbers: readonly number[] | undefined } | undefined;
  return () => {
    found ??= { numbers: recipe.method.survey?.(tensors) };
    return found.numbers;
  };
}

/** The whole merged model in memory, its weights rounded as in its files. */
export function mergedCheckpoint({ plan }: MergedModel): Checkpoint {
  const { method } = plan.recipe;
  const survey = surveyOf(plan);
  const weights = plan.tensors.map((task): [string, Weight] => {
    const { name, shape, size, type } = task;
    const narrow = roundingTo(
      DTYPES.find((dtype) => writtenType(dtype) === type),
      "F32",
    );
    const data = new Float32Array(size);
    let at = 0;
    const same = method.unchanged?.(task);
    for (const block of same === undefined ? method.merge(task, survey()) : same.blocks()) {
      data.set(block, at);
      narrow?.(data.subarray(at, at + block.length), at, name);
      at += block.length;
    }
    return [name, { shape, data }];
  });
  const { config, configJson, tokenizerFolder, folder } = plan;
  return {
    config,
    configJson,
    weights: new Map(weights),
    tokenizerFolder,
    ...(folder === undefined ? {} : { folder }),
  };
}

/**
 * Writes the merged model as a folder that transformers loads; returns its `checkpointDigest`. A failure leaves
 * nothing under the final name. `progress` is told before each tensor.
 */
export async function writeMerged(
  folder: string,
  { plan, tensors }: MergedModel,
  options: Pick<CheckpointOptions, "shardBytes"> & {
    readonly progress?: (done: number, total: number) => void;
  } = {},
): Promise<string> {
  const digests: [string, string][] = [];
  const watched = tensors.map((tensor): TensorToWrite => ({
    ...tensor,
    content: () => {
      options.progress?.(digests.length, tensors.length);
      return hashed(tensor, (digest) => digests.push([tensor.name, digest]));
    },
  }));
  const { configJson, tokenizerFolder, folder: from, dtype } = plan;
  const model = { configJson, tokenizerFolder, ...(from === undefined ? {} : { folder: from }) };
  await writeModel(folder, model, watched, { dtype, shardBytes: options.shardBytes });
  options.progress?.(tensors.length, tensors.length);
  return checkpointDigest(openCheckpoint(folder), contentId(Object.fromEntries(digests)));
}

/** Passes on what is written for a tensor, and at the end gives the digest of its float32 values. */
async function* hashed(
  { name, type, shape, content }: TensorToWrite,
  done: (digest: string) => void,
): AsyncGenerator<Float32Array | Uint8Array, void, undefined> {
  const hash = createHash("sha256");
  const narrow = roundingTo(
    DTYPES.find((dtype) => writtenType(dtype) === type),
    "F32",
  );
  const add = (values: Float32Array): void => {
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  };
  let at = 0;
  // Files are read and written within one turn: without this no interrupt would arrive before the end.
  await nextTurn();
  const found = await content();
  for await (const piece of found instanceof Float32Array ? [found] : found) {
    if (piece instanceof Float32Array) {
      const rounded = narrow === undefined ? piece : piece.slice();
      narrow?.(rounded, at, name);
      add(rounded);
      at += piece.length;
      yield rounded;
    } else {
      const values = new Float32Array(piece.length / ELEMENT_BYTES[type]);
      decodeElements(piece, type, values);
      add(values);
      yield piece;
    }
  }
  done(`float32[${shape}]${hash.digest("hex")}`);
}
