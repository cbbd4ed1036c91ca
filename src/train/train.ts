import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";

import type { Device, Feeds } from "../compute/device.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { exists } from "../core/files.js";
import { batchFeeds, type PackedBatch } from "../data/batches.js";
import type { ModelConfig } from "../model/config.js";
import { frozenValues, pack, unpackValues } from "../model/decoder.js";
import type { LoraConfig } from "../model/lora.js";
import {
  readTensorIndex,
  readTensors,
  type Weight,
  type Weights,
  writeTensors,
} from "../model/safetensors.js";
import { ADAMW, adamwScalars, stateName } from "./optimizer.js";
import { learningRate, type Schedule } from "./schedule.js";
import { type StepShape, trainingStep } from "./step.js";

/** Everything that decides the bytes of a training, and where it reports to. */
export interface Training {
  readonly device: Device;
  readonly threads?: number;
  readonly config: ModelConfig;
  /** Weights to start from. */
  readonly weights: Weights;
  /** Trained instead of the weights, with its start. */
  readonly adapter?: { readonly config: LoraConfig; readonly weights: Weights } | undefined;
  readonly shape: StepShape;
  readonly steps: number;
  /** The rows of step t, counted from 1; a pure function. */
  readonly batch: (step: number) => PackedBatch;
  /** Peak learning rate. */
  readonly lr: number;
  readonly schedule: Schedule;
  readonly decay: number;
  readonly clip: number;
  /** Folder for resuming; undefined: none is written. */
  readonly checkpoint?: { readonly folder: string; readonly every: number; readonly key: string } | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((step: number, loss: number) => void) | undefined;
}

/** What a training leaves. */
export interface Trained {
  /** The trained weights: of the adapter where there is one, else of the model. */
  readonly weights: Map<string, Weight>;
  /** Loss of each step, nats per token. */
  readonly losses: readonly number[];
  readonly graphSha256: string;
  /** False where the loss or the gradient norm stopped being finite; the weights are then of no use. */
  readonly finished: boolean;
}

/**
 * Trains for a fixed number of steps. With a checkpoint folder a killed or interrupted training goes on from its last
 * checkpoint and gives the same bytes as one that ran through. Throws `interrupted` after saving when the signal aborts.
 */
export async function train(training: Training): Promise<Trained> {
  const { config, adapter, steps } = training;
  const step = trainingStep({
    config,
    lora: adapter?.config,
    shape: training.shape,
    decay: training.decay,
    clip: training.clip,
  });
  const program = await training.device.compile(
    step.graph,
    training.threads === undefined ? {} : { threads: training.threads },
  );
  try {
    const start = adapter?.weights ?? training.weights;
    for (const group of step.groups) {
      const values = pack(group.parameters, start);
      program.load({
        [stateName("p", group.name)]: values,
        [stateName("m", group.name)]: new Float32Array(values.length),
        [stateName("v", group.name)]: new Float32Array(values.length),
      });
    }
    if (adapter !== undefined) program.load(frozenValues(config, training.weights));
    let losses: number[] = [];
    const saved = readProgress(training);
    if (saved !== undefined) {
      program.load(saved.state);
      losses = saved.losses;
    }
    let finished = true;
    while (losses.length < steps && finished) {
      const t = losses.length + 1;
      const lr = learningRate(training.schedule, training.lr, t, steps);
      const scalars: Record<string, Float32Array> = {};
      for (const { name, decay } of step.groups) {
        for (const [scalar, value] of Object.entries(adamwScalars(ADAMW, t, lr, decay))) {
          scalars[`${scalar}.${name}`] = Float32Array.of(value as number);
        }
      }
      const { loss, norm } = await program.run({
        ...batchFeeds(training.batch(t), training.shape.targets),
        ...scalars,
      });
      losses.push(loss![0]!);
      finished = Number.isFinite(loss![0]) && Number.isFinite(norm![0]);
      training.progress?.(t, loss![0]!);
      // WebAssembly computes within one turn: without this no message would arrive before the end.
      await nextTurn();
      const stop = training.signal?.aborted === true && t < steps;
      if (
        finished &&
        training.checkpoint !== undefined &&
        t < steps &&
        (stop || t % training.checkpoint.every === 0)
      ) {
        writeProgress(training, await program.state(), losses);
      }
      if (stop) {
        throw new LawbookError("interrupted", `Interrupted after step ${t} of ${steps}.`, {
          hint: "The same request goes on from there.",
          data: { step: t, steps },
        });
      }
    }
    const state = await program.state();
    const weights = new Map(
      step.groups.flatMap((group) => [...unpackValues(group.parameters, state[stateName("p", group.name)]!)]),
    );
    return { weights, losses, graphSha256: program.graphSha256, finished };
  } finally {
    await program.dispose();
  }
}

const PROGRESS_FILE = "state.safetensors";
const LOSSES = "losses";

function writeProgress(
  { checkpoint }: Training,
  state: Record<string, Float32Array>,
  losses: readonly number[],
): void {
  const tensors = new Map(
    Object.entries(state).map(([name, data]) => [name, { shape: [data.length], data }]),
  );
  tensors.set(LOSSES, { shape: [losses.length], data: Float32Array.from(losses) });
  writeTensors(join(checkpoint!.folder, PROGRESS_FILE), tensors, { key: checkpoint!.key });
}

function readProgress({ checkpoint }: Training): { state: Feeds; losses: number[] } | undefined {
  if (checkpoint === undefined) return undefined;
  const path = join(checkpoint.folder, PROGRESS_FILE);
  if (!exists(path)) return undefined;
  const { key } = readTensorIndex(path).metadata;
  if (key !== checkpoint.key) {
    throw new LawbookError("bad-file", mismatch(`${path} belongs to another run`, key, checkpoint.key), {
      hint: "Remove the folder.",
    });
  }
  const tensors = readTensors(path);
  const losses = [...tensors.get(LOSSES)!.data];
  tensors.delete(LOSSES);
  return { state: Object.fromEntries([...tensors].map(([name, { data }]) => [name, data])), losses };
}
