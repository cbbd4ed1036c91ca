import { describe, expect, it } from "vitest";

import { cpu } from "../../../src/compute/devices/cpu.js";
import type { Row } from "../../../src/data/batches.js";
import { newAdapter } from "../../../src/model/adapted.js";
import { parametersOf } from "../../../src/model/config.js";
import type { LoraConfig } from "../../../src/model/lora.js";
import type { MoeConfig } from "../../../src/model/lora-moe.js";
import type { Weights } from "../../../src/model/safetensors.js";
import { rowFeed } from "../../../src/train/feed.js";
import { type GroupOptions, parameterGroups } from "../../../src/train/groups.js";
import { train, type Training } from "../../../src/train/train.js";
import { SMALL, smallWeights } from "../../support/small-model.js";

const LORA: LoraConfig = { rank: 2, alpha: 4, targets: ["q_proj", "v_proj"] };
const MOE: MoeConfig = { ...LORA, kind: "lora-moe", experts: 2, routing: { kind: "dense" } };
const weights = smallWeights();

const names = (options: Omit<GroupOptions, "config">): string[] =>
  parameterGroups({ config: SMALL, ...options }).groups.map(
    ({ name, decay, rate, parameters }) => `${name} ${decay} ${rate ?? "common"} ${parameters.length}`,
  );

describe("groups of parameters", () => {
  const all = parametersOf(SMALL).length;
  const vectors = 2 * SMALL.layers + 1;

  it("are one where nothing tells them apart, and matrices and vectors where something decays", () => {
    expect(names({ decay: 0 })).toEqual([`all 0 common ${all}`]);
    expect(names({ decay: 0.1 })).toEqual([
      `matrices 0.1 common ${all - vectors}`,
      `vectors 0 common ${vectors}`,
    ]);
  });

  it("have rates of their own by kind", () => {
    const embeddings = SMALL.tied ? 1 : 2;
    expect(names({ decay: 0.1, rates: { embeddings: 0.2 } })).toEqual([
      `matrices 0.1 common ${all - vectors - embeddings}`,
      `vectors 0 common ${vectors}`,
      `embeddings.matrices 0.1 0.2 ${embeddings}`,
    ]);
    const layers = 2 * SMALL.layers;
    expect(names({ decay: 0, adapter: MOE, rates: { routers: 0.3, adapters: 0.1 } })).toEqual([
      `adapters 0 0.1 ${4 * layers}`,
      `routers 0 0.3 ${layers}`,
    ]);
  });

  it("leave frozen parts out", () => {
    const { groups, frozen } = parameterGroups({ config: SMALL, adapter: MOE, decay: 0, freeze: ["lora_A"] });
    expect(frozen).toHaveLength(4 * SMALL.layers);
    expect(frozen.every(({ name }) => /lora_A\d\.weight$/.test(name))).toBe(true);
    expect(groups[0]!.parameters.some(({ name }) => name.includes("lora_A"))).toBe(false);
  });

  it.each([
    [{ adapter: LORA, freeze: ["lora_C"] }, "freeze"],
    [{ adapter: LORA, freeze: ["lora_A", "lora_B"] }, "nothing is left to train"],
    [{ adapter: LORA, rates: { routers: 1 } }, '"routers"'],
    [{ rates: { adapters: 1 } }, '"adapters"'],
  ] as const)("are refused: %j", (options, message) => {
    expect(() => parameterGroups({ config: SMALL, decay: 0, ...options })).toThrow(message);
  });
});

const ROWS: readonly Row[] = Array.from({ length: 10 }, (_, row) => ({
  ids: [1, 2, 3, 4, 5].map((id) => (id * (row + 3)) % SMALL.vocabulary),
  from: 1,
}));

function training(overrides: Partial<Training>): Training {
  const options = { steps: 5, batch: 2, microBatches: 1, tokens: 8, adapter: overrides.adapter };
  return {
    device: cpu,
    config: SMALL,
    weights,
    feed: rowFeed(ROWS, options),
    microBatches: 1,
    steps: 5,
    lr: 0.02,
    schedule: { kind: "constant", warmup: 0, floor: 0 },
    decay: 0,
    clip: 1,
    seed: 1,
    ...overrides,
  };
}

function distance(a: Weights, b?: Weights): number {
  let total = 0;
  for (const [name, { data }] of a)
    data.forEach((value, index) => (total += (value - (b?.get(name)?.data[index] ?? 0)) ** 2));
  return Math.sqrt(total);
}

describe("a norm ball", () => {
  it("holds the weights near their start: where they would leave it, exactly at its edge", async () => {
    const free = await train(training({}));
    expect(distance(free.weights, weights)).toBeGreaterThan(0.5);
    for (const decay of [0, 0.01]) {
      const held = await train(training({ decay, radius: { weights: 0.25 } }));
      expect(distance(held.weights, weights)).toBeCloseTo(0.25, 5);
    }
    const wide = await train(training({ radius: { weights: 100 } }));
    expect(distance(wide.weights, free.weights)).toBeLessThan(1e-5);
  });

  it("holds an adapter near zero, with micro-batches too", async () => {
    const adapterWeights = newAdapter(SMALL, LORA, 1, weights);
    for (const microBatches of [1, 2]) {
      const options = { steps: 5, batch: 2, microBatches, tokens: 8, adapter: LORA };
      const held = await train(
        training({
          adapter: LORA,
          adapterWeights,
          feed: rowFeed(ROWS, options),
          microBatches,
          radius: { adapters: 0.5 },
        }),
      );
      expect(distance(held.weights)).toBeCloseTo(0.5, 5);
    }
  });
});

describe("rates of their own", () => {
  it("move one kind alone where the others have almost none", async () => {
    const { weights: trained } = await train(training({ lr: 1e-12, rates: { embeddings: 0.02 } }));
    const moved = [...trained].filter(([name, { data }]) =>
      data.some((value, index) => Math.abs(value - weights.get(name)!.data[index]!) > 1e-6),
    );
    expect(moved.map(([name]) => name).sort()).toEqual(
      SMALL.tied ? ["model.embed_tokens.weight"] : ["lm_head.weight", "model.embed_tokens.weight"],
    );
  });
});
