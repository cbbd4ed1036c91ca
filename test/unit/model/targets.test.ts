import { describe, expect, it } from "vitest";

import { matchesTargets, patternValue, savedWeights, targetLayers } from "../../../src/model/targets.js";
import { SMALL } from "../../support/small-model.js";

const Q0 = "model.layers.0.self_attn.q_proj";

describe("targets", () => {
  it.each([
    [["q_proj"], true],
    [["self_attn.q_proj"], true],
    [[Q0], true],
    [["proj"], false],
    [["layers.1.self_attn.q_proj"], false],
    ["all-linear", true],
    ["ALL-Linear", true],
    ["q_proj", false],
    [String.raw`.*\.q_proj`, true],
    [String.raw`model\.layers\.1\..*|.*\.0\.self_attn\.(q|k)_proj`, true],
  ])("%j matches the query projection of block 0: %s", (targets, expected) => {
    expect(matchesTargets(Q0, targets)).toBe(expected);
  });

  it("leaves the head and the embedding out of all-linear", () => {
    const names = targetLayers(SMALL, { targets: "all-linear" }).map(({ name }) => name);
    expect(names).toHaveLength(7 * SMALL.layers);
    expect(names.filter((name) => /head|embed/.test(name))).toEqual([]);
  });

  it("takes away excluded layers, other blocks and modules that are trained whole", () => {
    const names = (rules: object): string[] =>
      targetLayers(SMALL, { targets: ["q_proj", "up_proj"], ...rules }).map(({ name }) => name);
    expect(names({})).toHaveLength(4);
    expect(names({ exclude: ["up_proj"] })).toEqual([`${Q0}.weight`, `${Q0.replace("0", "1")}.weight`]);
    expect(names({ exclude: String.raw`.*\.0\..*` })).toHaveLength(2);
    expect(names({ layers: [1] })).toHaveLength(2);
    expect(names({ modulesToSave: ["mlp"] })).toHaveLength(2);
  });

  it.each([
    [{ targets: ["q_proj", "query"] }, 'Unknown target module: got "query", expected one of q_proj'],
    [{ targets: "q_proj" }, 'No layer is adapted by the targets: got "q_proj"'],
    [{ targets: "(" }, 'Not a regular expression: got "("'],
    [{ targets: ["q_proj"], layers: [2] }, "Unknown block: got 2, expected a number from 0 to 1"],
    [{ targets: "all-linear", layers: [0] }, "Blocks are chosen only for a list of targets"],
    [{ targets: ["q_proj"], exclude: ["self_attn.q_proj"] }, "No layer is adapted"],
  ])("refuses %j", (rules, message) => {
    expect(() => targetLayers(SMALL, rules)).toThrow(message);
  });

  it("takes the first pattern that matches the end of a name", () => {
    const patterns = { "^q_proj": 1, "layers.1.self_attn.q_proj": 2, q_proj: 3, "self_attn.q_proj": 4 };
    expect(patternValue(patterns, Q0, 9)).toBe(3);
    expect(patternValue(patterns, Q0.replace("0", "1"), 9)).toBe(2);
    expect(patternValue(patterns, "model.layers.0.mlp.up_proj", 9)).toBe(9);
    expect(patternValue({ [`^${Q0}`]: 5 }, Q0, 9)).toBe(5);
    expect(patternValue(undefined, Q0, 9)).toBe(9);
  });

  it("saves modules whose name ends with the text, as PEFT does: norm means every norm", () => {
    const names = (module: string): string[] => savedWeights(SMALL, [module]).map(({ name }) => name);
    expect(names("lm_head")).toEqual(["lm_head.weight"]);
    expect(names("model.norm")).toEqual(["model.norm.weight"]);
    expect(names("norm")).toHaveLength(1 + 2 * SMALL.layers);
    expect(names("layers.0.mlp")).toHaveLength(3);
  });

  it("refuses an unknown module to save, and the shared matrix of a tied model", () => {
    expect(() => savedWeights(SMALL, ["classifier"])).toThrow('Unknown module to save: got "classifier"');
    const tied = { ...SMALL, tied: true };
    expect(() => savedWeights(tied, ["lm_head"])).toThrow("The embedding of a tied model cannot be trained");
    expect(() => savedWeights(tied, ["embed_tokens"])).toThrow("The embedding of a tied model");
  });
});
