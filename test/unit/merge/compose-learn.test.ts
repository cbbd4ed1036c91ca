import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { cpu } from "../../../src/compute/devices/cpu.js";
import { makeTemporaryFolder, remove } from "../../../src/core/files.js";
import { stream } from "../../../src/core/random.js";
import { composeAdapters } from "../../../src/merge/compose/compose.js";
import {
  type FrozenExperts,
  frozenExperts,
  learntAdapter,
  learntWeights,
} from "../../../src/merge/compose/frozen-experts.js";
import { readAdapterFolder, writeAdapterFolder } from "../../../src/model/adapter-folder.js";
import { weightsDigest } from "../../../src/model/checkpoint.js";
import { loraParameters, loraWeights, mergeLora } from "../../../src/model/lora.js";
import { moeParameters, moeWeights, newMoe } from "../../../src/model/lora-moe.js";
import type { Weight, Weights } from "../../../src/model/safetensors.js";
import { rowFeed } from "../../../src/train/feed.js";
import { parameterGroups } from "../../../src/train/groups.js";
import { train, type Trained } from "../../../src/train/train.js";
import { expectClose } from "../../support/close.js";
import { randomAdapter } from "../../support/compose.js";
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

const folder = makeTemporaryFolder("compose-learn");
afterAll(() => remove(folder));

/** Adapters of other ranks, scalings and targets. */
const ADAPTERS = [
  randomAdapter("x", { rank: 3, alpha: 6, targets: ["q_proj", "v_proj"] }, 0.7),
  randomAdapter("y", { rank: 2, alpha: 4, targets: ["q_proj", "up_proj"], rsLora: true }, -0.4),
  randomAdapter("z", { rank: 1, alpha: 1, targets: ["q_proj", "down_proj"] }, 0.5),
];

async function statesOf({ config }: FrozenExperts, weights: Weights): Promise<Float32Array> {
  const { graph, feeds, base, adapter, hidden } = smallGraph(moeParameters(SMALL, config), weights);
  return (await valuesOf(graph, feeds, [hidden(moeWeights(base, adapter, config))]))[0]!;
}

async function statesOfLora({ lora, weights }: ReturnType<typeof learntAdapter>): Promise<Float32Array> {
  const { graph, feeds, base, adapter, hidden } = smallGraph(loraParameters(SMALL, lora), weights);
  return (await valuesOf(graph, feeds, [hidden(loraWeights(base, adapter, lora))]))[0]!;
}

/** What is learnt, moved away from its start. */
function moved({ weights }: FrozenExperts, deviation: number): Map<string, Weight> {
  const learnt = [...weights].filter(([name]) => /lora_weights|lora_route/.test(name));
  return new Map([...weights, ...noisy(new Map(learnt), deviation)]);
}

