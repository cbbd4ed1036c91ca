import { describe, expect, it } from "vitest";

import { checkAdapters, composeAdapters, sharedKeys } from "../../../src/merge/compose/compose.js";
import { configOf, targetsOf, type WeightedAdapter } from "../../../src/merge/compose/layers.js";
import type { LoraConfig } from "../../../src/model/lora.js";
import type { Weight } from "../../../src/model/safetensors.js";
import { largestDifference, randomAdapter, updatesOf } from "../../support/compose.js";
import { SMALL } from "../../support/small-model.js";

const LORA: LoraConfig = { rank: 2, alpha: 4, targets: ["q_proj", "v_proj"] };
const CAT = { method: "cat", seed: 1 } as const;

describe("a composed adapter", () => {
  it("has patterns where its layers have other ranks, and names of layers where ends do not tell them", () => {
    const first = randomAdapter("x", LORA, 1);
    const second = randomAdapter("y", { ...LORA, targets: ["q_proj"], layers: [1], rank: 3 }, 1);
    expect(composeAdapters(SMALL, [first, second], CAT).lora).toEqual({
      rank: 2,
      alpha: 2,
      targets: ["q_proj", "v_proj"],
      rankPattern: { "model.layers.1.self_attn.q_proj": 5 },
      alphaPattern: { "model.layers.1.self_attn.q_proj": 5 },
    });
    expect(composeAdapters(SMALL, [second], CAT).lora.targets).toEqual(["model.layers.1.self_attn.q_proj"]);
    expect(targetsOf(SMALL, ["model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj"])).toEqual([
      "up_proj",
    ]);
  });

  it("applies ranks, alphas and rsLoRA of its parts by their patterns", () => {
    const lora: LoraConfig = {
      ...LORA,
      rsLora: true,
      rankPattern: { v_proj: 4 },
      alphaPattern: { "layers.0.self_attn.v_proj": 1 },
    };
    const only = randomAdapter("x", lora, 1);
    const { lora: config, weights } = composeAdapters(SMALL, [only], CAT);
    expect(largestDifference(updatesOf(config, weights), updatesOf(lora, only.weights))).toBeLessThan(2e-6);
  });

  it("by the convention of PEFT takes over rsLoRA and composes one adapter by linear", () => {
    const adapter = randomAdapter("x", { ...LORA, rank: 4, rsLora: true }, 0.5);
    const peft = composeAdapters(SMALL, [adapter, { ...adapter, name: "y" }], { ...CAT, convention: "peft" });
    expect(peft.lora).toMatchObject({ rank: 8, alpha: 8, rsLora: true });
    // s = r / sqrt(r) = sqrt 8 where it should be 1.
    for (const { distance } of peft.layers) expect(distance).toBeCloseTo(Math.sqrt(8) - 1, 12);
    const one = { method: "ties", density: 0.1, seed: 1 } as const;
    const plain = randomAdapter("x", LORA, 0.5);
    for (const { distance, crossTerms } of composeAdapters(SMALL, [plain], { ...one, convention: "peft" })
      .layers) {
      expect(distance).toBeLessThan(1e-12);
      expect(crossTerms).toBeLessThan(1e-20);
    }
    for (const { distance } of composeAdapters(SMALL, [plain], one).layers)
      expect(distance).toBeGreaterThan(0.5);
  });

  it("has weights of its own in each layer where an adapter brings them", () => {
    const adapter = randomAdapter("x", LORA, 1);
    const weight = new Map([["model.layers.0.self_attn.q_proj", 2]]);
    const { lora, weights } = composeAdapters(SMALL, [{ ...adapter, weight }], CAT);
    const [got, own] = [updatesOf(lora, weights), updatesOf(LORA, adapter.weights)];
    for (const [layer, update] of got) {
      const factor = weight.get(layer) ?? 0;
      update.forEach((value, at) =>
        expect(Math.abs(value - factor * own.get(layer)![at]!)).toBeLessThan(2e-6),
      );
    }
  });

  it("by DARE has a mask of its own for each tensor of each adapter, named by the seed alone", () => {
    const ones = (name: string): WeightedAdapter => {
      const { lora, weights } = randomAdapter(name, { rank: 8, alpha: 8, targets: ["q_proj", "k_proj"] }, 1);
      const filled = [...weights].map(([tensor, { shape, data }]): [string, Weight] => [
        tensor,
        { shape, data: data.map(() => 1) },
      ]);
      return { name, lora, weights: new Map(filled), weight: 1 };
    };
    const compose = (...names: string[]): ReadonlyMap<string, Weight> =>
      composeAdapters(SMALL, names.map(ones), { method: "dare_linear", density: 0.5, seed: 1 }).weights;
    const one = compose("x");
    const masks = [...one.values()].map(({ data }) => `${data.map((value) => Number(value > 0))}`);
    expect(new Set(masks).size).toBe(masks.length);
    const two = compose("x", "y");
    for (const [tensor, { data }] of two) {
      // 4 where both keep, 2 where one does: the sum of two masks that differ.
      expect(new Set(data)).toEqual(new Set([0, 2, 4]));
      data.forEach((value, at) => expect(value).toBeGreaterThanOrEqual(one.get(tensor)!.data[at]!));
    }
    expect(compose("p", "q")).toEqual(two);
  });

  it("takes the commonest rank as its own, of equals the larger", () => {
    const [q, k, v] = ["q", "k", "v"].map((name) => `model.layers.0.self_attn.${name}_proj`) as [
      string,
      string,
      string,
    ];
    const ranks = (...own: [string, number][]): LoraConfig => configOf(SMALL, new Map(own));
    expect(ranks([q, 2], [k, 3])).toMatchObject({ rank: 3, alpha: 3, rankPattern: { [q]: 2 } });
    expect(ranks([q, 2], [k, 3], [v, 2])).toMatchObject({ rank: 2, alpha: 2, alphaPattern: { [k]: 3 } });
  });

  it("refuses what cannot be added, all of it at once", () => {
    const dora = randomAdapter("d", { ...LORA, dora: true }, 1);
    const whole = randomAdapter("w", { ...LORA, modulesToSave: ["lm_head"] }, Number.NaN);
    expect(() =>
      composeAdapters(SMALL, [dora, whole], { method: "linear", seed: 1, rank: 2, density: 2 }),
    ).toThrow(
      /5 problems:.*adapters\.0: d is a DoRA.*adapters\.1\.weight: Weight of w: got "NaN".*adapters\.1: w has modules.*lm_head.*rank: is not read by linear.*density: is not read by linear/s,
    );
    expect(() => composeAdapters(SMALL, [], CAT)).toThrow(/adapters: is empty/);
  });

  it("refuses weights with which float32 overflows, and names the tensor", () => {
    const huge = randomAdapter("x", LORA, 1e300);
    expect(() => composeAdapters(SMALL, [huge], CAT)).toThrow(
      /^model\.layers\.0\.self_attn\.q_proj\.lora_A\.weight of the composition, at 0: got "-?\d.*e\+\d+", expected a number that float32 holds/,
    );
    expect(() => checkAdapters(SMALL, [huge], CAT)).not.toThrow();
  });

  it("is refused by its check alone for all that composing would refuse", () => {
    const ranks = [randomAdapter("x", LORA, 1), randomAdapter("y", { ...LORA, rank: 3 }, Number.NaN)];
    const faultOf = (make: typeof checkAdapters | typeof composeAdapters): string => {
      try {
        make(SMALL, ranks, { method: "linear", seed: 1 });
        return "none";
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(faultOf(checkAdapters)).toMatch(/Weight of y: got "NaN"/);
    expect(faultOf(checkAdapters)).toBe(faultOf(composeAdapters));
  });

  it("names the layers that concatenation makes too wide, and the way out", () => {
    const adapters = ["x", "y", "z"].map((name) => randomAdapter(name, { ...LORA, rank: 3 }, 1));
    expect(() => composeAdapters(SMALL, adapters, CAT)).toThrow(
      /0\.self_attn\.v_proj: Rank of the composition: got 9, expected at most 8, the smaller side\. The same in 1 more\.\nsvd takes/,
    );
    // There svd with the smaller side as its rank is exact.
    const targets = ["v_proj"];
    const only = adapters.map((adapter) => randomAdapter(adapter.name, { ...LORA, rank: 3, targets }, 1));
    for (const { distance } of composeAdapters(SMALL, only, { method: "svd", rank: 8, seed: 1 }).layers)
      expect(distance).toBeLessThan(1e-12);
  });
});

describe("keys that a composition keeps", () => {
  it("are those that all adapters have alike, but for what it decides", () => {
    const first = { task_type: "CAUSAL_LM", revision: null, extra: { a: [1] }, rank_pattern: { q: 1 }, r: 4 };
    expect(sharedKeys([first, { ...first, extra: { a: [1] }, r: 8 }])).toEqual({
      task_type: "CAUSAL_LM",
      revision: null,
      extra: { a: [1] },
    });
    expect(sharedKeys([first, { task_type: "CAUSAL_LM" }])).toEqual({ task_type: "CAUSAL_LM" });
    expect(sharedKeys([])).toEqual({});
  });
});
