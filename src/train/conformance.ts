import { ENGINE } from "../compute/engine.js";
import { type CheckGroup, type CheckResult, within } from "../compute/conformance/check.js";
import { OPERATION_CHECKS } from "../compute/conformance/operations.js";
import { SCATTER_CHECKS, STATE_CHECKS } from "../compute/conformance/programs.js";
import type { Determinism, Device } from "../compute/device.js";
import { reference } from "../compute/devices/reference.js";
import { sha256 } from "../core/canonical.js";
import { LawbookError } from "../core/errors.js";
import { stream } from "../core/random.js";
import { newCheckpoint } from "../model/checkpoint.js";
import type { ModelConfig } from "../model/config.js";
import type { Weights } from "../model/safetensors.js";
import { rowFeed } from "./feed.js";
import { train, type Trained } from "./train.js";

/** sha256 of the weights that the reference device trains in the 50 steps, for the current engine number. */
export const REFERENCE_TRAINING_SHA256 = "589991a4da634750e79e411c5f79ffaaae505cac4c47b786edbff68c9b481b6a";

const STEPS = 50;
const CONFIG: ModelConfig = {
  vocabulary: 96,
  width: 32,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headWidth: 8,
  feedForward: 56,
  epsilon: 1e-5,
  theta: 10000,
  tied: true,
  maxPositions: 64,
};
/** Largest relative difference of a loss from the reference device's; rounding grows over 50 steps of AdamW. */
const LOSS_TOLERANCE = 1e-4;

/** A model of 20 thousand weights, trained for `steps` on rows of random length with decay, clipping and a cosine. */
export function trainSmall(
  device: Device,
  threads: number,
  { steps, lr, weights }: { steps: number; lr: number; weights: Weights },
): Promise<Trained> {
  const batch = 8;
  const draw = stream(7, "conformance", "rows");
  const rows = Array.from({ length: batch * STEPS }, () => {
    // Each row repeats a short pattern, so that there is something to learn.
    const pattern = Array.from({ length: 2 + draw.integer(3) }, () => draw.integer(CONFIG.vocabulary / 4));
    const length = 6 + draw.integer(14);
    return { ids: Array.from({ length }, (_, i) => pattern[i % pattern.length]!), from: 1 + draw.integer(3) };
  });
  return train({
    device,
    threads,
    config: CONFIG,
    weights,
    feed: rowFeed(rows, { steps: STEPS, batch, microBatches: 1, tokens: 24 }),
    microBatches: 1,
    steps,
    lr,
    schedule: { kind: "cosine", warmup: 5, floor: 0.1 },
    decay: 0.1,
    clip: 1,
    seed: 7,
  });
}

/** Where the small model starts. */
export function startWeights(): Weights {
  return newCheckpoint(CONFIG, 7, "").weights;
}

function digestOf({ weights }: Trained): string {
  const names = [...weights.keys()].sort();
  return sha256(
    names
      .map((name) => {
        const { data } = weights.get(name)!;
        return `${name} ${sha256(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))}\n`;
      })
      .join(""),
  );
}

let referenceLosses: readonly number[] | undefined;

/** Losses of the reference device, computed once per process. */
async function expectedLosses(threads: number): Promise<readonly number[]> {
  referenceLosses ??= (
    await trainSmall(reference, threads, { steps: STEPS, lr: 0.01, weights: startWeights() })
  ).losses;
  return referenceLosses;
}

/** Names of the checks on trainings. */
export const TRAINING_NAMES = {
  learns: "50 steps learn: losses above 0 and the last one below 0.7 of the first",
  losses: "50 steps lose what they lose on the reference device",
  determinism: "50 steps leave the bytes that the device promises",
  poisoned: "a NaN among the weights stops a training as diverged",
  diverged: "a learning rate of 1e30 stops a training as diverged",
} as const;

/** A short training, twice, and two that must not finish. */
export const TRAINING_CHECKS: CheckGroup = {
  checks: Object.values(TRAINING_NAMES),
  run: async (device, { threads }) => {
    const options = { steps: STEPS, lr: 0.01, weights: startWeights() };
    const first = await trainSmall(device, threads, options);
    const second = await trainSmall(device, threads, options);
    const poisoned = new Map(
      [...options.weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]),
    );
    poisoned.get("model.layers.1.mlp.up_proj.weight")!.data[5] = NaN;
    const nan = await trainSmall(device, threads, { ...options, steps: 3, weights: poisoned });
    const steep = await trainSmall(device, threads, { ...options, steps: 10, lr: 1e30 });
    return [
      learns(first.losses),
      closeLosses(first.losses, await expectedLosses(threads)),
      repeats(device.determinism, digestOf(first), digestOf(second)),
      stops(TRAINING_NAMES.poisoned, nan, 1),
      stops(TRAINING_NAMES.diverged, steep, 10),
    ];
  },
};

