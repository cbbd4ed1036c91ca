import { afterEach, expect, it, vi } from "vitest";

import { reference } from "../../../src/compute/devices/reference.js";
import { newCheckpoint } from "../../../src/model/checkpoint.js";
import type { ModelConfig } from "../../../src/model/config.js";
import { rowFeed } from "../../../src/train/feed.js";
import { train } from "../../../src/train/train.js";

const UNPORTABLE = [
  "exp",
  "expm1",
  "log",
  "log1p",
  "log2",
  "log10",
  "pow",
  "sin",
  "cos",
  "tan",
  "tanh",
  "atan2",
  "cbrt",
  "hypot",
  "random",
] as const;

afterEach(() => vi.restoreAllMocks());

it("initialisation and training call no function of Math whose bits depend on the machine", async () => {
  for (const name of UNPORTABLE) {
    vi.spyOn(Math, name).mockImplementation(() => {
      throw new Error(`Math.${name} was called.`);
    });
  }
  expect(() => Math.exp(1)).toThrow("Math.exp was called.");
  const config: ModelConfig = {
    vocabulary: 40,
    width: 8,
    layers: 1,
    heads: 2,
    keyValueHeads: 1,
    headWidth: 4,
    feedForward: 12,
    epsilon: 1e-5,
    theta: 10000,
    tied: false,
    maxPositions: 16,
  };
  const trained = await train({
    device: reference,
    config,
    weights: newCheckpoint(config, 1, "").weights,
    feed: rowFeed(
      [1, 2, 3].map((step) => ({ ids: [1, 2, 3, step, 5, 6], from: 1 })),
      { steps: 3, batch: 1, microBatches: 1, tokens: 8 },
    ),
    microBatches: 1,
    seed: 1,
    steps: 3,
    lr: 0.01,
    schedule: { kind: "cosine", warmup: 1, floor: 0.1 },
    decay: 0.1,
    clip: 1,
  });
  expect(trained.losses).toHaveLength(3);
  expect(trained.losses[2]).toBeLessThan(trained.losses[0]!);
});
