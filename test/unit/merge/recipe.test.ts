import { describe, expect, it } from "vitest";

import type { Problem } from "../../../src/core/errors.js";
import { LawbookError } from "../../../src/core/errors.js";
import { modelsOf, parseRecipe, type Recipe } from "../../../src/merge/recipe.js";
import { settingAt, settingsAt, valueAt } from "../../../src/merge/recipe-parameters.js";

const problemsOf = (text: string): readonly Problem[] => {
  try {
    parseRecipe(text, "r.yml");
  } catch (error) {
    expect(error).toBeInstanceOf(LawbookError);
    expect((error as LawbookError).exitCode).toBe(2);
    return (error as LawbookError).problems;
  }
  throw new Error("The recipe was taken.");
};
const messages = (text: string): string[] =>
  problemsOf(text).map(({ path, line, message }) => `${line ?? "-"} ${path ?? "-"}: ${message}`);

const TWO = `models:
  - { model: a, parameters: { weight: 1 } }
  - { model: b, parameters: { weight: 1 } }
`;

describe("a recipe", () => {
  it("is read with its models, parameters, types and tokenizer", () => {
    const recipe = parseRecipe(`
merge_method: ties
base_model: base
dtype: float32
out_dtype: bfloat16
tokenizer_source: union
models:
  - model: a
    parameters:
      weight: [0, 1]
      density: { filter: mlp, value: 0.5 }
  - model: b
    parameters: { weight: [{ filter: "*", value: 2 }] }
parameters: { normalize: false, int8_mask: true }
`);
    expect(recipe).toMatchObject({
      method: { name: "ties" },
      base: "base",
      whole: true,
      dtype: "float32",
      outDtype: "bfloat16",
      tokenizerSource: "union",
      parameters: { normalize: [{ filter: undefined, value: false }] },
      notes: ["int8_mask changes nothing: it saves memory in mergekit; here masks take none"],
    } satisfies { [Key in keyof Recipe]?: unknown });
    expect(recipe.slices).toEqual([
      {
        base: "base",
        parameters: {},
        sources: [
          {
            model: "a",
            layers: undefined,
            line: 8,
            parameters: {
              weight: [{ filter: undefined, value: [0, 1] }],
              density: [{ filter: "mlp", value: 0.5 }],
            },
          },
          {
            model: "b",
            layers: undefined,
            line: 12,
            parameters: { weight: [{ filter: undefined, value: 2 }] },
          },
        ],
      },
    ]);
    expect(modelsOf(recipe)).toEqual(["base", "a", "b"]);
  });

  it("may have slices with bases of their own, and one module", () => {
    const slices = `slices:
      - sources: [{ model: a, layer_range: [0, 2] }, { model: b, layer_range: [2, 4] }]
        base_model: b
        parameters: { t: 0.1 }
`;
    const plain = parseRecipe(`merge_method: slerp\nbase_model: a\n${slices.replaceAll("\n    ", "\n")}`);
    expect(plain.slices[0]).toMatchObject({ base: "b", sources: [{ layers: [0, 2] }, { layers: [2, 4] }] });
    const module = parseRecipe(
      `merge_method: slerp\nbase_model: a\nmodules:\n  default:\n    parameters: { t: 0.7 }\n    ${slices}`,
    );
    expect(module.slices[0]).toMatchObject({ base: "b", parameters: { t: [{ value: 0.1 }] } });
    expect(module.moduleParameters).toEqual({ t: [{ filter: undefined, value: 0.7 }] });
  });

  it.each([
    ["", ["- -: got null, expected keys with values."]],
    ["- a\n- b\n", ['- -: got ["a","b"], expected keys with values.']],
    ["merge_method: linear\nmerge_method: slerp\n", ["2 -: Map keys must be unique."]],
    [`merge_method: linear\nmodels:\n  - { model: a, model: b }\n`, ["3 -: Map keys must be unique."]],
    ["merge_method: linear\n---\nmerge_method: slerp\n", ["2 -: got several documents, expected one merge."]],
    ["merge_method: linear\nmodels: []\n", ["2 models: got [], expected a list that is not empty."]],
    ["merge_method: linear\n", ["1 merge_method: got none, expected one of models, slices or modules."]],
    [
      `merge_method: linear\nmodules: { text: {} }\n`,
      ['2 modules.text: got "text", expected "default": a Llama has one module, "default".'],
    ],
    [
      `merge_method: slerp\n${TWO}`,
      [
        "3 models[0].parameters.weight: unknown parameter of slerp, expected one of t, form.",
        "4 models[1].parameters.weight: unknown parameter of slerp, expected one of t, form.",
      ],
    ],
    [
      "merge_method: slerp\nparameters: { t: 1 }\nmodels: [{ model: a }, { model: b }]\n",
      [
        "1 merge_method: slerp needs base_model: got none, expected the name of a model.",
        "3 models: slerp: got 2 models, expected 1.",
      ],
    ],
    [
      `merge_method: linear\nbase: x\nparameters: { wieght: 1 }\n${TWO}`,
      [
        "2 base: unknown key, expected one of merge_method, base_model, models, slices, modules, parameters, dtype, out_dtype, tokenizer_source.",
        '3 parameters.wieght: unknown parameter of linear, expected one of weight, normalize. Did you mean "weight"?',
      ],
    ],
    [
      `merge_method: linear\ntokenizer: { source: union }\nchat_template: auto\n${TWO}`,
      [
        "2 tokenizer: not supported: tokens cannot be added or moved; use tokenizer_source.",
        "3 chat_template: not supported: the template travels with the tokenizer's files; leave it out.",
      ],
    ],
    [
      `merge_method: linear\ntokenizer_source: base\n${TWO}`,
      ['2 tokenizer_source: not supported without base_model: got "base", expected the name of a model.'],
    ],
    [
      "merge_method: linear\nmodels:\n  - { model: a, parameters: { weight: 1, normalize: true } }\n",
      [
        "3 models[0].parameters.normalize: is one for the whole merge, expected among the parameters of the recipe or of a slice.",
      ],
    ],
    [
      "merge_method: linear\nmodels:\n  - { model: { path: a, revision: b }, parameters: { weight: 1 } }\n",
      [
        '3 models[0].model: got {"path":"a","revision":"b"}, expected the name or folder of a model; adapters and revisions are not read.',
      ],
    ],
    [
      `merge_method: linear\nmodels: [{ model: a, parameters: { weight: 1 } }, { model: a, parameters: { weight: 1 } }]\n`,
      ["2 models: got a twice, expected each model once."],
    ],
    [
      `merge_method: ties\nbase_model: c\nslices:\n  - sources:\n      - { model: a, layer_range: [0, 2], parameters: { weight: 1 } }\n      - { model: b, layer_range: [0, 3] }\n`,
      [
        "4 slices[0].sources: got no source of the base model c, expected one in every slice.",
        "4 slices[0].sources: got ranges of 2, 3 layers, expected ranges of one length.",
      ],
    ],
    [
      `merge_method: passthrough\nslices:\n  - sources: [{ model: a, layer_range: [2, 2] }]\n  - sources: [{ model: a }]\n    residual_weight: 1\n`,
      [
        "3 slices[0].sources[0].layer_range: got [2,2], expected [first layer, layer after the last].",
        "5 slices[1].residual_weight: not supported: mergekit reads it and does nothing with it; leave it out.",
        "4 slices[1].sources[0].layer_range: got null, expected [first layer, layer after the last].",
      ],
    ],
    [
      "merge_method: nuslerp\nbase_model: a\nmodels: [{ model: a }, { model: b, parameters: { weight: 1 } }]\n",
      ["3 models: nuslerp: got 1 models beside the base, expected 2."],
    ],
  ])("that is wrong is refused, line by line: %j", (text, expected) => {
    expect(messages(text)).toEqual(expected);
  });

  it.each([
    ["density: 0", "got 0, expected a number in (0, 1]."],
    ["density: -0.1", "got -0.1, expected a number in (0, 1]."],
    ["density: 1.01", "got 1.01, expected a number in (0, 1]."],
    ["density: .nan", "got NaN, expected a number in (0, 1]."],
    ["density: '0.5'", 'got "0.5", expected a number in (0, 1].'],
    ["density: []", "got an empty list, expected a value for each part of the layers."],
    ["density: [0.5, 2]", "got 2, expected a number in (0, 1]."],
    ["density: [{ value: 0.5 }, 0.3]", "got 0.3, expected value and, if need be, filter, as beside it."],
    ["density: { filter: 3, value: 0.5 }", "got 3, expected part of a tensor's name."],
    ["density: { filer: mlp, value: 0.5 }", "unknown key, expected filter or value."],
    ["density: { filter: mlp }", "got null, expected a number in (0, 1]."],
    ["normalize: 1", "got 1, expected true or false."],
    ["variant: papr", 'got "papr", expected one of mergekit, peft, paper.'],
    ["lambda: .inf", "got Infinity, expected a number."],
  ])("has values in their ranges: %s", (parameter, message) => {
    const found = problemsOf(`merge_method: ties\nbase_model: c\nparameters: { ${parameter} }\n${TWO}`);
    expect(found.map((problem) => problem.message)).toEqual([message]);
    expect(found[0]!.line).toBe(3);
  });
});

