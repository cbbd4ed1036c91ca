import { afterEach, describe, expect, it, vi } from "vitest";

import {
  type ComposedAdapter,
  composeAdapters,
  type ComposeOptions,
} from "../../src/merge/compose/compose.js";
import { layerParts, type WeightedAdapter } from "../../src/merge/compose/layers.js";
import { COMPOSE_METHODS } from "../../src/merge/compose/list.js";
import { sumOfUpdates } from "../../src/merge/compose/part.js";
import { loraParameters } from "../../src/model/lora.js";
import { largestDifference, randomAdapter, updatesOf } from "../support/compose.js";
import { SMALL } from "../support/small-model.js";

afterEach(() => vi.restoreAllMocks());

const LORA = { rank: 3, alpha: 6, targets: ["q_proj", "v_proj"] } as const;
const X = randomAdapter("x", LORA, 0.7);
const Y = randomAdapter("y", { ...LORA, alpha: 12, rsLora: true }, -0.4);
/** Another rank in a block, and other targets. */
const Z = randomAdapter(
  "z",
  { rank: 2, alpha: 2, targets: ["q_proj", "up_proj"], rankPattern: { "layers.1.mlp.up_proj": 5 } },
  1.3,
);

const updates = ({ lora, weights }: Pick<WeightedAdapter, "lora" | "weights">): Map<string, Float64Array> =>
  updatesOf(lora, weights);
const sums = (adapters: readonly WeightedAdapter[]): Map<string, Float64Array> =>
  new Map([...layerParts(SMALL, adapters)].map(([layer, parts]) => [layer, sumOfUpdates(parts)]));
/** Entries are of size 1; they were rounded to float32. */
const ROUNDING = 2e-6;