describe.each(["cat", "gate"] as const)("adapters as frozen experts, %s", (kind) => {
  it("have the tensors that the mixture's config calls for", () => {
    const { config, weights } = frozenExperts(SMALL, ADAPTERS, kind);
    expect(config).toMatchObject({ kind: "lora-moe", experts: 3, alpha: config.rank });
    const shapes = new Map([...weights].map(([name, { shape }]) => [name, `${shape}`]));
    expect(shapes).toEqual(
      new Map(moeParameters(SMALL, config).map(({ name, shape }) => [name, `${shape}`])),
    );
  });

  it("start as the composition by cat: with their weights, a gate with the mean", async () => {
    const experts = frozenExperts(SMALL, ADAPTERS, kind);
    const weight = (index: number): number => (kind === "cat" ? (ADAPTERS[index]!.weight as number) : 1 / 3);
    const weighed = ADAPTERS.map((adapter, index) => ({ ...adapter, weight: weight(index) }));
    const cat = composeAdapters(SMALL, weighed, { method: "cat", seed: 1 });
    // Both sum the same products in float32, in another order.
    expectClose(await statesOf(experts, experts.weights), await statesOfLora(cat), 1e-4, 2e-5);
  });

  it("have the gradient of central differences, and of tfjs, for what is learnt", async () => {
    const experts = frozenExperts(SMALL, ADAPTERS, kind);
    const values = moved(experts, 0.3);
    const parameters = moeParameters(SMALL, experts.config);
    const names = parameters.map(({ name }) => name).filter((name) => /lora_weights|lora_route/.test(name));
    const build = (
      own: Weights,
    ): { readonly small: ReturnType<typeof smallGraph>; readonly loss: ReturnType<typeof weighted> } => {
      const small = smallGraph(parameters, own);
      return { small, loss: weighted(small.hidden(moeWeights(small.base, small.adapter, experts.config))) };
    };
    const { small, loss } = build(values);
    const got = await gradientsOf(small.graph, small.feeds, loss, names);
    const byTfjs = await gradientsByTfjs(small.graph, small.feeds, loss, names);
    const largest = Math.max(...byTfjs.flatMap((gradient) => [...gradient].map(Math.abs)));
    names.forEach((name, index) => expectClose(got[index]!, byTfjs[index]!, 1e-3, 1e-5 * largest, name));

    // One direction through all that is learnt: the loss itself is only good to float32.
    const direction = new Map(
      names.map((name): [string, Float32Array] => {
        const draw = stream(2, "direction", name);
        return [name, Float32Array.from(values.get(name)!.data, () => draw.normal())];
      }),
    );
    const step = 1e-3;
    const at = async (sign: number): Promise<number> => {
      const there = new Map(values);
      for (const [name, along] of direction) {
        const { shape, data } = values.get(name)!;
        there.set(name, { shape, data: data.map((value, i) => value + sign * step * along[i]!) });
      }
      const own = build(there);
      return (await valuesOf(own.small.graph, own.small.feeds, [own.loss]))[0]![0]!;
    };
    const difference = ((await at(1)) - (await at(-1))) / (2 * step);
    const slope = names.reduce(
      (total, name, index) =>
        total + got[index]!.reduce((sum, value, i) => sum + value * direction.get(name)![i]!, 0),
      0,
    );
    expect(Math.abs(slope)).toBeGreaterThan(1);
    expect(Math.abs(difference - slope)).toBeLessThan(0.01 * Math.abs(slope));
  });

  it("stay as they are while what weighs them learns", async () => {
    const experts = frozenExperts(SMALL, ADAPTERS, kind);
    const settings = { config: SMALL, adapter: experts.config, freeze: experts.freeze, decay: 0, clip: 1 };
    const { groups, frozen } = parameterGroups(settings);
    expect(frozen.map(({ name }) => name).every((name) => /lora_[AB]\d\.weight$/.test(name))).toBe(true);
    const names = groups.flatMap(({ parameters }) => parameters.map(({ name }) => name));
    expect(names.every((name) => /lora_weights$|lora_route\.weight$/.test(name))).toBe(true);
    const row = { ids: [3, 1, 4, 1, 5, 9, 2, 6], from: 1 };
    const trained: Trained = await train({
      ...settings,
      device: cpu,
      weights: smallWeights(),
      adapterWeights: experts.weights,
      feed: rowFeed(
        Array.from({ length: 30 }, () => row),
        { steps: 30, batch: 1, microBatches: 1, tokens: 8 },
      ),
      microBatches: 1,
      steps: 30,
      lr: 0.05,
      schedule: { kind: "constant", warmup: 0, floor: 0 },
      seed: 1,
    });
    expect(trained.losses.at(-1)).toBeLessThan(trained.losses[0]! - 0.2);
    for (const { name } of frozen) expect(trained.weights.get(name)).toEqual(experts.weights.get(name));
    const changed = names.filter(
      (name) => `${trained.weights.get(name)!.data}` !== `${experts.weights.get(name)!.data}`,
    );
    expect(changed).toEqual(names);
    if (kind === "gate") return;
    // An adapter learns no weight in a layer that it leaves alone.
    const own = learntWeights(trained.weights, ADAPTERS);
    expect(own.map(({ size }) => size)).toEqual([4, 4, 4]);
  });
});

describe("a learnt cat", () => {
  it("can be kept as the mixture that it was trained as", async () => {
    const { config, weights } = frozenExperts(SMALL, ADAPTERS, "cat");
    await writeAdapterFolder(join(folder, "cat"), { config, weights }, "base");
    const back = readAdapterFolder(join(folder, "cat"), SMALL);
    expect(back.config).toMatchObject({ kind: "lora-moe", experts: 3, routing: { kind: "constant" } });
    expect(weightsDigest(back.weights)).toBe(weightsDigest(weights));
    expect(() => moeParameters(SMALL, { ...config, kind: "mixlora" })).toThrow(
      /Routing of a MixLoRA: got "constant"/,
    );
    const fresh = newMoe(SMALL, config, 1).get("model.layers.0.self_attn.q_proj.lora_weights");
    expect([...fresh!.data]).toEqual([1, 1, 1].map((one) => Math.fround(one / 3)));
  });

  it("is the plain adapter that it is written as", async () => {
    const experts = frozenExperts(SMALL, ADAPTERS, "cat");
    const values = moved(experts, 0.3);
    const plain = learntAdapter(SMALL, ADAPTERS, values);
    expectClose(await statesOfLora(plain), await statesOf(experts, values), 1e-4, 2e-5);
    const merged = mergeLora(smallWeights(), plain.weights, plain.lora);
    expect(merged.size).toBe(smallWeights().size);
    const [first] = plain.layers;
    expect(first).toMatchObject({ layer: "model.layers.0.self_attn.q_proj", rank: 6 });
  });

  it("needs two adapters, and ranks that fit side by side before anything is trained", () => {
    expect(() => frozenExperts(SMALL, ADAPTERS.slice(0, 1), "cat")).toThrow(
      /got 1 adapter, expected 2 or more/,
    );
    const wide = ["x", "y", "z"].map((name) =>
      randomAdapter(name, { rank: 6, alpha: 6, targets: ["q_proj"] }, 1),
    );
    expect(() => frozenExperts(SMALL, wide, "cat")).toThrow(
      /Rank of the composition: got 18, expected at most 16/,
    );
    expect(frozenExperts(SMALL, wide, "gate").config.rank).toBe(6);
  });
});
