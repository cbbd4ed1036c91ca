import { describe, expect, it } from "vitest";

import { frozenValues, plainWeights } from "../../../src/model/decoder.js";
import { dropoutMasks, maskedDropout } from "../../../src/model/dropout.js";
import {
  adaptedLayers,
  type LoraConfig,
  loraParameters,
  loraWeights,
  mergeLora,
  newLora,
  scalingOf,
} from "../../../src/model/lora.js";
import type { Weights } from "../../../src/model/safetensors.js";
import { expectClose } from "../../support/close.js";
import { gradientsByTfjs } from "../../support/oracle.js";
import {
  gradientsOf,
  noisy,
  SMALL,
  smallGraph,
  smallWeights,
  valuesOf,
  weighted,
} from "../../support/small-model.js";

const KINDS: Readonly<Record<string, LoraConfig>> = {
  lora: { rank: 3, alpha: 6, targets: ["q_proj", "down_proj"] },
  rslora: { rank: 3, alpha: 6, targets: "all-linear", rsLora: true },
  dora: { rank: 2, alpha: 6, targets: "all-linear", dora: true },
  patterns: {
    rank: 2,
    alpha: 6,
    targets: String.raw`.*\.(q_proj|up_proj)`,
    rankPattern: { up_proj: 5 },
    alphaPattern: { "layers.1.self_attn.q_proj": 1 },
  },
  "saved modules": {
    rank: 2,
    alpha: 4,
    targets: ["v_proj"],
    modulesToSave: ["norm", "mlp.up_proj", "embed_tokens"],
  },
};

async function adaptedStates(lora: LoraConfig, adapter: Weights): Promise<Float32Array> {
  const { graph, feeds, base, adapter: inputs, hidden } = smallGraph(loraParameters(SMALL, lora), adapter);
  return (await valuesOf(graph, feeds, [hidden(loraWeights(base, inputs, lora))]))[0]!;
}

async function plainStates(weights: Weights): Promise<Float32Array> {
  const { graph, feeds, base, hidden } = smallGraph([], new Map());
  return (
    await valuesOf(graph, { ...feeds, ...frozenValues(SMALL, weights) }, [hidden(plainWeights(base))])
  )[0]!;
}

describe.each(Object.entries(KINDS))("an adapter of kind %s", (_, lora) => {
  it("changes nothing at its start", async () => {
    const start = newLora(SMALL, lora, 3, smallWeights());
    expectClose(await adaptedStates(lora, start), await plainStates(smallWeights()), 0, 2e-6);
  });

  it("gives when merged what it gives when applied", async () => {
    const adapter = noisy(newLora(SMALL, lora, 3, smallWeights()));
    const applied = await adaptedStates(lora, adapter);
    expectClose(await plainStates(mergeLora(smallWeights(), adapter, lora)), applied, 1e-5, 1e-5);
    const start = await plainStates(smallWeights());
    expect(Math.max(...applied.map((value, index) => Math.abs(value - start[index]!)))).toBeGreaterThan(0.1);
  });

  it.each([0, 0.4])("has the gradients of tfjs, with dropout %d", async (rate) => {
    const parameters = loraParameters(SMALL, lora);
    const adapter = noisy(newLora(SMALL, lora, 3, smallWeights()));
    const { graph, feeds, base, adapter: inputs, hidden } = smallGraph(parameters, adapter);
    const loss = weighted(hidden(loraWeights(base, inputs, lora, rate === 0 ? undefined : maskedDropout)));
    const all = { ...feeds, ...dropoutMasks(graph, rate, 3, 1) };
    const names = parameters.map(({ name }) => name).filter((name) => name !== "lm_head.weight");
    const expected = await gradientsByTfjs(graph, all, loss, names);
    const got = await gradientsOf(graph, all, loss, names);
    names.forEach((name, index) => {
      const largest = expected[index]!.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
      expect(largest, name).toBeGreaterThan(0);
      expectClose(got[index]!, expected[index]!, 0, 1e-4 * largest, name);
    });
  });
});

describe("the scaling of an adapter", () => {
  it("is alpha / r, with rsLoRA alpha / sqrt(r), each by its pattern", () => {
    const layer = "model.layers.0.mlp.up_proj";
    const lora: LoraConfig = { rank: 4, alpha: 8, targets: ["up_proj"] };
    expect(scalingOf(lora, layer)).toBe(2);
    expect(scalingOf({ ...lora, rsLora: true }, layer)).toBe(4);
    expect(scalingOf({ ...lora, rankPattern: { up_proj: 16 } }, layer)).toBe(0.5);
    expect(scalingOf({ ...lora, alphaPattern: { up_proj: 2 } }, layer)).toBe(0.5);
  });

  it.each([
    [
      { rank: 17, alpha: 1, targets: ["q_proj"] },
      "Rank of model.layers.0.self_attn.q_proj.weight: got 17, expected at most 16",
    ],
    [{ rank: 1, alpha: 1, targets: ["q_proj"], rankPattern: { q_proj: 99 } }, "got 99, expected at most 16"],
    [{ rank: 0, alpha: 1, targets: ["q_proj"] }, "got 0, expected an integer of at least 1"],
    [{ rank: 1.5, alpha: 1, targets: ["q_proj"] }, "got 1.5, expected an integer of at least 1"],
  ])("refuses the ranks of %j", (lora, message) => {
    expect(() => adaptedLayers(SMALL, lora)).toThrow(message);
  });
});

describe("dropout masks", () => {
  it("repeat for a step, differ between steps, layers and seeds, and keep the mean", () => {
    const lora: LoraConfig = { rank: 1, alpha: 1, targets: ["q_proj", "k_proj"] };
    const { graph, base, adapter, hidden } = smallGraph(loraParameters(SMALL, lora), newLora(SMALL, lora, 1));
    hidden(loraWeights(base, adapter, lora, maskedDropout));
    const masks = dropoutMasks(graph, 0.25, 1, 1);
    const [first, second] = Object.values(masks) as Float32Array[];
    expect(Object.keys(masks)).toHaveLength(4);
    expect(dropoutMasks(graph, 0.25, 1, 1)).toEqual(masks);
    expect(first).not.toEqual(second);
    expect(Object.values(dropoutMasks(graph, 0.25, 1, 2))[0]).not.toEqual(first);
    expect(Object.values(dropoutMasks(graph, 0.25, 2, 1))[0]).not.toEqual(first);
    const values = Object.values(masks).flatMap((mask) => [...mask]);
    expect([...new Set(values)].sort((a, b) => a - b)).toEqual([0, Math.fround(4 / 3)]);
    // 896 draws: the mean has a standard deviation of 0.019.
    expect(values.reduce((a, b) => a + b, 0) / values.length).toBeCloseTo(1, 1);
  });
});
