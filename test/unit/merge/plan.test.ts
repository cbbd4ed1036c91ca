import { afterAll, describe, expect, it } from "vitest";
import { join } from "node:path";

import { makeTemporaryFolder, remove, writeAtomic } from "../../../src/core/files.js";
import { merge, mergedCheckpoint } from "../../../src/merge/merge.js";
import { type MergeSource, planMerge } from "../../../src/merge/plan.js";
import { parseRecipe } from "../../../src/merge/recipe.js";
import { type Checkpoint, newCheckpoint } from "../../../src/model/checkpoint.js";
import type { ModelConfig } from "../../../src/model/config.js";
import type { Weight } from "../../../src/model/safetensors.js";
import { SMALL } from "../../support/small-model.js";

const folder = makeTemporaryFolder("lawbook-merge-plan");
afterAll(() => remove(folder));

const model = (seed: number, config: ModelConfig = SMALL): Checkpoint => {
  const { tokenizerFolder: _, ...rest } = newCheckpoint(config, seed, "");
  return { ...rest, tokenizerFolder: undefined };
};
const deep = { ...SMALL, layers: 4 };
const models: Record<string, MergeSource> = {
  a: model(1),
  b: model(2),
  tied: model(3, { ...SMALL, tied: true }),
  deep: model(4, deep),
  wide: model(5, { ...SMALL, feedForward: 32 }),
  holes: withoutTensor(model(6), "model.layers.1.mlp.up_proj.weight"),
};

function withoutTensor(checkpoint: Checkpoint, name: string): Checkpoint {
  return { ...checkpoint, weights: new Map([...checkpoint.weights].filter(([key]) => key !== name)) };
}

const options = {
  seed: 1,
  resolve: (name: string): MergeSource => {
    const found = models[name];
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  },
};
const merged = (recipe: string): Checkpoint => mergedCheckpoint(merge(parseRecipe(recipe, "r.yml"), options));
const weight = (name: string, tensor: string): Weight => (models[name] as Checkpoint).weights.get(tensor)!;

const linearOf = (...names: string[]): string =>
  `merge_method: linear\nmodels:\n${names.map((name) => `  - { model: ${name}, parameters: { weight: 1 } }\n`).join("")}`;

describe("layers of several models", () => {
  it("are stacked under new numbers, with the embedding of the first and the head of the last", () => {
    const { config, configJson, weights } = merged(`merge_method: passthrough
slices:
  - sources: [{ model: a, layer_range: [0, 2] }]
  - sources: [{ model: deep, layer_range: [2, 4] }]
`);
    expect([config.layers, configJson["num_hidden_layers"]]).toEqual([4, 4]);
    const up = (layer: number): string => `model.layers.${layer}.mlp.up_proj.weight`;
    expect(weights.get(up(1))).toEqual(weight("a", up(1)));
    expect(weights.get(up(2))).toEqual(weight("deep", up(2)));
    expect(weights.get("model.embed_tokens.weight")).toEqual(weight("a", "model.embed_tokens.weight"));
    for (const last of ["model.norm.weight", "lm_head.weight"])
      expect(weights.get(last)).toEqual(weight("deep", last));
    expect([...weights.keys()].filter((name) => name.includes("up_proj"))).toEqual([0, 1, 2, 3].map(up));
  });

  it("have filters that see a model's own names, and gradients that run in their slice, at 1 for one layer", () => {
    const { tensors } = planMerge(
      parseRecipe(`merge_method: linear
slices:
  - sources:
      - { model: a, layer_range: [1, 2], parameters: { weight: [2, 7] } }
  - sources:
      - { model: deep, layer_range: [0, 3], parameters: { weight: [{ filter: layers.2., value: 5 }, { value: [1, 4] }] } }
parameters:
  normalize: [{ filter: layers.3., value: false }, { value: true }]
`),
      options,
    );
    const norms = tensors.filter(({ name }) => name.endsWith("input_layernorm.weight"));
    expect(norms.map(({ inputs }) => inputs[0]!.settings["weight"])).toEqual([7, 1, 2.5, 5]);
    expect(norms.map(({ settings }) => settings["normalize"])).toEqual([true, true, true, false]);
    const outside = tensors.filter(({ layer }) => layer === undefined);
    expect(outside.map(({ name, inputs }) => [name, inputs[0]!.settings["weight"]])).toEqual([
      ["model.embed_tokens.weight", 2],
      ["model.norm.weight", 1],
      ["lm_head.weight", 1],
    ]);
  });
});

describe("a head that is the embedding", () => {
  it("stays so where all models have it", () => {
    const { config, weights } = merged(linearOf("tied"));
    expect(config.tied).toBe(true);
    expect(weights.has("lm_head.weight")).toBe(false);
  });

  it("is merged as a head with heads of other models, whichever comes first", () => {
    for (const order of [
      ["tied", "a"],
      ["a", "tied"],
    ]) {
      const { config, configJson, weights } = merged(linearOf(...order));
      expect([config.tied, configJson["tie_word_embeddings"]]).toEqual([false, false]);
      const embedding = weight("tied", "model.embed_tokens.weight").data;
      const head = weight("a", "lm_head.weight").data;
      const got = weights.get("lm_head.weight")!.data;
      got.forEach((value, i) => expect(value).toBeCloseTo((embedding[i]! + head[i]!) / 2, 7));
    }
  });
});

