import { describe, expect, it } from "vitest";

import { parseRequestText } from "../../../src/commands/request-text.js";
import type { PartitionRequest } from "../../../src/partition/request.js";
import { parsePartitionRequest } from "../../../src/partition/schema.js";

const KNOWN = ["mathematics", "chemistry", "biology", "medicine", "geography"];

function parse(yaml: string): PartitionRequest {
  const { value, lineOf } = parseRequestText(yaml, "The request");
  return parsePartitionRequest(value, KNOWN, lineOf);
}

function complaint(yaml: string): string {
  try {
    parse(yaml);
  } catch (error) {
    return (error as Error).message;
  }
  return "accepted";
}

describe("a partition request", () => {
  it("may be empty: every default is filled in", () => {
    expect(parse("")).toEqual({
      kind: "partition",
      disciplines: KNOWN,
      corpus: { facts: Object.fromEntries(KNOWN.map((name) => [name, 200])), wordings: 1 },
      discrepancy: "jensen-shannon",
      synergy: "mean",
      smoothing: 0.5,
      lambda: [1, 0, 0.5, 1.5, 2, 3],
      penalty: { weights: 0.001, adapters: 0.0007 },
      radius: { weights: 10, adapters: 12 },
      solver: ["enumeration", "dynamic-programming", "single-linkage", "local-search"],
      stages: 5,
      steps: 200,
      bootstrap: 200,
      control: 20,
      seed: 1,
    });
  });

  it("takes numbers and names alone for lists of one", () => {
    const { lambda, solver, disciplines, corpus, stages } = parse(
      "{disciplines: [geography, biology], lambda: 0.5, solver: local-search, corpus: {facts: 30}, stages: 9}",
    );
    expect(lambda).toEqual([0.5]);
    expect(solver).toEqual(["local-search"]);
    expect(disciplines).toEqual(["geography", "biology"]);
    expect(corpus.facts).toEqual({ geography: 30, biology: 30 });
    expect(stages).toBe(2);
    expect(parse("lambda: [2, 1, 2]").lambda).toEqual([2, 1]);
    expect(parse("solver: [local-search, enumeration]").solver).toEqual(["enumeration", "local-search"]);
  });

  it("leaves out of `all` the solvers that do not take as many disciplines", () => {
    const many = Array.from({ length: 12 }, (_, index) => `d${index}`);
    expect(parsePartitionRequest({}, many).solver).toEqual([
      "dynamic-programming",
      "single-linkage",
      "local-search",
    ]);
  });

  it("tells all that is wrong at once, each with its line", () => {
    const text = complaint(`disciplines: [chemisty, biology]
lambda: -1
smoothing: .nan
radius: { weights: 0 }
corpus:
  facts: 0
  wording: 2
solver: exakt
stages: 0
bogus: 1`);
    for (const line of [
      'disciplines.0, line 1: got "chemisty", expected one of mathematics, chemistry, biology, medicine, geography (did you mean "chemistry"?).',
      "lambda, line 2: got -1: Too small: expected number to be >=0.",
      "smoothing, line 3: got NaN: expected number.",
      "radius.weights, line 4: got 0: Too small: expected number to be >0.",
      "corpus.facts, line 6: got 0: Too small: expected number to be >=2.",
      'corpus.wording, line 7: unknown field, expected one of facts, wordings (did you mean "wordings"?).',
      'solver, line 8: got "exakt", expected one of all, enumeration, dynamic-programming, single-linkage, local-search.',
      "stages, line 9: got 0: Too small: expected number to be >=1.",
      "bogus, line 10: unknown field",
    ])
      expect(text).toContain(line);
    expect(text).toContain("The partition request has 9 problems:");
  });

  it.each([
    ["disciplines: [chemistry]", /disciplines, line 1: got \["chemistry"\]: .*>=2/],
    ["disciplines: [chemistry, chemistry]", /disciplines.1, line 1: got "chemistry" a second time/],
    ["lambda: []", /lambda, line 1: got \[\]/],
    ["lambda: [1, -2]", /lambda.1, line 1: got -2/],
    ["lambda: .inf", /lambda, line 1: got Infinity/],
    ["solver: []", /solver, line 1: got \[\]/],
    ["corpus: {facts: {geography: 10}}", /corpus.facts.mathematics, line 1: is missing/],
    [
      "disciplines: [chemistry, biology]\ncorpus: {facts: {chemistry: 9, biology: 9, geography: 9}}",
      /corpus.facts.geography, line 2: is none of the disciplines/,
    ],
    ["discrepancy: kullback-leibler\nsmoothing: 0", /smoothing, line 2: got 0, expected more/],
    ["discrepancy: mmd\ncorpus: {facts: 501}", /corpus.facts.*got 501, expected at most 500/],
    ["bootstrap: 1.5", /bootstrap, line 1: got 1.5: expected int/],
    ["penalty: {weights: -0.1}", /penalty.weights, line 1: got -0.1/],
    ["seed: -1", /seed, line 1: got -1/],
    ["corpus: null", /corpus, line 1: got null/],
    ["kind: train", /kind, line 1: got "train"/],
  ])("refuses %j", (yaml, message) => {
    expect(complaint(yaml)).toMatch(message);
  });
});
