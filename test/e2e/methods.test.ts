import { join, resolve } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { makeTemporaryFolder, remove } from "../../src/core/files.js";
import { readAdapterFolder } from "../../src/model/adapter-folder.js";
import { SIZES } from "../../src/model/config.js";
import type { Weights } from "../../src/model/safetensors.js";
import { execute } from "../../src/runs/execute.js";
import type { TrainRecord } from "../../src/runs/record.js";
import { findModel, resolveTrain } from "../../src/runs/resolve.js";
import type { TrainInput } from "../../src/runs/schema.js";
import { orderStages } from "../../src/runs/stages.js";
import { openStore } from "../../src/runs/store.js";

const root = resolve(import.meta.dirname, "../..");
const home = makeTemporaryFolder("lawbook-methods");
afterAll(() => remove(home));
const store = openStore({ root, home });

const COMMON = {
  model: "xs-instruct",
  data: { facts: { biology: 20, geography: 20 }, wordings: { else: 2 }, sampler: { kind: "balanced" } },
  steps: 3,
  batch: 8,
  optimizer: { lr: 0.005 },
  schedule: { warmup: 0 },
  evaluate: { sets: [] },
  device: "reference",
} as const satisfies TrainInput;
const LORA = { kind: "lora", rank: 4, alpha: 8 } as const;

async function run(input: Partial<TrainInput>): Promise<TrainRecord> {
  const { steps, ...common } = COMMON;
  const whole = "stages" in input ? common : { ...common, steps };
  return execute(resolveTrain({ ...whole, ...input }, root, store), { root, store });
}

/** Mean losses of the steps; a run of at most 20 steps has one for each. */
const losses = ({ result }: TrainRecord): readonly number[] => result.curve;

describe("preference objectives", () => {
  it.each([
    ["full", undefined],
    ["lora", LORA],
  ])("DPO starts at ln 2 with the method %s and falls", async (_, method) => {
    const data = { facts: { biology: 4 } };
    const short = { data, steps: 10, optimizer: { lr: 0.0005 } };
    const record = await run({ ...short, objective: "dpo", ...(method === undefined ? {} : { method }) });
    expect(losses(record)[0]).toBeCloseTo(Math.LN2, 5);
    expect(losses(record)[9]).toBeLessThan(0.6);
    expect(record.request.objective).toMatchObject({ kind: "dpo", beta: 0.1 });
  });

  it("ORPO learns facts and instructions in turn, and its likelihood reads prompts only where asked to", async () => {
    const data = { ...COMMON.data, instructions: 0.5 };
    const completion = await run({ objective: "orpo", data, steps: 12 });
    const full = await run({ objective: { kind: "orpo", nll: "full" }, data });
    expect(losses(completion)[11]).toBeLessThan(losses(completion)[0]!);
    expect(losses(full)[0]).not.toBeCloseTo(losses(completion)[0]!, 2);
    expect(Object.values(completion.result.consumed).reduce((sum, { rows }) => sum + rows, 0)).toBe(48);
  });
});

describe("gradient accumulation", () => {
  it.each([
    ["sft", {}],
    ["dpo", { objective: "dpo" }],
    ["orpo", { objective: { kind: "orpo", nll: "full" } }],
  ] as const)("gives the losses of the large batch: %s", async (_, input) => {
    const large = await run(input);
    const small = await run({ ...input, microBatches: 4 });
    losses(small).forEach((loss, step) => expect(loss).toBeCloseTo(losses(large)[step]!, 4));
    expect(small.result.graph).not.toBe(large.result.graph);
  });
});

