import type { Device, Feeds } from "../compute/device.js";
import { LawbookError } from "../core/errors.js";
import { stream } from "../core/random.js";
import { packRows, type Row } from "../data/batches.js";
import { type AdapterConfig, newAdapter } from "../model/adapted.js";
import { newCheckpoint } from "../model/checkpoint.js";
import type { ModelConfig } from "../model/config.js";
import { frozenValues, pack } from "../model/decoder.js";
import { ALL_LINEAR } from "../model/lora.js";
import type { Weights } from "../model/safetensors.js";
import { type Feed, lineFeed, rowFeed } from "../train/feed.js";
import { ADAMW, adamwScalars, stateName } from "../train/optimizer.js";
import { compileStepper, type Stepper } from "../train/stepper.js";

/** Ways to train whose steps are measured. */
export const STEP_METHODS = ["full", "lora", "lora-moe", "shared-a"] as const;

/** A way to train. */
export type StepMethod = (typeof STEP_METHODS)[number];

/** Learning rate of measured steps. */
export const STEP_RATE = 1e-3;

/** Batches that measured steps go through in turn. */
export const STEP_BATCHES = 4;

/** Everything that a measured step starts from. */
export interface StepSetting {
  readonly config: ModelConfig;
  readonly adapter: AdapterConfig | undefined;
  readonly weights: Weights;
  readonly adapterWeights: Weights | undefined;
  readonly feed: Feed;
}

/** How the tokens of a measured step lie: rows as a law packs them, or full lines in which every token is learnt. */
export type StepTokens = "rows" | { readonly lines: number; readonly tokens: number };

/** Rows of a step and tokens of a line, as laws train them. */
const ROWS = 32;
const LINE = 96;
/** Learnt tokens at the end of each row. */
const ANSWER = 6;

/** The adapter of a method: rank 8 on all linear layers, 4 experts with dense routing. */
function adapterOf(method: StepMethod): AdapterConfig | undefined {
  if (method === "full") return undefined;
  const lora = { rank: 8, alpha: 16, targets: ALL_LINEAR };
  return method === "lora" ? lora : { ...lora, kind: method, experts: 4, routing: { kind: "dense" } };
}

/** Weights and batches of a measured step; equal arguments give equal bytes. */
export function stepSetting(
  config: ModelConfig,
  method: StepMethod,
  tokens: StepTokens = "rows",
): StepSetting {
  const adapter = adapterOf(method);
  const { weights } = newCheckpoint(config, 1, "");
  const adapterWeights = adapter === undefined ? undefined : newAdapter(config, adapter, 1, weights);
  const row = (index: number, length: number, from: number): Row => {
    const draw = stream(1, "bench", index);
    return { ids: Array.from({ length }, () => draw.integer(config.vocabulary)), from };
  };
  const common = { steps: STEP_BATCHES, microBatches: 1, adapter };
  if (tokens !== "rows") {
    const batchOf = (lines: number, step: number): ReturnType<typeof packRows> =>
      packRows(
        Array.from({ length: lines }, (_, line) => row((step - 1) * lines + line, tokens.tokens, 1)),
        tokens.tokens,
      );
    const feed = lineFeed(batchOf, { ...common, batch: tokens.lines, tokens: tokens.tokens });
    return { config, adapter, weights, adapterWeights, feed };
  }
  const rows = Array.from({ length: STEP_BATCHES * ROWS }, (_, index) => {
    const length = 18 + stream(1, "bench", "length", index).integer(21); // 28 on average
    return row(index, length, length - ANSWER);
  });
  const feed = rowFeed(rows, { ...common, batch: ROWS, tokens: LINE });
  return { config, adapter, weights, adapterWeights, feed };
}

/** A compiled step with its state. */
export interface RunningStep {
  /** One update; the next of the batches. -> loss, nats per learnt token. Throws where it is not finite. */
  update(): Promise<number>;
  dispose(): Promise<void>;
}

/** Builds and compiles the graph of a setting and loads its start. */
export async function startStep(device: Device, setting: StepSetting, threads: number): Promise<RunningStep> {
  const { config, adapter, weights, adapterWeights, feed } = setting;
  const stepper: Stepper = await compileStepper(
    device,
    { config, adapter, shape: feed.shape, decay: 0, clip: 1 },
    1,
    threads,
  );
  for (const { name, parameters } of stepper.step.groups) {
    const values = pack(parameters, adapterWeights ?? weights);
    stepper.load({
      [stateName("p", name)]: values,
      [stateName("m", name)]: new Float32Array(values.length),
      [stateName("v", name)]: new Float32Array(values.length),
    });
  }
  if (adapter !== undefined) stepper.load(frozenValues(config, weights));
  const batches = Array.from({ length: STEP_BATCHES }, (_, index) => feed.feeds(index + 1));
  let t = 0;
  return {
    update: async () => {
      const micro = batches[t % STEP_BATCHES]!;
      t++;
      const scalars: Record<string, Float32Array> = {};
      for (const { name, decay } of stepper.step.groups) {
        for (const [scalar, value] of Object.entries(adamwScalars(ADAMW, t, STEP_RATE, decay)))
          scalars[`${scalar}.${name}`] = Float32Array.of(value as number);
      }
      const { loss } = await stepper.update(micro, scalars satisfies Feeds);
      if (!Number.isFinite(loss)) throw new LawbookError("internal", `The loss of step ${t} is ${loss}.`);
      return loss;
    },
    dispose: () => stepper.dispose(),
  };
}