describe.each(COMPOSE_METHODS.map((method) => [method.name, method] as const))(
  "the method %s",
  (name, { needs }) => {
    const options = (density: number, rest: Partial<ComposeOptions> = {}): ComposeOptions => ({
      method: name,
      seed: 5,
      ...(needs.density ? { density } : {}),
      ...rest,
    });
    const run = (adapters: readonly WeightedAdapter[], given: ComposeOptions): ComposedAdapter =>
      composeAdapters(SMALL, adapters, given);

    it("leaves one adapter at weight 1 as it is, whatever its scaling", () => {
      for (const adapter of [X, Y, Z]) {
        const composed = run([{ ...adapter, weight: 1 }], options(1));
        expect(largestDifference(updates(composed), updates(adapter))).toBeLessThan(ROUNDING);
      }
    });

    it("gives an adapter of PEFT with s = 1 whose tensors are those of its config", () => {
      const { lora, weights, layers } = run([X, Y], options(0.5));
      expect(lora).toMatchObject({ alpha: lora.rank, targets: ["q_proj", "v_proj"] });
      expect(lora.rsLora).toBeUndefined();
      expect([...weights].map(([tensor, { shape }]) => [tensor, shape])).toEqual(
        loraParameters(SMALL, lora).map(({ name: tensor, shape }) => [tensor, shape]),
      );
      expect(layers.map(({ layer }) => layer)).toHaveLength(4);
      for (const { tailEnergy, crossTerms, distance } of layers) {
        expect(tailEnergy === undefined).toBe(!needs.rank);
        expect(crossTerms === undefined).toBe(name !== "linear");
        expect(Number.isFinite(distance)).toBe(true);
      }
    });

    it("gives the same bytes whatever the order of the tensors, and for the same seed alone", () => {
      const backwards = [X, Y].map((adapter) => ({
        ...adapter,
        weights: new Map([...adapter.weights].reverse()),
      }));
      const first = run([X, Y], options(0.5));
      expect(run(backwards, options(0.5))).toEqual(first);
      const other = run([X, Y], options(0.5, { seed: 6 }));
      expect(largestDifference(updates(other), updates(first)) > 1e-3).toBe(needs.seed);
    });

    it("draws a layer alike whichever other layers there are", () => {
      const only = { ...LORA, targets: ["v_proj"] };
      const cut = [X, Y].map((adapter) => ({
        ...adapter,
        lora: { ...adapter.lora, targets: only.targets },
        weights: new Map([...adapter.weights].filter(([tensor]) => tensor.includes("v_proj"))),
      }));
      const all = run([X, Y], options(0.5)).weights;
      for (const [tensor, weight] of run(cut, options(0.5)).weights) expect(all.get(tensor)).toEqual(weight);
    });

    it("calls no function of Math whose bits depend on the machine", () => {
      for (const unportable of [
        "exp",
        "log",
        "log2",
        "pow",
        "sin",
        "cos",
        "tan",
        "atan2",
        "cbrt",
        "hypot",
        "random",
      ] as const) {
        vi.spyOn(Math, unportable).mockImplementation(() => {
          throw new Error(`Math.${unportable} was called.`);
        });
      }
      expect(() => Math.hypot(1)).toThrow();
      expect(run([X, Y], options(0.5)).layers).toHaveLength(4);
    });

    if (needs.equalRanks)
      it("refuses unequal ranks, each fault once", () => {
        expect(() => run([X, Z], options(1))).toThrow(
          /1 problem:\n.*layers\.0\.self_attn\.q_proj: Ranks: got "x 3, z 2".*in 1 more\.\n/s,
        );
      });

    if (!needs.equalRanks)
      it("composes a layer of the adapters that change it, of whatever ranks", () => {
        const { lora, weights } = run([X, Y, Z], options(1, needs.rank ? { rank: 8 } : {}));
        expect([...weights].map(([tensor, { shape }]) => [tensor, shape])).toEqual(
          loraParameters(SMALL, lora).map(({ name: tensor, shape }) => [tensor, shape]),
        );
        expect(lora.targets).toEqual(["q_proj", "up_proj", "v_proj"]);
        // Without dropping the methods but TIES meet the sum, whose ranks are at most 8.
        if (needs.sign) return;
        expect(largestDifference(updatesOf(lora, weights), sums([X, Y, Z]))).toBeLessThan(4 * ROUNDING);
      });

    if (!needs.sign)
      it("is not moved by an adapter at weight 0", () => {
        const zero = run([X, { ...Y, weight: 0 }], options(1));
        const alone = run([X], options(1));
        expect(largestDifference(updates(zero), updates(alone))).toBeLessThan(ROUNDING);
      });

    if (needs.rank)
      it("has the rank that was asked for, at most the smaller side", () => {
        expect(run([X, Y], options(0.5, { rank: 5 })).lora).toMatchObject({ rank: 5, alpha: 5 });
        // v_proj is 8 x 16
        expect(() => run([X, Y], options(0.5, { rank: 9 }))).toThrow(
          /v_proj: Rank of the composition: got 9, expected at most 8/,
        );
        expect(() => run([X, Y], options(0.5, { rank: 0 }))).toThrow(
          /rank: Rank: got 0, expected an integer of at least 1/,
        );
      });

    it("refuses what it does not read and asks for what it lacks", () => {
      if (!needs.rank) expect(() => run([X, Y], options(0.5, { rank: 4 }))).toThrow(/rank: is not read/);
      if (!needs.sign)
        expect(() => run([X, Y], options(0.5, { sign: "total" }))).toThrow(
          /majority_sign_method: is not read/,
        );
      if (needs.density) {
        expect(() => run([X, Y], { method: name, seed: 1 })).toThrow(/density: is missing/);
        for (const density of [0, 1.01, -1, Number.NaN])
          expect(() => run([X, Y], options(density))).toThrow(
            /density: Density: got .*, expected a number in \(0, 1\]/,
          );
      } else
        expect(() => run([X, Y], { method: name, seed: 1, density: 0.5 })).toThrow(/density: is not read/);
    });
  },
);
