import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { reference } from "../../../src/compute/devices/reference.js";
import { sha256 } from "../../../src/core/canonical.js";
import { exists, makeTemporaryFolder, remove } from "../../../src/core/files.js";
import { stream } from "../../../src/core/random.js";
import { packRows } from "../../../src/data/batches.js";
import { newCheckpoint, weightsDigest } from "../../../src/model/checkpoint.js";
import type { ModelConfig } from "../../../src/model/config.js";
import { newLora } from "../../../src/model/lora.js";
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

function training(overrides: Partial<Training> = {}): Training {
  return {
    device: reference,
    config: CONFIG,
    weights: newCheckpoint(CONFIG, 1, "").weights,
    shape: { lines: 2, tokens: 8, targets: 10 },
    steps: 9,
    batch: (step) => {
      const draw = stream(1, "rows", step);
      return packRows(
        [1, 2].map(() => ({ ids: Array.from({ length: 6 }, () => draw.integer(40)), from: 1 })),
        8,
        2,
      );
    },
    lr: 0.01,
    schedule: { kind: "cosine", warmup: 2, floor: 0.1 },
    decay: 0.1,
    clip: 1,
    ...overrides,
  };
}

const digest = ({ weights, losses }: Trained): string => sha256(weightsDigest(weights) + losses.join());

describe.each([
  ["full fine-tuning", undefined],
  ["lora", { rank: 2, alpha: 4, targets: ["q_proj", "up_proj"] }],
])("%s", (_, lora) => {
  const adapter = lora === undefined ? undefined : { config: lora, weights: newLora(CONFIG, lora, 1) };

  it("interrupted at any step and resumed gives the bytes of a run that went through", async () => {
    const whole = await train(training({ adapter }));
    expect(whole.losses.every((loss) => loss > 0)).toBe(true);
    for (const stopAt of [1, 4, 8]) {
      const checkpoint = { folder, every: 3, key: "key" };
      const abort = new AbortController();
      const stopped = train(
        training({
          adapter,
          checkpoint,
          signal: abort.signal,
          progress: (step) => step === stopAt && abort.abort(),
        }),
      );
      await expect(stopped).rejects.toThrow(`Interrupted after step ${stopAt} of 9.`);
      const resumed = await train(training({ adapter, checkpoint }));
      expect(digest(resumed)).toBe(digest(whole));
      remove(folder);
    }
  });

  it("killed between checkpoints goes on from the last one to the same bytes", async () => {
    const whole = await train(training({ adapter }));
    const checkpoint = { folder, every: 3, key: "key" };
    const die = (step: number): void => {
      if (step === 5) throw new Error("killed");
    };
    await expect(train(training({ adapter, checkpoint, progress: die }))).rejects.toThrow("killed");
    const steps: number[] = [];
    const resumed = await train(training({ adapter, checkpoint, progress: (step) => steps.push(step) }));
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
    expect(exists(join(folder, "state.safetensors"))).toBe(true);
    await expect(train(training({ checkpoint: { ...checkpoint, key: "two" } }))).rejects.toThrow(
      'belongs to another run: got "one", expected two.',
    );
  });

  it("is not made of a training that diverged", async () => {
    const weights = new Map(newCheckpoint(CONFIG, 1, "").weights);
    const name = "model.norm.weight";
    weights.set(name, { shape: [8], data: new Float32Array(8).fill(3e38) });
    const trained = await train(training({ weights, checkpoint: { folder, every: 1, key: "key" } }));
    expect(trained.finished).toBe(false);
    expect(exists(join(folder, "state.safetensors"))).toBe(false);
  });
});
