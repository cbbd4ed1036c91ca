import { join } from "node:path";

import { LawbookError, mismatch } from "../core/errors.js";
import {
  exists,
  isFolder,
  listFolder,
  readJson,
  remove,
  writeAtomic,
  writeFolderAtomic,
} from "../core/files.js";
import { pack, unpackValues } from "../model/decoder.js";
import { readTensors, type Weight, writeTensors } from "../model/safetensors.js";
import type { ParameterGroup } from "./groups.js";
import { stateName } from "./optimizer.js";

/** Where an unfinished run is kept. */
export interface ProgressFolder {
  readonly folder: string;
  /** Steps between two checkpoints. */
  readonly every: number;
  /** Id of the run: another run's progress is refused. */
  readonly key: string;
}

/** An unfinished run: its state vectors and the losses of the steps that were made. */
export interface Progress {
  readonly state: Record<string, Float32Array>;
  readonly losses: readonly number[];
}

const TENSORS = "optimizer.safetensors";
const STATE = "trainer_state.json";
/** Names of the slots in the file, those of PyTorch's AdamW where it has one. */
const SLOTS = { p: "parameter", m: "exp_avg", v: "exp_avg_sq" } as const;
/** The file holds the moments as training carries them, which loses no bit: multiply by these to get PyTorch's. */
const MOMENTS = "exp_avg / (1 - beta1), exp_avg_sq / (1 - beta2)";

/**
 * Writes `checkpoint-<step>`: `optimizer.safetensors` with the parameters and both moments by the parameters' names, and
 * `trainer_state.json`; then removes older ones. A kill at any point leaves a whole checkpoint.
 */
export async function writeProgress(
  { folder, key }: ProgressFolder,
  groups: readonly ParameterGroup[],
  { state, losses }: Progress,
): Promise<void> {
  const step = losses.length;
  const tensors = new Map<string, Weight>();
  for (const [slot, label] of Object.entries(SLOTS) as ["p" | "m" | "v", string][]) {
    for (const { name: group, parameters } of groups) {
      unpackValues(parameters, state[stateName(slot, group)]!).forEach((weight, name) =>
        tensors.set(`${label}.${name}`, weight),
      );
    }
  }
  const older = checkpoints(folder);
  await writeFolderAtomic(join(folder, `checkpoint-${step}`), (temporary) => {
    writeTensors(join(temporary, TENSORS), tensors, { key });
    const text = JSON.stringify({ key, step, moments: MOMENTS, losses }, null, 1);
    writeAtomic(join(temporary, STATE), `${text}\n`);
  });
  older
    .filter((other) => other >= 0 && other !== step)
    .forEach((other) => remove(join(folder, `checkpoint-${other}`)));
}

/** The last checkpoint of a run, if there is one. */
export function readProgress(
  { folder, key }: ProgressFolder,
  groups: readonly ParameterGroup[],
): Progress | undefined {
  const step = Math.max(...checkpoints(folder));
  if (step < 0) return undefined;
  const path = join(folder, `checkpoint-${step}`);
  const json = readJson(join(path, STATE)) as { key?: unknown; losses?: unknown };
  if (json.key !== key) {
    throw new LawbookError("bad-file", mismatch(`${path} belongs to another run`, json.key ?? null, key), {
      hint: "Remove the folder.",
    });
  }
  const { losses } = json;
  if (!Array.isArray(losses) || losses.length !== step || !losses.every(Number.isFinite)) {
    throw new LawbookError("bad-file", `${join(path, STATE)} does not hold the losses of ${step} steps.`, {
      hint: "Remove the folder: the run then starts anew.",
    });
  }
  const tensors = readTensors(join(path, TENSORS));
  const state: Record<string, Float32Array> = {};
  for (const [slot, label] of Object.entries(SLOTS) as ["p" | "m" | "v", string][]) {
    for (const { name: group, parameters } of groups) {
      const own = new Map(
        parameters.map(({ name }): [string, Weight] => {
          const weight = tensors.get(`${label}.${name}`);
          if (weight === undefined) {
            throw new LawbookError("bad-file", `${join(path, TENSORS)} has no tensor ${label}.${name}.`);
          }
          return [name, weight];
        }),
      );
      state[stateName(slot, group)] = pack(parameters, own);
    }
  }
  return { state, losses: losses as number[] };
}

/** Steps of the checkpoints in a folder; -1 alone where there is none. */
function checkpoints(folder: string): number[] {
  const names = isFolder(folder) ? listFolder(folder) : [];
  const steps = names.flatMap((name) => {
    const step = /^checkpoint-(\d+)$/.exec(name)?.[1];
    return step !== undefined && exists(join(folder, name, STATE)) ? [Number(step)] : [];
  });
  return [-1, ...steps];
}
