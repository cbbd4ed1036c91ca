import { describe, expect, it } from "vitest";

import type { Tensor } from "../../../src/compute/graph.js";
import { add } from "../../../src/compute/ops/elementwise.js";
import { balanceLoss } from "../../../src/model/balance.js";
import { plainWeights } from "../../../src/model/decoder.js";
import { dropoutMasks, maskedDropout } from "../../../src/model/dropout.js";
import { type LoraConfig, loraParameters, loraWeights } from "../../../src/model/lora.js";
import { type MoeConfig, moeParameters, moeWeights, newMoe } from "../../../src/model/lora-moe.js";
import type { Routing } from "../../../src/model/routing.js";
import type { Weight, Weights } from "../../../src/model/safetensors.js";
import { expectClose } from "../../support/close.js";
import { gradientsByTfjs } from "../../support/oracle.js";
import {
  gradientsOf,
  noisy,
  ROWS,
  SMALL,
  smallGraph,
  valuesOf,
  weighted,
} from "../../support/small-model.js";

const BASE = { experts: 3, rank: 2, alpha: 6, targets: "all-linear" } as const;
const KINDS = ["lora-moe", "shared-a", "shared-b", "mixlora"] as const;
const ROUTINGS: readonly Routing[] = [
  { kind: "dense" },
  { kind: "top-k", k: 2 },
  { kind: "top-p", p: 0.6 },
  { kind: "switch" },
  { kind: "switch", capacity: 4 },
];
const PAIRS = KINDS.flatMap((kind) =>
  ROUTINGS.map((routing) => [`${kind}, ${JSON.stringify(routing)}`, { ...BASE, kind, routing }] as const),
);

/** Final hidden states and all gates of a model with a mixture. `gates` [N, E] for routing by labels. */
async function run(
  moe: MoeConfig,
  weights: Weights,
  gates?: Float32Array,
): Promise<{ hidden: Float32Array; gates: Float32Array[] }> {
  const { graph, feeds, base, adapter, hidden } = smallGraph(moeParameters(SMALL, moe), weights);
  const given = gates === undefined ? undefined : graph.constant([ROWS, moe.experts], gates);
  const mixture = moeWeights(base, adapter, moe, { gates: given });
  const states = hidden(mixture);
  const [first, ...rest] = await valuesOf(graph, feeds, [
    states,
    ...mixture.routes.map((route) => route.gates),
  ]);
  return { hidden: first!, gates: rest };
}

async function plainStates(): Promise<Float32Array> {
  const { graph, feeds, base, hidden } = smallGraph([], new Map());
  return (await valuesOf(graph, feeds, [hidden(plainWeights(base))]))[0]!;
}

async function loraStates(lora: LoraConfig, weights: Weights): Promise<Float32Array> {
  const { graph, feeds, base, adapter, hidden } = smallGraph(loraParameters(SMALL, lora), weights);
  return (await valuesOf(graph, feeds, [hidden(loraWeights(base, adapter, lora))]))[0]!;
}

function largestChange(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, index) => Math.max(largest, Math.abs(value - b[index]!)), 0);
}

/** The LoRA that expert e is. */
function expertOf(weights: Weights, e: number): Map<string, Weight> {
  const pattern = new RegExp(`^(.*?)(?:\\.experts\\.${e})?\\.lora_([AB])(?:${e})?\\.weight$`);
  return new Map(
    [...weights].flatMap(([name, weight]): [string, Weight][] => {
      const match = pattern.exec(name);
      return match === null ? [] : [[`${match[1]}.lora_${match[2]}.weight`, weight]];
    }),
  );
}

/** Every expert's A and B replaced by those of expert 0. */
function equalExperts(weights: Weights): Map<string, Weight> {
  return new Map(
    [...weights].map(([name, weight]) => {
      const first = name.replace(/\.experts\.\d+\./, ".experts.0.").replace(/lora_([AB])\d+/, "lora_$10");
      return [name, weights.get(first) ?? weight];
    }),
  );
}