describe("a base", () => {
  it("is appended to whole models where it is not listed, and left out of the task vectors where it is", () => {
    const task = (listed: string): Checkpoint =>
      merged(
        `merge_method: task_arithmetic\nbase_model: b\nmodels:\n${listed}  - { model: a, parameters: { weight: 1 } }\n`,
      );
    const name = "model.layers.0.mlp.up_proj.weight";
    const one = task("").weights.get(name)!.data;
    expect(task("  - { model: b }\n").weights.get(name)!.data).toEqual(one);
    one.forEach((value, i) => expect(value).toBeCloseTo(weight("a", name).data[i]!, 7));
  });

  it("needs a weight as one more model of methods that have none", () => {
    expect(() =>
      merged(`merge_method: linear\nbase_model: b\nmodels: [{ model: a, parameters: { weight: 1 } }]\n`),
    ).toThrow("no weight of b for model.embed_tokens.weight, expected one that fits this tensor.");
  });
});

describe("models that do not fit", () => {
  it("are refused together, each with its line", () => {
    expect(() => merged(linearOf("a", "wide", "holes"))).toThrow(
      [
        "r.yml has 7 problems:",
        ...[0, 1].flatMap((layer) => [
          `  line 4: shape of model.layers.${layer}.mlp.gate_proj.weight in wide: got [32,16], expected [24,16] for model.layers.${layer}.mlp.gate_proj.weight.`,
          `  line 4: shape of model.layers.${layer}.mlp.up_proj.weight in wide: got [32,16], expected [24,16] for model.layers.${layer}.mlp.up_proj.weight.`,
          ...(layer === 1 ? ["  line 5: holes has no model.layers.1.mlp.up_proj.weight."] : []),
          `  line 4: shape of model.layers.${layer}.mlp.down_proj.weight in wide: got [16,32], expected [16,24] for model.layers.${layer}.mlp.down_proj.weight.`,
        ]),
      ].join("\n"),
    );
  });

  it("are refused for their depth", () => {
    expect(() => merged(linearOf("a", "deep"))).toThrow(
      "layers differ: got a 2, deep 4, expected models of equal depth, or slices.",
    );
    expect(() =>
      merged("merge_method: passthrough\nslices:\n  - sources: [{ model: a, layer_range: [1, 3] }]\n"),
    ).toThrow("line 3: layer_range of a: got [1, 3], expected layers of [0, 2].");
  });

  it("are refused where a filter leaves a parameter open, once for all tensors", () => {
    const recipe = `merge_method: slerp\nbase_model: a\nparameters: { t: { filter: mlp, value: 0.5 } }\nmodels: [{ model: b }]\n`;
    expect(() => merged(recipe)).toThrow(
      /^r\.yml has 1 problem:\n {2}parameters\.t: no t for model\.embed_tokens\.weight, expected one that fits this tensor\.$/,
    );
  });

  it("are refused for what their method cannot do with a tensor, naming it", () => {
    const recipe = `merge_method: linear\nmodels:\n  - { model: a, parameters: { weight: 1 } }\n  - { model: b, parameters: { weight: [{ filter: model.norm, value: -1 }, { value: 1 }] } }\n`;
    expect(() => merged(recipe)).toThrow(
      "model.norm.weight: got weights 1, -1, expected a sum other than 0, or normalize: false.",
    );
  });
});

describe("the tokenizer", () => {
  const withTokenizer = (name: string, vocab: Record<string, number>): Checkpoint => {
    writeAtomic(join(folder, name, "tokenizer.json"), JSON.stringify({ model: { vocab }, added_tokens: [] }));
    return { ...model(1), tokenizerFolder: join(folder, name) };
  };
  models["x"] = withTokenizer("x", { a: 0, b: 1 });
  models["same"] = withTokenizer("same", { b: 1, a: 0 });
  models["other"] = withTokenizer("other", { a: 1, b: 0 });
  const plan = (...lines: string[]): ReturnType<typeof planMerge> =>
    planMerge(parseRecipe([...lines].join("\n"), "r.yml"), options);

  it("is that of the base, of the first model, or of the one that is named", () => {
    expect(plan(linearOf("x", "same")).tokenizerFolder).toBe(join(folder, "x"));
    expect(plan("tokenizer_source: same", linearOf("x", "same")).tokenizerFolder).toBe(join(folder, "same"));
    expect(plan("tokenizer_source: union", linearOf("x", "same")).tokenizerFolder).toBe(join(folder, "x"));
    expect(
      plan(
        "base_model: same",
        "tokenizer_source: base",
        "merge_method: slerp",
        "parameters: { t: 1 }",
        "models: [{ model: x }]",
      ).tokenizerFolder,
    ).toBe(join(folder, "same"));
  });

  it("is refused where vocabularies differ and the recipe asks for one; else that is noted", () => {
    for (const source of ["union", "x", "other"]) {
      expect(() => plan(`tokenizer_source: ${source}`, linearOf("x", "other"))).toThrow(
        /tokenizer_source: not supported here: the vocabulary of \w+ and of \w+ differ, and rows of embeddings are not moved\./,
      );
    }
    expect(plan(linearOf("x", "other")).notes).toEqual([
      "the vocabulary of x and of other differ: rows of embeddings are merged by number",
    ]);
    expect(() => plan("tokenizer_source: a", linearOf("a", "x"))).toThrow(
      "tokenizer_source: a has no tokenizer.json, expected a model with a tokenizer.",
    );
    expect(plan(linearOf("a", "x")).notes).toEqual([]);
  });
});
