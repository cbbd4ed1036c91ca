import { setImmediate as nextTurn } from "node:timers/promises";

import type { Device, Feeds } from "../compute/device.js";
import { LawbookError } from "../core/errors.js";
import { frozenValues, pack, unpackValues } from "../model/decoder.js";
import { dropoutMasks } from "../model/dropout.js";
import type { Weight, Weights } from "../model/safetensors.js";
import type { Feed } from "./feed.js";
import { MODEL_BALL } from "./groups.js";
import { type AdamW, ADAMW, adamwScalars, startName, stateName } from "./optimizer.js";
import { type Progress, type ProgressFolder, readProgress, writeProgress } from "./progress.js";
import { type Schedule, scheduleRate } from "./schedule.js";
import { FROZEN_ADAPTER, type StepOptions } from "./step.js";
import { compileStepper, type Stepper } from "./stepper.js";

/** Everything that decides the bytes of a training, and where it reports to. */
export interface Training extends Omit<StepOptions, "shape"> {
  readonly device: Device;
  readonly threads?: number | undefined;
  /** Weights to start from. */
  readonly weights: Weights;
  /** Start of the adapter, where one is trained. */
  readonly adapterWeights?: Weights | undefined;
  readonly feed: Feed;
  readonly microBatches: number;
  readonly steps: number;
  /** Peak learning rate. */
  readonly lr: number;
  readonly schedule: Schedule;
  /** Draws the masks of dropout. */
  readonly seed: number;
  /** Where to resume; undefined: nothing is written. */
  readonly checkpoint?: ProgressFolder | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((step: number, loss: number) => void) | undefined;
}

/** What a training leaves. */
export interface Trained {
  /** The trained weights: of the adapter where there is one, frozen ones included, else of the model; in joint training both. */
  readonly weights: Map<string, Weight>;
  /** Loss of each step, nats per token for a likelihood. */
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
  const { device, feed, microBatches, steps, checkpoint, signal } = training;
  const options: StepOptions = { ...training, shape: feed.shape, balance: sharedBalance(training) };
  const stepper = await compileStepper(device, options, microBatches, training.threads);
  const { groups, frozen } = stepper.step;
  try {
    const start = startOf(training);
    loadStart(stepper, training);
    const losses: number[] = [];
    const saved = checkpoint === undefined ? undefined : readProgress(checkpoint, groups);
    if (saved !== undefined) {
      stepper.load(saved.state);
      losses.push(...saved.losses);
    }
    let finished = true;
    while (losses.length < steps && finished) {
      const t = losses.length + 1;
      const { loss, norm } = await stepper.update(
        microBatchesOf(training, stepper, t),
        scalarsOf(training, stepper, t),
      );
      losses.push(loss);
      finished = Number.isFinite(loss) && Number.isFinite(norm);
      training.progress?.(t, loss);
      // WebAssembly computes within one turn: without this no message would arrive before the end.
      await nextTurn();
      const stop = signal?.aborted === true && t < steps;
      if (finished && checkpoint !== undefined && t < steps && (stop || t % checkpoint.every === 0)) {
        const progress: Progress = { state: await stepper.state(), losses };
        await writeProgress(checkpoint, groups, progress);
      }
      if (stop) {
        throw new LawbookError("interrupted", `Interrupted after step ${t} of ${steps}.`, {
          hint: "The same request goes on from there.",
          data: { step: t, steps },
        });
      }
    }
    const state = await stepper.state();
    const weights = new Map([
      ...groups.flatMap((group) => [...unpackValues(group.parameters, state[stateName("p", group.name)]!)]),
      ...frozen.map(({ name }): [string, Weight] => [name, start.get(name)!]),
    ]);
    return { weights, losses, graphSha256: stepper.graphSha256, finished };
  } finally {
    await stepper.dispose();
  }
}

/** Each micro-batch has balance losses of its own; the step's is their mean. */
function sharedBalance({ balance, microBatches }: Training): StepOptions["balance"] {
  if (balance === undefined || microBatches === 1) return balance;
  const { auxiliary, squaredVariation, routerZ, localised } = balance;
  const share = (weight: number | undefined): number | undefined =>
    weight === undefined ? undefined : weight / microBatches;
  return {
    auxiliary: share(auxiliary),
    squaredVariation: share(squaredVariation),
    routerZ: share(routerZ),
    localised: localised && { ...localised, weight: localised.weight / microBatches },
  };
}

function startOf({ joint, weights, adapterWeights }: Training): Weights {
  return joint === true ? new Map([...weights, ...adapterWeights!]) : (adapterWeights ?? weights);
}

function loadStart(stepper: Stepper, training: Training): void {
  const { config, adapter, joint, weights, radius } = training;
  const start = startOf(training);
  for (const { name, parameters, ball } of stepper.step.groups) {
    const values = pack(parameters, start);
    stepper.load({
      [stateName("p", name)]: values,
      [stateName("m", name)]: new Float32Array(values.length),
      [stateName("v", name)]: new Float32Array(values.length),
      ...(ball === MODEL_BALL && radius?.weights !== undefined ? { [startName(name)]: values } : {}),
    });
  }
  if (adapter === undefined) return;
  if (joint !== true) stepper.load(frozenValues(config, weights));
  const { frozen } = stepper.step;
  if (frozen.length > 0) stepper.load({ [FROZEN_ADAPTER]: pack(frozen, start) });
}

function microBatchesOf({ feed, adapter, seed }: Training, { step }: Stepper, t: number): readonly Feeds[] {
  const feeds = feed.feeds(t);
  const rate = adapter?.dropout ?? 0;
  if (rate === 0) return feeds;
  return feeds.map((own, index) => ({ ...own, ...dropoutMasks(step.graph, rate, seed, t, index) }));
}

function scalarsOf(training: Training, { step }: Stepper, t: number): Feeds {
  const { schedule, lr, steps } = training;
  const adam: AdamW = training.adam ?? ADAMW;
  const scalars: Record<string, Float32Array> = {};
  for (const { name, decay, rate } of step.groups) {
    const current = scheduleRate(schedule, rate ?? lr, t, steps);
    for (const [scalar, value] of Object.entries(adamwScalars(adam, t, current, decay))) {
      scalars[`${scalar}.${name}`] = Float32Array.of(value as number);
    }
  }
  return scalars;
}
