import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { makeTemporaryFolder, readBytes, readJson, remove, writeAtomic } from "../../../src/core/files.js";
import { type Adapter, parseAdapterConfig, readAdapter, saveAdapter } from "../../../src/model/adapter.js";
import { writeAdapterFolder } from "../../../src/model/adapter-folder.js";
import { type LoraConfig, newLora } from "../../../src/model/lora.js";
import { readTensorIndex } from "../../../src/model/safetensors.js";
import { noisy, SMALL, smallWeights } from "../../support/small-model.js";

const folder = makeTemporaryFolder("adapter");
afterAll(() => remove(folder));

const LORA: LoraConfig = {
  rank: 2,
  alpha: 6,
  targets: ["q_proj", "down_proj"],
  exclude: ["layers.1.mlp.down_proj"],
  layers: [0, 1],
  rankPattern: { q_proj: 3 },
  alphaPattern: { down_proj: 1 },
  rsLora: true,
  dora: true,
  dropout: 0.1,
  modulesToSave: ["lm_head"],
};

function adapterOf(lora: LoraConfig, configJson: Adapter["configJson"] = {}): Adapter {
  return {
    lora,
    weights: noisy(newLora(SMALL, lora, 3, smallWeights())),
    configJson,
    baseModel: "some/base",
  };
}

const GOLDEN = join(import.meta.dirname, "../../golden/cases/peft/dora_qv");

describe("an adapter folder", () => {
  it("reads back as it was written, with keys that are unknown here", async () => {
    const adapter = adapterOf(LORA, { peft_version: "9.9", from_elsewhere: { a: [1] } });
    await saveAdapter(join(folder, "all"), adapter);
    const back = readAdapter(join(folder, "all"), SMALL);
    expect(back.lora).toEqual(LORA);
    expect(back.weights).toEqual(new Map([...adapter.weights].sort(([a], [b]) => (a < b ? -1 : 1))));
    expect(back.baseModel).toBe("some/base");
    expect(back.configJson).toMatchObject({
      peft_version: "9.9",
      from_elsewhere: { a: [1] },
      r: 2,
      use_dora: true,
    });
    await saveAdapter(join(folder, "again"), back);
    for (const file of ["adapter_config.json", "adapter_model.safetensors"])
      expect(readBytes(join(folder, "again", file))).toEqual(readBytes(join(folder, "all", file)));
  });

  it("has the names that PEFT gives: the magnitudes of DoRA without .weight", async () => {
    await saveAdapter(
      join(folder, "names"),
      adapterOf({
        rank: 1,
        alpha: 1,
        targets: ["layers.0.self_attn.q_proj"],
        dora: true,
        modulesToSave: ["lm_head"],
      }),
    );
    const { tensors, metadata } = readTensorIndex(join(folder, "names", "adapter_model.safetensors"));
    const layer = "base_model.model.model.layers.0.self_attn.q_proj";
    expect([...tensors.keys()].sort()).toEqual([
      "base_model.model.lm_head.weight",
      `${layer}.lora_A.weight`,
      `${layer}.lora_B.weight`,
      `${layer}.lora_magnitude_vector`,
    ]);
    expect(metadata).toEqual({ format: "pt" });
  });

  it("of PEFT keeps its bytes of tensors and every key of its config", async () => {
    const model = { ...SMALL, vocabulary: 96, width: 32, layers: 3, headWidth: 8, feedForward: 64 };
    const adapter = readAdapter(join(GOLDEN, "adapter"), model);
    await saveAdapter(join(folder, "peft"), adapter);
    expect(readJson(join(folder, "peft", "adapter_config.json"))).toEqual(
      readJson(join(GOLDEN, "adapter", "adapter_config.json")),
    );
    expect(readFileSync(join(folder, "peft", "adapter_model.safetensors"))).toEqual(
      readFileSync(join(GOLDEN, "adapter", "adapter_model.safetensors")),
    );
  });

  it("of a plain adapter written by a run is read, too", async () => {
    const lora: LoraConfig = { rank: 2, alpha: 4, targets: ["q_proj"] };
    const weights = newLora(SMALL, lora, 3);
    await writeAdapterFolder(join(folder, "run"), { config: lora, weights }, "base");
    expect(readAdapter(join(folder, "run"), SMALL).lora).toEqual({
      ...lora,
      ...Object.fromEntries(
        [
          "exclude",
          "layers",
          "modulesToSave",
          "rankPattern",
          "alphaPattern",
          "rsLora",
          "dora",
          "dropout",
        ].map((key) => [key, undefined]),
      ),
    });
  });

  it("is refused for tensors that are missing, too many, in another shape or not finite", async () => {
    const lora: LoraConfig = { rank: 2, alpha: 4, targets: ["layers.0.self_attn.q_proj"] };
    const name = "model.layers.0.self_attn.q_proj.lora_A.weight";
    const write = async (
      change: (weights: Map<string, { shape: readonly number[]; data: Float32Array }>) => void,
    ) => {
      const adapter = adapterOf(lora);
      const weights = new Map(adapter.weights);
      change(weights);
      await saveAdapter(join(folder, "bad"), { ...adapter, weights });
      return () => readAdapter(join(folder, "bad"), SMALL);
    };
    expect(await write((weights) => weights.delete(name))).toThrow(`has no tensor ${name}`);
    expect(await write((weights) => weights.set("x", { shape: [1], data: Float32Array.of(1) }))).toThrow(
      "does not call for: x",
    );
    expect(
      await write((weights) => weights.set(name, { shape: [16, 2], data: new Float32Array(32) })),
    ).toThrow("Shape of");
    expect(await write((weights) => (weights.get(name)!.data[5] = NaN))).toThrow(
      'not finite, at 5: got "NaN"',
    );
  });
});

describe("the config of an adapter", () => {
  it("is refused in one error for all options that would change the result", () => {
    const json = {
      peft_type: "LOHA",
      target_modules: 5,
      use_qalora: true,
      bias: "all",
      init_lora_weights: "pissa_niter_4",
      r: "8",
    };
    let message = "";
    try {
      parseAdapterConfig(json, "there.json");
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message.split("\n")[0]).toBe("there.json is not an adapter that Lawbook can run:");
    for (const key of Object.keys(json)) expect(message).toContain(`  ${key}: not supported: got `);
  });

  it("takes PEFT's defaults for what it leaves out", () => {
    const lora = parseAdapterConfig(
      { peft_type: "LORA", target_modules: ["q_proj"], layers_to_transform: 1 },
      "x",
    );
    expect(lora).toMatchObject({ rank: 8, alpha: 8, layers: [1] });
  });

  it("that is not JSON names its file", () => {
    writeAtomic(join(folder, "broken/adapter_config.json"), "{");
    expect(() => readAdapter(join(folder, "broken"), SMALL)).toThrow(
      "broken/adapter_config.json is not JSON",
    );
  });
});
