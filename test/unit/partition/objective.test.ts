import { describe, expect, it } from "vitest";

import {
  checkTerms,
  objective,
  type ObjectiveTerms,
  stageValue,
  stageValues,
} from "../../../src/partition/objective.js";
import { members } from "../../../src/partition/set-partitions.js";

/** Three disciplines; 0 and 1 belong together. */
const terms: ObjectiveTerms = {
  discrepancy: [
    [0, 0.25, 0.5],
    [0.25, 0, 0.75],
    [0.5, 0.75, 0],
  ],
  synergy: [
    [1, 0.5, 0.25],
    [0.5, 1, 0.125],
    [0.25, 0.125, 1],
  ],
  lambda: 2,
  penalty: { weights: 0.5, adapters: 0.25 },
  radius: { weights: 2, adapters: 0.5 },
};

describe("the objective", () => {
  it("adds lambda s - d of the pairs and takes the price of the caps from each stage", () => {
    // Cap = 0.5 * 2^2 + 0.25 * |S| * 0.5^2 = 2 + 0.0625 |S|.
    expect(stageValue(terms, [0])).toBe(-2.0625);
    expect(stageValue(terms, [0, 1])).toBe(2 * 0.5 - 0.25 - 2.125);
    expect(stageValue(terms, [0, 1, 2])).toBe(0.75 + (0.5 - 0.5) + (0.25 - 0.75) - 2.1875);
  });

  it("is the sum over the stages", () => {
    expect(objective(terms, [[0, 1], [2]])).toBe(-1.375 - 2.0625);
    expect(objective(terms, [[0], [1], [2]])).toBe(3 * -2.0625);
  });

  it("gives singletons 0 where nothing has a price", () => {
    const free = { ...terms, penalty: { weights: 0, adapters: 0 } };
    expect(objective(free, [[0], [1], [2]])).toBeCloseTo(0, 15);
  });

  it("has the same value for every set, however it is computed", () => {
    const values = stageValues(terms);
    expect(values).toHaveLength(8);
    expect(values[0]).toBe(0);
    for (let set = 1; set < 8; set++) expect(values[set]).toBeCloseTo(stageValue(terms, members(set)), 14);
  });
});

describe("terms", () => {
  it("are refused with all that is wrong", () => {
    const broken = {
      ...terms,
      discrepancy: [
        [0, NaN, 0.5],
        [NaN, 0, 0.7],
        [0.5, 0.75, 0],
      ],
      lambda: -1,
      radius: { weights: 0, adapters: Infinity },
    };
    expect(() => checkTerms(broken)).toThrow(/6 problems/);
    try {
      checkTerms(broken);
    } catch (error) {
      const text = (error as Error).message;
      expect(text).toContain("discrepancy.0.1: got NaN, expected a finite number.");
      expect(text).toContain("discrepancy.1.2: got 0.7, expected 0.75, as discrepancy.2.1 has.");
      expect(text).toContain("lambda: got -1, expected a finite number of at least 0.");
      expect(text).toContain("radius.weights: got 0, expected a finite number above 0.");
    }
    expect(() => checkTerms({ ...terms, lambda: NaN })).toThrow(/lambda: got NaN/);
    expect(() => checkTerms({ ...terms, discrepancy: [[0]], synergy: [[1]] })).toThrow(
      /got 1, expected 2 disciplines or more/,
    );
    expect(() => checkTerms({ ...terms, synergy: [[1, 0]] })).toThrow(/synergy: got .*expected 3 rows of 3/);
  });
});