function learns(losses: readonly number[]): CheckResult {
  const [first = NaN, last = NaN] = [losses[0], losses.at(-1)];
  const positive = losses.length === STEPS && losses.every((loss) => loss > 0);
  return within(
    TRAINING_NAMES.learns,
    positive ? last / first : Infinity,
    0.7,
    `${losses.length} losses from ${first.toFixed(4)} to ${last.toFixed(4)}`,
  );
}

function closeLosses(losses: readonly number[], expected: readonly number[]): CheckResult {
  const differences = expected.map((loss, step) => Math.abs((losses[step] ?? NaN) - loss) / loss);
  const measured = differences.some(Number.isNaN) ? NaN : Math.max(...differences);
  const step = differences.indexOf(measured);
  return within(
    TRAINING_NAMES.losses,
    measured,
    LOSS_TOLERANCE,
    `largest relative difference ${measured.toExponential(1)} at step ${step + 1}: got ${losses[step]}, expected ${expected[step]}`,
  );
}

function repeats(determinism: Determinism, first: string, second: string): CheckResult {
  const name = TRAINING_NAMES.determinism;
  const again = first === second ? "twice the same bytes" : "two trainings give different bytes";
  if (determinism === "tolerance") {
    return { name, passed: true, detail: `${again}; promised: none, losses within the tolerance` };
  }
  if (determinism === "this-machine" || first !== second)
    return { name, passed: first === second, detail: again };
  const same = first === REFERENCE_TRAINING_SHA256;
  return {
    name,
    passed: same,
    detail: same
      ? `${again}, as pinned for engine ${ENGINE}: ${first}`
      : `${again}, but got ${first}, expected ${REFERENCE_TRAINING_SHA256} of engine ${ENGINE}`,
  };
}

function stops(name: string, { finished, losses }: Trained, latest: number): CheckResult {
  return {
    name,
    passed: !finished && losses.length <= latest,
    detail: finished
      ? `the training went on for ${losses.length} steps; its last loss is ${losses.at(-1)}`
      : `stopped after step ${losses.length}, expected ${latest} at the latest`,
  };
}

/** Every group of checks, in running order. */
export const DEVICE_CHECKS: readonly CheckGroup[] = [
  ...OPERATION_CHECKS,
  SCATTER_CHECKS,
  STATE_CHECKS,
  TRAINING_CHECKS,
];

/** What the suite found on a device. */
export interface DeviceReport {
  readonly device: string;
  readonly determinism: Determinism;
  readonly threads: number;
  readonly passed: boolean;
  readonly checks: readonly CheckResult[];
}

/** How the suite is run. */
export interface DeviceCheckOptions {
  /** Threads of each program, default 2. On the reference device all programs of a process need the same number. */
  readonly threads?: number;
  /** Groups to run, default all. */
  readonly groups?: readonly CheckGroup[];
  readonly signal?: AbortSignal;
  /** Called after each group. */
  readonly progress?: (done: number, total: number) => void;
}

/**
 * Runs the conformance suite on a device: every operation against a naive twin in float64, its gradients against
 * central differences, NaN, repeated rows, carried state, and a training of 50 steps with its determinism class.
 * A group whose checks cannot be run has failed with the error as its detail. Throws `interrupted` when the signal aborts.
 */
export async function checkDevice(device: Device, options: DeviceCheckOptions = {}): Promise<DeviceReport> {
  const { threads = 2, groups = DEVICE_CHECKS, signal, progress } = options;
  const checks: CheckResult[] = [];
  for (const [index, group] of groups.entries()) {
    if (signal?.aborted === true) throw new LawbookError("interrupted", "The checks were interrupted.");
    checks.push(...(await runGroup(group, device, threads)));
    progress?.(index + 1, groups.length);
  }
  const { name, determinism } = device;
  return { device: name, determinism, threads, passed: checks.every(({ passed }) => passed), checks };
}

async function runGroup(group: CheckGroup, device: Device, threads: number): Promise<readonly CheckResult[]> {
  try {
    return await group.run(device, { threads });
  } catch (error) {
    const detail = `cannot be run: ${(error as Error).message.split("\n").join(" ")}`;
    return group.checks.map((name) => ({ name, passed: false, detail }));
  }
}