describe("a gradient", () => {
  it("is interpolated over the layers of a slice: mergekit's numbers for six", () => {
    const values = [0, 1, 2, 3, 4, 5].map((layer) => valueAt([0, 0.5, 0.3, 0.7, 1], layer / 5) as number);
    [0, 0.4, 0.38, 0.46, 0.76, 1].forEach((value, layer) => expect(values[layer]).toBeCloseTo(value, 12));
  });

  it("of other values than numbers has steps", () => {
    expect([0, 0.4, 0.99, 1].map((p) => valueAt([true, false], p))).toEqual([true, true, true, false]);
  });
});

describe("precedence", () => {
  const { method } = parseRecipe(`merge_method: linear\n${TWO}`);
  const level = (
    weight: unknown,
  ): Record<string, readonly { filter: string | undefined; value: number }[]> => ({
    weight: weight as readonly { filter: string | undefined; value: number }[],
  });
  const at = (tensor: string): { tensor: string; position: number } => ({ tensor, position: 0 });

  it("asks source, slice, module and recipe, and passes on where no filter fits", () => {
    const levels = [
      level([{ filter: "q_proj", value: 1 }]),
      level([{ filter: "self_attn", value: 2 }]),
      level([{ filter: "mlp", value: 3 }]),
      level([{ filter: undefined, value: 4 }]),
    ];
    const names = ["self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj", "norm"];
    expect(names.map((name) => settingAt("weight", levels, at(name)))).toEqual([1, 2, 3, 4]);
  });

  it("takes the first filter that fits, even where a later one fits more closely", () => {
    const levels = [
      level([
        { filter: "proj", value: 1 },
        { filter: "q_proj", value: 2 },
      ]),
    ];
    expect(settingAt("weight", levels, at("self_attn.q_proj"))).toBe(1);
  });

  it("ends with the default, or with what is missing", () => {
    expect(settingsAt(method, "merge", [], at("w"))).toEqual({ settings: { normalize: true }, missing: [] });
    expect(settingsAt(method, "model", [], at("w"))).toEqual({ settings: {}, missing: ["weight"] });
  });
});
