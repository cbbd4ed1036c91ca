import { describe, expect, it } from "vitest";

import { modelParameters, type RunRecord, tokenParameters } from "../../../src/runs/record.js";

/** A record of 10 tokens and 7 trainable parameters, as far as its cost asks for it. */
const run = (id: string, model: string, parents: readonly string[] = [], tokens = 10): RunRecord =>
  ({
    id,
    inputs: { model: { name: model }, parents },
    result: { tokens, parameters: 7 },
  }) as unknown as RunRecord;
const nobody = (): undefined => undefined;

describe("cost of a run", () => {
  it.each([
    ["xs-instruct", 382_656],
    ["s-base", 750_624],
    ["m-instruct", 1_449_600],
    ["new:l", 3_049_920],
  ])("counts all parameters of %s, not the trained ones alone", (model, parameters) => {
    expect(modelParameters(run("a", model), nobody)).toBe(parameters);
  });

  it("takes the trained parameters where the name tells no size", () => {
    expect(modelParameters(run("a", "./smollm"), nobody)).toBe(7);
    expect(modelParameters(run("a", "run:0123", ["0123"]), nobody)).toBe(7);
  });

  it("follows parents, and sums tokens times parameters", () => {
    const stem = run("stem", "s-instruct", [], 100);
    const branch = run("branch", "run:stem", ["stem"], 10);
    const merge = run("merge", "run:branch", ["branch"], 0);
    expect(tokenParameters([merge, branch, stem])).toBe(110 * 750_624);
  });
});