describe.each(PAIRS)("a mixture: %s", (_, moe) => {
  it("changes nothing while B is zero", async () => {
    expectClose((await run(moe, newMoe(SMALL, moe, 3))).hidden, await plainStates(), 0, 5e-6);
  });

  it("has the gradients of tfjs, balance losses and dropout included", async () => {
    const model = { ...SMALL, layers: 1 };
    const parameters = moeParameters(model, moe);
    const { graph, feeds, base, adapter, hidden } = smallGraph(
      parameters,
      noisy(newMoe(model, moe, 3)),
      model,
    );
    const mixture = moeWeights(base, adapter, moe, { dropout: maskedDropout });
    const states = weighted(hidden(mixture));
    const balance = balanceLoss(mixture.routes, { auxiliary: 1, squaredVariation: 1, routerZ: 0.1 })!;
    const loss: Tensor = add(states, balance);
    const all = { ...feeds, ...dropoutMasks(graph, 0.3, 3, 1) };
    const names = parameters.map(({ name }) => name);
    const expected = await gradientsByTfjs(graph, all, loss, names);
    const got = await gradientsOf(graph, all, loss, names);
    // An expert that no token chose in the last block has no gradient; the scale is that of the whole.
    const largest = Math.max(...expected.flatMap((gradient) => [...gradient].map(Math.abs)));
    expect(largest).toBeGreaterThan(0.1);
    names.forEach((name, index) => expectClose(got[index]!, expected[index]!, 1e-3, 1e-5 * largest, name));
  });

  it("sends every token somewhere: gates sum to 1 where they are shares", async () => {
    const { gates } = await run(moe, noisy(newMoe(SMALL, moe, 3), 0.2));
    expect(gates).toHaveLength(moe.kind === "mixlora" ? SMALL.layers : 7 * SMALL.layers);
    for (const values of gates) {
      for (let row = 0; row < ROWS; row++) {
        const own = values.subarray(row * 3, row * 3 + 3);
        const total = own.reduce((a, b) => a + b, 0);
        const used = own.filter((gate) => gate > 0).length;
        if (moe.routing.kind === "switch") expect(used).toBeLessThanOrEqual(1);
        else expect(total).toBeCloseTo(1, 5);
        if (moe.routing.kind === "top-k") expect(used).toBe(2);
      }
      if (moe.routing.kind === "switch" && moe.routing.capacity !== undefined) {
        for (const e of [0, 1, 2])
          expect(values.filter((gate, at) => at % 3 === e && gate > 0).length).toBeLessThanOrEqual(4);
      }
    }
  });
});

describe.each(KINDS)("experts of kind %s", (kind) => {
  const dense: MoeConfig = { ...BASE, kind, routing: { kind: "dense" } };
  const lora: LoraConfig = { rank: 2, alpha: 6, targets: "all-linear" };

  it("that are equal are one LoRA", async () => {
    const weights = equalExperts(noisy(newMoe(SMALL, dense, 3)));
    const one = await loraStates(lora, expertOf(weights, 0));
    for (const routing of [dense.routing, { kind: "top-k", k: 2 } as const]) {
      expectClose((await run({ ...dense, routing }, weights)).hidden, one, 1e-4, 2e-5);
    }
    expect(largestChange(one, await plainStates())).toBeGreaterThan(0.01);
  });

  it("get equal gradients from a router of zeros and different ones from a random router", async () => {
    const parameters = moeParameters(SMALL, dense);
    const of = async (zeroRouter: boolean): Promise<number> => {
      const start = newMoe(SMALL, dense, 3);
      const same = equalExperts(start);
      for (const [name, { data }] of same) if (zeroRouter && /route|moe_gate/.test(name)) data.fill(0);
      if (kind === "shared-b")
        for (const [name, { data }] of same) if (name.includes("lora_B")) data.fill(0.1);
      const { graph, feeds, base, adapter, hidden } = smallGraph(parameters, same);
      const names = parameters.map(({ name }) => name).filter((name) => /experts\.\d|lora_[AB]\d/.test(name));
      const loss = weighted(hidden(moeWeights(base, adapter, dense)));
      const gradients = new Map(
        (await gradientsOf(graph, feeds, loss, names)).map((gradient, index) => [names[index]!, gradient]),
      );
      const pairs = names.filter((name) => /experts\.0|lora_[AB]0/.test(name));
      return Math.max(
        ...pairs.map((name) =>
          largestChange(
            gradients.get(name)!,
            gradients.get(name.replace("experts.0", "experts.1").replace(/lora_([AB])0/, "lora_$11"))!,
          ),
        ),
      );
    };
    expect(await of(true)).toBeLessThan(1e-4);
    expect(await of(false)).toBeGreaterThan(1e-2);
  });
});

