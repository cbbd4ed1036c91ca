import { describe, expect, it } from "vitest";

import { findBodyPlace } from "../../../kernel-ext/src/magics/body-place.js";

/** The place at the end of a text: path, key, typed word and keys used, as one line. */
function place(text: string): string | undefined {
  const found = findBodyPlace(text);
  if (found === undefined) return undefined;
  const { path, key, typed, used, item } = found;
  return `${path.join(".")}|${key ?? ""}|${typed}|${[...used].join(",")}${item ? "|item" : ""}`;
}

describe("the place of the cursor in a body", () => {
  it.each([
    ["", "|||"],
    ["mo", "||mo|"],
    ["model: xs-in", "|model|xs-in|"],
    ["model: x\nda", "||da|model"],
    ["data:\n  fa", "data||fa|"],
    ["data:\n  facts: x\n  wo", "data||wo|facts"],
    ["data:\n  facts:\n    geo", "data.facts||geo|"],
    ["data:\n  facts:\n    geography: 1\nste", "||ste|data"],
    ["# note\n\nmodel: x\n", "|||model"],
    ["data:\n  sampler: { kind: ba", "data.sampler|kind|ba|kind"],
    ["data:\n  sampler: { kind: balanced, div", "data.sampler||div|kind"],
    ["data: { sampler: { kind: x }, fa", "data||fa|sampler"],
    ["data: { facts: { geo", "data.facts||geo|"],
    ["evaluate: { sets: [t-re", "evaluate|sets|t-re||item"],
    ["evaluate:\n  sets: [t-recall, t-", "evaluate|sets|t-||item"],
    ["models:\n  - mo", "models||mo||item"],
    ["models:\n  - model: xs", "models|model|xs|"],
    ["models:\n- model: a\n- model: b\n  par", "models||par|model"],
    ["slices:\n  - sources:\n      - model: a\n        lay", "slices.sources||lay|model"],
    ["slices:\n  - sources:\n      - model: a\n    par", "slices||par|sources"],
    ["stages:\n  - disciplines: [bio", "stages|disciplines|bio||item"],
    ["solver:\n  - enu", "solver||enu||item"],
    ["adapters:\n  - { adapter: run:", "adapters|adapter|run:|adapter"],
    ["adapters:\n  - { adapter: x, wei", "adapters||wei|adapter"],
    ["optimizer: { lr: 0.1 }\nschedule: { kind: w", "schedule|kind|w|kind"],
  ])("%j", (text, expected) => {
    expect(place(text)).toBe(expected);
  });

  it("is nowhere in comments and quotes", () => {
    expect(place("model: x # com")).toBeUndefined();
    expect(place("# com")).toBeUndefined();
    expect(place('model: "xs')).toBeUndefined();
  });
});
