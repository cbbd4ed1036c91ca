import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { makeTemporaryFolder, readBytes, readJson, remove, writeAtomic } from "../../../src/core/files.js";
import { type MoeConfig, newMoe } from "../../../src/model/lora-moe.js";
import { type MoeAdapter, readMoeAdapter, saveMoeAdapter } from "../../../src/model/moe-adapter.js";
import type { Routing } from "../../../src/model/routing.js";
import { readTensorIndex } from "../../../src/model/safetensors.js";
import { noisy, SMALL } from "../../support/small-model.js";

const folder = makeTemporaryFolder("moe-adapter");
afterAll(() => remove(folder));

const TARGETS = ["layers.0.self_attn.q_proj", "layers.0.mlp.up_proj"];

function adapterOf(kind: MoeConfig["kind"], routing: Routing): MoeAdapter {
  const moe: MoeConfig = { kind, routing, experts: 2, rank: 1, alpha: 4, targets: TARGETS };
  const balance = {
    auxiliary: 0.01,
    squaredVariation: 0.5,
    routerZ: 0.001,
    localised: { weight: 0.1, delta: 0.2 },
  };
  return {
    moe,
    balance,
    weights: noisy(newMoe(SMALL, moe, 3)),
    configJson: { jitter_noise: 0 },
    baseModel: "b",
  };
}

const ATTENTION = "base_model.model.model.layers.0.self_attn.q_proj";
const UP = "base_model.model.model.layers.0.mlp.up_proj";
const NAMES: Readonly<Record<MoeConfig["kind"], readonly string[]>> = {
  "lora-moe": [ATTENTION, UP].flatMap((layer) =>
    ["lora_A0", "lora_A1", "lora_B0", "lora_B1", "lora_route"].map((part) => `${layer}.${part}.weight`),
  ),
  "shared-a": [ATTENTION, UP].flatMap((layer) =>
    ["lora_A", "lora_B0", "lora_B1", "lora_route"].map((part) => `${layer}.${part}.weight`),
  ),
  "shared-b": [ATTENTION, UP].flatMap((layer) =>
    ["lora_A0", "lora_A1", "lora_B", "lora_route"].map((part) => `${layer}.${part}.weight`),
  ),
  mixlora: [
    "mixlora.layers.0.mlp.moe_gate.weight",
    ...[0, 1].flatMap((e) =>
      ["A", "B"].map((part) => `mixlora.layers.0.mlp.up_proj.experts.${e}.lora_${part}.weight`),
    ),
    "mixlora.layers.0.self_attn.q_proj.lora_A.weight",
    "mixlora.layers.0.self_attn.q_proj.lora_B.weight",
  ],
};

const KINDS = Object.keys(NAMES) as MoeConfig["kind"][];

describe.each(KINDS)("a folder with a mixture of kind %s", (kind) => {
  it("has the published names of tensors", async () => {
    await saveMoeAdapter(join(folder, "names"), adapterOf(kind, { kind: "dense" }));
    const { tensors } = readTensorIndex(join(folder, "names/adapter_model.safetensors"));
    expect([...tensors.keys()].sort()).toEqual([...NAMES[kind]].sort());
  });

  it.each<Routing>([
    { kind: "dense" },
    { kind: "top-k", k: 2 },
    { kind: "top-p", p: 0.7 },
    { kind: "switch", capacity: 5 },
    { kind: "switch" },
  ])("reads back with routing %j, unknown keys kept", async (routing) => {
    const adapter = adapterOf(kind, routing);
    await saveMoeAdapter(join(folder, "one"), adapter);
    const back = readMoeAdapter(join(folder, "one"), SMALL);
    expect({ ...back.moe, routing: JSON.parse(JSON.stringify(back.moe.routing)) as Routing }).toMatchObject(
      adapter.moe,
    );
    expect(back.balance).toEqual(adapter.balance);
    expect(Object.fromEntries(back.weights)).toEqual(Object.fromEntries(adapter.weights));
    expect(back.configJson).toMatchObject({ jitter_noise: 0, lora_alpha: 4, r: 1 });
    await saveMoeAdapter(join(folder, "two"), back);
    for (const file of ["adapter_config.json", "adapter_model.safetensors"])
      expect(readBytes(join(folder, "two", file))).toEqual(readBytes(join(folder, "one", file)));
  });
});

describe("a folder with a mixture", () => {
  it("is never one that PEFT takes for a plain adapter", async () => {
    for (const kind of KINDS) {
      await saveMoeAdapter(join(folder, "type"), adapterOf(kind, { kind: "dense" }));
      expect(
        (readJson(join(folder, "type/adapter_config.json")) as { peft_type: string }).peft_type,
      ).not.toBe("LORA");
    }
  });

  it.each([
    [{ peft_type: "LORA" }, 'got "LORA", expected one of LORAMOE, HYDRALORA'],
    [{ lora_nums: 3 }, "has no tensor model.layers.0.self_attn.q_proj.lora_A2.weight"],
    [{ lora_nums: 1 }, "Experts: got 1"],
    [{ routing_strategy: "random" }, "routing_strategy in"],
    [{ use_dora: true }, "use_dora in"],
    [{ blc_weight: "much" }, "blc_weight in"],
  ])("is refused with %j", async (change, message) => {
    await saveMoeAdapter(join(folder, "bad"), adapterOf("lora-moe", { kind: "dense" }));
    const path = join(folder, "bad/adapter_config.json");
    writeAtomic(path, JSON.stringify({ ...(readJson(path) as object), ...change }));
    expect(() => readMoeAdapter(join(folder, "bad"), SMALL)).toThrow(message);
  });
});
