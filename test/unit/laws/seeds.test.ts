import { describe, expect, it } from "vitest";

import { LawbookError } from "../../../src/core/errors.js";
import { balanceThenDiversity } from "../../../src/laws/balance-then-diversity.js";
import { checkSeeds, pilotSeeds, purposeOf } from "../../../src/laws/seeds.js";

const { rule } = balanceThenDiversity;

describe("seeds", () => {
  it("tells law runs from pilots", () => {
    expect(purposeOf(rule, [1, 2, 10])).toBe("law");
    expect(purposeOf(rule, pilotSeeds(3))).toBe("pilot");
    expect(pilotSeeds(3)).toEqual([101, 102, 103]);
  });

  it.each([[[1, 101]], [[0]], [[11]], [[99]], [[100]], [[1, 1]], [[1.5]], [[-3]], [[]]])(
    "refuses %j as law seeds",
    (seeds) => {
      expect(() => checkSeeds(rule, seeds, "law")).toThrow(LawbookError);
      if (seeds.length > 0) expect(() => purposeOf(rule, seeds)).toThrow(/Seeds of a law run/);
    },
  );

  it.each([[[1, 2, 3]], [[101, 1]], [[100]], [[101, 101]], [[101.5]], [[]]])(
    "refuses a pilot on %j",
    (seeds) => {
      expect(() => checkSeeds(rule, seeds, "pilot")).toThrow(/Seeds of a pilot run/);
    },
  );

  it("refuses law seeds named as pilot and pilot seeds named as law", () => {
    expect(() => checkSeeds(rule, [1, 2, 3], "pilot")).toThrow(/Law seeds decide the law/);
    expect(() => checkSeeds(rule, [101, 102, 103], "law")).toThrow(/pilot seeds/);
  });
});
