import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { reference } from "../../../src/compute/devices/reference.js";
import { sha256 } from "../../../src/core/canonical.js";
import { exists, makeTemporaryFolder, remove } from "../../../src/core/files.js";
import { stream } from "../../../src/core/random.js";
import type { Row } from "../../../src/data/batches.js";
import { newAdapter } from "../../../src/model/adapted.js";
import { newCheckpoint, weightsDigest } from "../../../src/model/checkpoint.js";
import type { ModelConfig } from "../../../src/model/config.js";
import type { LoraConfig } from "../../../src/model/lora.js";
import type { MoeConfig } from "../../../src/model/lora-moe.js";
import { type LabelledPair, pairFeed, rowFeed } from "../../../src/train/feed.js";
import { type Trained, train, type Training } from "../../../src/train/train.js";

const CONFIG: ModelConfig = {
  vocabulary: 40,
  width: 8,
  layers: 1,
  heads: 2,
  keyValueHeads: 2,
  headWidth: 4,
  feedForward: 12,
  epsilon: 1e-5,
  theta: 10000,
  tied: true,
  maxPositions: 16,
};

const folder = makeTemporaryFolder("lawbook-resume");
afterEach(() => remove(folder));

const OPTIONS = { steps: 9, batch: 4, microBatches: 1, tokens: 8 } as const;
const draw = stream(1, "rows");
const ids = (length: number): number[] => Array.from({ length }, () => draw.integer(40));
const ROWS: readonly Row[] = Array.from({ length: 36 }, (_, row) => ({
  ids: ids(6),
  from: 1,
  label: row % 2 === 0 ? "biology" : "geography",
}));
const PAIRS: readonly LabelledPair[] = Array.from({ length: 36 }, () => ({
  prompt: ids(3),
  chosen: ids(2),
  rejected: ids(3),
  reference: [-4, -5],
}));
const LORA: LoraConfig = { rank: 2, alpha: 4, targets: ["q_proj", "up_proj"] };
const { weights } = newCheckpoint(CONFIG, 1, "");

function training(overrides: Partial<Training> = {}): Training {
  const { adapter, balance } = overrides;
  const microBatches = overrides.microBatches ?? 1;
  const options = { ...OPTIONS, microBatches, adapter, balance, firstKind: ["biology"] };
  return {
    device: reference,
    config: CONFIG,
    weights,
    adapterWeights: adapter === undefined ? undefined : newAdapter(CONFIG, adapter, 1, weights),
    feed:
      overrides.preference === undefined
        ? rowFeed(ROWS, options)
        : pairFeed(PAIRS, overrides.preference, options),
    microBatches,
    steps: 9,
    seed: 1,
    lr: 0.01,
    schedule: { kind: "cosine", warmup: 2, floor: 0.1 },
    decay: 0.1,
    clip: 1,
    ...overrides,
  };
}

const moe = (kind: MoeConfig["kind"], routing: MoeConfig["routing"]): MoeConfig => ({
  ...LORA,
  kind,
  experts: 2,
  routing,
});

const METHODS: Readonly<Record<string, Partial<Training>>> = {
  "full fine-tuning": {},
  "full with a ball around the start and an embedding rate": {
    radius: { weights: 0.05 },
    rates: { embeddings: 0.002 },
  },
  "two micro-batches": { microBatches: 2 },
  lora: { adapter: LORA },
  "lora with dropout and two micro-batches": { adapter: { ...LORA, dropout: 0.25 }, microBatches: 2 },
  "dora in a ball": { adapter: { ...LORA, dora: true }, radius: { adapters: 0.8 } },
  "lora with A frozen": { adapter: LORA, freeze: ["lora_A"] },
  "lora-moe with every balance loss": {
    adapter: moe("lora-moe", { kind: "dense" }),
    balance: {
      auxiliary: 0.01,
      squaredVariation: 0.01,
      routerZ: 0.001,
      localised: { weight: 0.1, delta: 0.1 },
    },
    rates: { routers: 0.002 },
  },
  "shared-a by labels": {
    adapter: moe("shared-a", { kind: "labels", experts: { biology: 0, geography: 1 } }),
  },
  "shared-b top-1": { adapter: moe("shared-b", { kind: "top-k", k: 1 }) },
  "mixlora top-p": { adapter: moe("mixlora", { kind: "top-p", p: 0.6 }) },
  "mixlora switch": { adapter: moe("mixlora", { kind: "switch" }), balance: { auxiliary: 0.01 } },
  dpo: { preference: { kind: "dpo", loss: "sigmoid", beta: 0.1, smoothing: 0, convention: "paper" } },
  "orpo on lora": { preference: { kind: "orpo", beta: 0.1, nll: "full" }, adapter: LORA },
};

const digest = ({ weights, losses }: Trained): string => sha256(weightsDigest(weights) + losses.join());

describe.each(Object.entries(METHODS))("%s", (_, method) => {
  it("interrupted at any step and resumed gives the bytes of a run that went through", async () => {
    const whole = await train(training(method));
    expect(whole.losses.every((loss) => loss > 0)).toBe(true);
    expect(digest(whole)).not.toBe(digest(await train(training({ ...method, seed: 2, lr: 0.011 }))));
    for (const stopAt of [1, 8]) {
      const checkpoint = { folder, every: 3, key: "key" };
      const abort = new AbortController();
      const stopped = train(
        training({
          ...method,
          checkpoint,
          signal: abort.signal,
          progress: (step) => step === stopAt && abort.abort(),
        }),
      );
      await expect(stopped).rejects.toThrow(`Interrupted after step ${stopAt} of 9.`);
      const resumed = await train(training({ ...method, checkpoint }));
      expect(digest(resumed)).toBe(digest(whole));
      remove(folder);
    }
  });

  it("killed between checkpoints goes on from the last one to the same bytes", async () => {
    const whole = await train(training(method));
    const checkpoint = { folder, every: 3, key: "key" };
    const die = (step: number): void => {
      if (step === 5) throw new Error("killed");
    };
    await expect(train(training({ ...method, checkpoint, progress: die }))).rejects.toThrow("killed");
    const steps: number[] = [];
    const resumed = await train(training({ ...method, checkpoint, progress: (step) => steps.push(step) }));
    expect(steps).toEqual([4, 5, 6, 7, 8, 9]);
    expect(digest(resumed)).toBe(digest(whole));
  });
});

describe("a checkpoint", () => {
  it("of another run is refused", async () => {
    const abort = new AbortController();
    const checkpoint = { folder, every: 3, key: "one" };
    await expect(
      train(training({ checkpoint, signal: abort.signal, progress: () => abort.abort() })),
    ).rejects.toThrow("Interrupted");
    expect(exists(join(folder, "checkpoint-1/optimizer.safetensors"))).toBe(true);
    await expect(train(training({ checkpoint: { ...checkpoint, key: "two" } }))).rejects.toThrow(
      'belongs to another run: got "one", expected two.',
    );
  });

  it("is not made of a training that diverged", async () => {
    const name = "model.norm.weight";
    const huge = new Map([...weights, [name, { shape: [8], data: new Float32Array(8).fill(3e38) }]]);
    const trained = await train(training({ weights: huge, checkpoint: { folder, every: 1, key: "key" } }));
    expect(trained.finished).toBe(false);
    expect(exists(folder)).toBe(false);
  });
});