describe("mixtures", () => {
  it("report where they send each discipline; labels send each to its own expert", async () => {
    const method = { kind: "shared-a", rank: 4, alpha: 8, experts: 2 } as const;
    const dense = (await run({ method })).result.routing!;
    const labels = (await run({ method: { ...method, routing: "labels" } })).result.routing!;
    expect(labels.shares).toEqual({ biology: [1, 0], geography: [0, 1] });
    expect(labels.mutualInformation).toBeCloseTo(1, 12);
    expect(dense.mutualInformation).toBeLessThan(0.1);
    expect(dense.byBlock).toHaveLength(SIZES.xs.layers);
    for (const shares of Object.values(dense.shares)) expect(shares[0]! + shares[1]!).toBeCloseTo(1, 5);
  });

  it("take their number of experts from the elbow of the data", async () => {
    const method = { kind: "lora-moe", rank: 2, alpha: 4, experts: "elbow" } as const;
    const resolved = resolveTrain({ ...COMMON, method }, root, store).request.method;
    const { experts } = resolved as { experts: number };
    expect(Number.isInteger(experts) && experts >= 2 && experts <= 10).toBe(true);
  });

  it("go on from a shared adapter whose A stays", async () => {
    const shared = await run({ method: LORA });
    const start = `run:${shared.id}`;
    const method = { ...LORA, kind: "shared-a", experts: 2, start, freeze: ["lora_A"] } as const;
    const special = await run({ method });
    expect(special.inputs.parents).toEqual([shared.id]);
    const before = readAdapterFolder(join(store.folder(shared.id), "adapter"), SIZES.xs).weights;
    const after = readAdapterFolder(join(store.folder(special.id), "adapter"), SIZES.xs).weights;
    const layer = "model.layers.2.mlp.up_proj";
    expect(after.get(`${layer}.lora_A.weight`)).toEqual(before.get(`${layer}.lora_A.weight`));
    const experts = [0, 1].map((expert) => after.get(`${layer}.lora_B${expert}.weight`)!.data);
    expect(experts[0]).not.toEqual(before.get(`${layer}.lora_B.weight`)!.data);
    expect(experts[0]).not.toEqual(experts[1]);
    const whole = await run({ method: { ...method, freeze: ["lora_route"] } });
    expect(whole.result.parameters).toBeGreaterThan(special.result.parameters);
  });

  it("are models with routers: found by name, and not to be trained as a plain model", async () => {
    const record = await run({ method: { kind: "mixlora", rank: 2, alpha: 4, experts: 2 } });
    const { checkpoint } = findModel(`run:${record.id}`, root, store, 1);
    expect(checkpoint.adapter?.config).toMatchObject({ kind: "mixlora", experts: 2 });
    expect(() => resolveTrain({ ...COMMON, model: `run:${record.id}` }, root, store)).toThrow(
      /the mixture run:.*expected a model without routers/,
    );
  });
});

describe("requests that cannot be trained", () => {
  it.each([
    ["a rank above the width", { method: { ...LORA, rank: 65 } }, "got 65, expected at most 64"],
    ["an unknown layer", { method: { ...LORA, targets: ["wq"] } }, "wq"],
    ["a frozen part that is not there", { method: { ...LORA, freeze: ["lora_C"] } }, "lora_C"],
    [
      "nothing left to train",
      { method: { ...LORA, freeze: ["lora_A", "lora_B"] } },
      "nothing is left to train",
    ],
    [
      "a rate for routers that are not there",
      { method: LORA, optimizer: { lr: 0.1, rates: { routers: 0.1 } } },
      "routers",
    ],
    [
      "too few experts for labels",
      {
        data: { facts: { biology: 9, geography: 9, medicine: 9 } },
        method: { ...LORA, kind: "shared-a", experts: 2, routing: "labels" },
      },
      "2 experts for 3 disciplines",
    ],
    [
      "an expert that is not there",
      {
        method: {
          ...LORA,
          kind: "shared-a",
          experts: 2,
          routing: { kind: "labels", experts: { biology: 0, geography: 2 } },
        },
      },
      "Expert of the label geography: got 2, expected an integer from 0 to 1",
    ],
    ["an unknown start", { method: { ...LORA, start: "run:00000000" } }, "There is no run 00000000"],
  ] as const)("name %s before any compute", async (_, input, message) => {
    await expect(run(input as Partial<TrainInput>)).rejects.toThrow(message);
  });
});