describe.each(["lora-moe", "shared-a", "shared-b"] as const)("labels that route kind %s", (kind) => {
  it("to one expert give that LoRA", async () => {
    const moe: MoeConfig = { ...BASE, kind, routing: { kind: "labels", experts: {} } };
    const weights = noisy(newMoe(SMALL, moe, 3));
    expect([...weights.keys()].filter((name) => name.includes("route"))).toEqual([]);
    for (const e of [0, 2]) {
      const oneHot = Float32Array.from({ length: ROWS * 3 }, (_, at) => Number(at % 3 === e));
      const expected = await loraStates({ rank: 2, alpha: 6, targets: "all-linear" }, expertOf(weights, e));
      expectClose((await run(moe, weights, oneHot)).hidden, expected, 1e-4, 2e-5);
    }
  });

  it("must be given", async () => {
    const moe: MoeConfig = { ...BASE, kind, routing: { kind: "labels", experts: {} } };
    await expect(run(moe, newMoe(SMALL, moe, 3))).rejects.toThrow("routed by labels that were not given");
  });
});

describe("the parameters of a mixture", () => {
  const layer = {
    experts: 4,
    rank: 2,
    alpha: 4,
    targets: ["layers.0.mlp.up_proj"],
    routing: { kind: "dense" },
  } as const;
  const count = (kind: MoeConfig["kind"]): number =>
    moeParameters(SMALL, { ...layer, kind }).reduce((total, { shape }) => total + shape[0]! * shape[1]!, 0);

  it("are as many as the papers count: r in, r out and a router of N in", () => {
    const [inner, outer] = [16 * 2, 24 * 2];
    expect(count("lora-moe")).toBe(4 * (inner + outer) + 4 * 16);
    expect(count("shared-a")).toBe(inner + 4 * outer + 4 * 16);
    expect(count("shared-b")).toBe(4 * inner + outer + 4 * 16);
    expect(count("mixlora")).toBe(4 * (inner + outer) + 4 * 16);
  });

  it.each([
    [{ experts: 1 }, "Experts: got 1, expected an integer of at least 2"],
    [{ experts: 0 }, "Experts: got 0"],
    [{ rank: 99 }, "Rank of model.layers.0.mlp.up_proj.weight: got 99, expected at most 16"],
    [
      { routing: { kind: "top-k", k: 5 } as const },
      "Experts of a token, k: got 5, expected an integer from 1 to 4",
    ],
    [{ routing: { kind: "top-p", p: 0 } as const }, "Probability mass, p: got 0"],
    [{ routing: { kind: "switch", capacity: 0 } as const }, "Capacity of an expert: got 0"],
    [{ kind: "mixlora" as const, targets: ["q_proj"] }, "The experts of a MixLoRA are feed-forward layers"],
    [{ kind: "mixlora" as const, routing: { kind: "labels", experts: {} } as const }, "Routing of a MixLoRA"],
  ])("refuse %j", (change, message) => {
    expect(() => moeParameters(SMALL, { ...layer, kind: "lora-moe", ...change })).toThrow(message);
  });
});

describe("a MixLoRA", () => {
  it("with some feed-forward layers only still has whole blocks as experts", async () => {
    for (const targets of [["up_proj"], ["gate_proj", "q_proj"], ["down_proj"], ["down_proj", "up_proj"]]) {
      const moe: MoeConfig = { ...BASE, kind: "mixlora", targets, routing: { kind: "top-k", k: 2 } };
      const weights = equalExperts(noisy(newMoe(SMALL, moe, 3)));
      const expected = await loraStates({ rank: 2, alpha: 6, targets }, expertOf(weights, 0));
      expectClose((await run(moe, weights)).hidden, expected, 1e-4, 2e-5);
    }
  });
});
