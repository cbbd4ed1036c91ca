import { join, resolve } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { parseArguments } from "../../dist/commands/arguments.js";
import type { CommandContext, Progress } from "../../dist/commands/command.js";
import { composeCommand, type Composition } from "../../dist/commands/compose.js";
import { retrain } from "../../dist/runs/retrain.js";
import { exists, makeTemporaryFolder, readJson, remove, writeAtomic } from "../../src/core/files.js";
import { stream } from "../../src/core/random.js";
import { readAdapter, saveAdapter } from "../../src/model/adapter.js";
import { readAdapterFolder } from "../../src/model/adapter-folder.js";
import { readCheckpoint, weightsDigest } from "../../src/model/checkpoint.js";
import { type LoraConfig, mergeLora, newLora } from "../../src/model/lora.js";
import type { Weights } from "../../src/model/safetensors.js";
import { execute } from "../../src/runs/execute.js";
import { resolveTrain } from "../../src/runs/resolve.js";
import { openStore } from "../../src/runs/store.js";

const root = resolve(import.meta.dirname, "../..");
const folder = makeTemporaryFolder("lawbook-compose");
afterAll(() => remove(folder));
const home = join(folder, "home");
const base = readCheckpoint(join(root, "datasets/models/xs-instruct"));
const steps: Progress[] = [];
const context: CommandContext = {
  cwd: folder,
  root,
  home,
  env: {},
  signal: new AbortController().signal,
  progress: (step) => steps.push(step),
};
let geography: string;

const LORA: LoraConfig = { rank: 4, alpha: 8, targets: ["q_proj", "down_proj"] };

beforeAll(async () => {
  for (const [name, lora] of [
    ["noise", LORA],
    ["more", { ...LORA, rsLora: true }],
    ["dora", { ...LORA, dora: true }],
  ] as const) {
    const weights = newLora(base.config, lora, name.length, base.weights);
    for (const [tensor, { data }] of weights) {
      const draw = stream(3, "noise", name, tensor);
      if (tensor.includes("lora_B")) data.forEach((_, at) => (data[at] = draw.normal(0, 0.02)));
    }
    const configJson = { revision: null, note: { kept: true }, peft_version: name };
    await saveAdapter(join(folder, name), { lora, weights, configJson, baseModel: "xs-instruct" });
  }
  writeAtomic(join(folder, "mixture/adapter_config.json"), `{"peft_type": "LORAMOE"}`);
  const store = openStore({ root, home });
  const run = resolveTrain(
    {
      model: "xs-instruct",
      method: { kind: "lora", rank: 4, alpha: 8, targets: ["q_proj", "down_proj"] },
      data: { facts: { geography: 8 }, wordings: { else: 2 } },
      steps: 40,
      batch: 16,
      optimizer: { lr: 0.02 },
      evaluate: { sets: [] },
      device: "cpu",
    },
    root,
    store,
  );
  geography = `run:${(await execute(run, { root, store })).id}`;
});

async function composed(body: string, ...words: string[]): Promise<Composition> {
  const form = { label: "%%compose", positionals: [] };
  return composeCommand.run(parseArguments(composeCommand, form, words, body), context);
}
const textOf = async (composition: Composition): Promise<string> =>
  (await composeCommand.show(composition)).text;
const weightsOf = ({ inputs }: Composition): (number | null)[] => inputs.adapters.map(({ weight }) => weight);
const HEAD = "base: xs-instruct\ndevice: cpu\n";