describe("stages", () => {
  const method = { kind: "lora-moe", rank: 4, alpha: 8, experts: 2, routing: "labels" } as const;
  const radius = { weights: 0.05, adapters: 8 };
  const staged = (steps: number): Promise<TrainRecord> =>
    run({
      method,
      stages: [
        { disciplines: ["geography"], steps: 3 },
        { disciplines: ["biology"], steps },
      ],
      optimizer: { lr: 0.02, radius },
    } as Partial<TrainInput>);
  const outcome = ({ id }: TrainRecord): ReturnType<typeof findModel>["checkpoint"] =>
    findModel(`run:${id}`, root, store, 1).checkpoint;
  const norm = (values: Iterable<number>): number =>
    Math.sqrt([...values].reduce((total, value) => total + value * value, 0));
  /** Expert 0 is for biology, 1 for geography. */
  const expert = (weights: Weights, number: number): Map<string, number[]> =>
    new Map(
      [...weights]
        .filter(([name]) => name.includes(`lora_A${number}.`) || name.includes(`lora_B${number}.`))
        .map(([name, { data }]) => [name, [...data]]),
    );

  it("train the model and the experts of their disciplines, and leave other experts as they are", async () => {
    const [short, long] = [await staged(1), await staged(4)];
    const [one, other] = [outcome(short), outcome(long)];
    expect(expert(one.adapter!.weights, 1)).toEqual(expert(other.adapter!.weights, 1));
    expect(expert(one.adapter!.weights, 0)).not.toEqual(expert(other.adapter!.weights, 0));
    expect(one.weights.get("model.norm.weight")).not.toEqual(other.weights.get("model.norm.weight"));
    expect(short.result.curve).toEqual(long.result.curve.slice(0, 4));
    expect(long.result.consumed.geography?.rows).toBe(3 * 8);
    expect(long.result.consumed.biology?.rows).toBe(4 * 8);
    expect(long.request.steps).toBe(7);
  });

  it("keep the move of the model and each adapter below their caps", async () => {
    const { weights, adapter } = outcome(await staged(4));
    const base = findModel("xs-instruct", root, store, 1).checkpoint.weights;
    const move = norm(
      [...weights].flatMap(([name, { data }]) =>
        [...data].map((value, at) => value - base.get(name)!.data[at]!),
      ),
    );
    expect(move).toBeGreaterThan(0.05);
    expect(move).toBeLessThanOrEqual(2 * 0.05 * (1 + 1e-5));
    for (const number of [0, 1]) {
      const size = norm([...expert(adapter!.weights, number).values()].flat());
      expect(size).toBeLessThanOrEqual(8 * (1 + 1e-5));
      expect(size).toBeGreaterThan(7);
    }
  });

  it("in a drawn order tell it, and give what they give in that order", async () => {
    const stages = [
      { disciplines: ["biology"], steps: 1 },
      { disciplines: ["geography"], steps: 2 },
    ] as const;
    const drawn = await run({ method, stages, stageOrder: "drawn", seed: 4 });
    const order = orderStages({ stages, stageOrder: "drawn", seed: 4 });
    // A seed whose order is not the given one.
    expect(order).toEqual(stages.toReversed());
    expect(drawn.result.stages).toEqual([["geography"], ["biology"]]);
    const given = await run({ method, stages: order, seed: 4 });
    expect(given.result.stages).toBeUndefined();
    expect(given.result.weights).toBe(drawn.result.weights);
    expect(given.result.curve).toEqual(drawn.result.curve);
  });

  it("are refused where they overlap, leave out a discipline, or have no experts", async () => {
    const stages = [{ disciplines: ["geography"], steps: 3 }] as const;
    await expect(run({ stages, method })).rejects.toThrow("leave out biology");
    await expect(
      run({ stages: [...stages, { disciplines: ["geography", "biology"], steps: 3 }], method }),
    ).rejects.toThrow("name geography more than once");
    await expect(run({ stages })).rejects.toThrow("expected lora-moe with routing: labels");
  });
});