describe("lawbook compose", () => {
  it("writes one adapter of several, with the keys that they share", async () => {
    const request = `${HEAD}adapters:\n  - { adapter: ./noise, weight: 0.5 }\n  - { adapter: ./more, weight: -1 }\nmethod: cat\n`;
    const result = await composed(request, "--out", "cat");
    const { lora, weights, configJson } = readAdapter(join(folder, "cat"), base.config);
    expect(weightsDigest(weights)).toBe(result.weights);
    expect(lora).toMatchObject({ rank: 8, alpha: 8, targets: ["down_proj", "q_proj"] });
    expect(lora.rsLora).toBeUndefined();
    expect(configJson).toMatchObject({
      note: { kept: true },
      revision: null,
      r: 8,
      base_model_name_or_path: "xs-instruct",
    });
    expect(configJson["peft_version"]).toBeUndefined();
    expect(result.inputs.adapters.map(({ name, weight }) => [name, weight])).toEqual([
      ["./noise", 0.5],
      ["./more", -1],
    ]);
    expect(result.layers).toHaveLength(2 * base.config.layers);
    for (const { distance } of result.layers) expect(distance).toBeLessThan(1e-12);
    const record = openStore({ root, home }).find(result.id)!;
    expect(await retrain(record, { root, home, cwd: folder })).toMatchObject({ equal: true });
    await expect(composed(request, "--out", "cat")).rejects.toThrow(
      /--out names a folder that is there already/,
    );
  });

  it("writes the base with the composition folded in", async () => {
    const request = `${HEAD}adapters:\n  - adapter: ./noise\n  - adapter: ./more\nmethod: svd\nrank: 3\n`;
    const result = await composed(request, "--out", "merged", "--merged");
    await composed(request, "--out", "alone");
    const adapter = readAdapter(join(folder, "alone"), base.config);
    expect(weightsDigest(adapter.weights)).toBe(result.weights);
    const merged: Weights = readCheckpoint(join(folder, "merged")).weights;
    expect(weightsDigest(merged)).toBe(weightsDigest(mergeLora(base.weights, adapter.weights, adapter.lora)));
    await expect(composed(request, "--merged")).rejects.toThrow(/--merged needs --out/);
  });

  it("prints norms by target, cross terms and tail energy", async () => {
    const adapters = "adapters:\n  - { adapter: ./noise }\n  - { adapter: ./more }\n";
    const linear = await textOf(await composed(`${HEAD}${adapters}method: linear\n`));
    expect(linear).toMatch(
      /^adapter by linear, on xs-instruct, seed 1, cpu\n1\.0000 x \.\/noise, 1\.0000 x \.\/more\n/,
    );
    expect(linear).toMatch(
      /target +rank +norm +norm of the sum +distance +cross terms\nq_proj +4 .*\ndown_proj +4 /,
    );
    const svd = await textOf(await composed(`${HEAD}${adapters}method: svd\n`));
    expect(svd).toMatch(/distance +tail energy\nq_proj +4 .* 0\.[1-4]\d+\n/);
  });

  it("searches the weights that say a discipline's answers most likely, and tells", async () => {
    steps.length = 0;
    const request = `${HEAD}adapters: [{ adapter: "${geography}" }, { adapter: ./noise }]
search: { data: { facts: { geography: 8 }, wordings: { else: 2 } }, steps: 12 }
`;
    const result = await composed(request);
    const { search } = result;
    expect(search!.trials).toHaveLength(12);
    expect(search!.trials[0]!.weights).toEqual([0, 0]);
    expect(search!.loss).toBeLessThan(search!.trials[0]!.loss! - 0.3);
    expect(search!.weights[0]).toBeGreaterThan(0.2);
    expect(weightsOf(result)).toEqual(search!.weights);
    expect(result.inputs.parents).toEqual([geography.slice(4)]);
    expect(steps.at(-1)).toMatchObject({ phase: "searching", done: 12, total: 12 });
    expect(await textOf(result)).toMatch(
      /weights searched.*\n.*\nloss \d\.\d{4} nats per token after 12 evaluations, \d+\.\d{4} without/,
    );
    expect(await composed(request)).toEqual(result);
  });

  it("learns the weight of every layer and writes a plain adapter", async () => {
    const request = `${HEAD}adapters: [{ adapter: "${geography}" }, { adapter: ./noise }]
learn: { kind: cat, data: { facts: { geography: 8 }, wordings: { else: 2 } }, steps: 8, lr: 0.05 }
`;
    const result = await composed(request, "--out", "learnt");
    const { losses, layerWeights, parameters } = result.learnt!;
    expect(losses).toHaveLength(8);
    expect(losses[7]).toBeLessThan(losses[0]!);
    expect(parameters).toBe(2 * 2 * base.config.layers);
    expect(layerWeights!.map((own) => Object.keys(own))).toEqual(
      [0, 1].map(() => result.layers.map(({ layer }) => layer).sort()),
    );
    expect(layerWeights![0]!["model.layers.0.self_attn.q_proj"]).not.toBe(0.5);
    const { weights } = readAdapter(join(folder, "learnt"), base.config);
    expect(weightsDigest(weights)).toBe(result.weights);
    expect(await textOf(result)).toMatch(/weight of \.\/noise: mean -?0\.\d{4}, /);
  });

  it("learns a gate and writes a mixture", async () => {
    const request = `${HEAD}adapters: [{ adapter: "${geography}" }, { adapter: ./noise }]
learn: { kind: gate, data: { facts: { geography: 4, biology: 4 } }, steps: 6, lr: 0.05 }
`;
    const result = await composed(request, "--out", "gate");
    expect(result).toMatchObject({ kind: "mixture", layers: [] });
    expect(weightsOf(result)).toEqual([null, null]);
    expect(result.learnt!.losses[5]).toBeLessThan(result.learnt!.losses[0]!);
    const { config, weights } = readAdapterFolder(join(folder, "gate"), base.config);
    expect(config).toMatchObject({ kind: "lora-moe", experts: 2, routing: { kind: "dense" } });
    expect(weightsDigest(weights)).toBe(result.weights);
    expect(readJson(join(folder, "gate/adapter_config.json"))).toMatchObject({
      peft_type: "LORAMOE",
      routing_strategy: "loramoe",
    });
    expect(Object.keys(result.routing!.shares)).toEqual(["biology", "geography"]);
    expect(await textOf(result)).toMatch(/routing +expert 0 +expert 1\nbiology/);
    await expect(composed(request, "--out", "no", "--merged")).rejects.toThrow(
      /--merged cannot fold a mixture/,
    );
    expect(exists(join(folder, "no"))).toBe(false);
  });

  it("names every adapter that cannot be used, with its line", async () => {
    const request = `${HEAD}adapters:
  - adapter: ./nowhere
  - adapter: ./mixture
  - adapter: run:00000000
  - adapter: ./noise
`;
    await expect(composed(request)).rejects.toThrow(
      /3 problems:\n.*adapters\.0\.adapter, line 4: There is no adapter in \.\/nowhere.*\n.*line 5: \.\/mixture cannot be composed: got "LORAMOE".*\n.*line 6: There is no run 00000000/,
    );
    await expect(composed(`${HEAD}adapters:\n  - adapter: ./dora\n`)).rejects.toThrow(
      /adapters\.0, line 4: \.\/dora is a DoRA/,
    );
  });

  it("refuses an adapter of another model, and a base that is none", async () => {
    await expect(composed(`base: xs-base\nadapters:\n  - adapter: ${geography}\n`)).rejects.toThrow(
      /adapters\.0\.adapter, line 3: Model under run:/,
    );
    await expect(composed("base: nothing\nadapters: [{ adapter: ./noise }]\n")).rejects.toThrow(
      /Unknown model/,
    );
    await expect(composed("42")).rejects.toThrow(/no mapping/);
  });
});
