import { afterEach, describe, expect, it, vi } from "vitest";

import { stream } from "../../../src/core/random.js";
import { tQuantile } from "../../../src/core/statistics.js";
import {
  brownForsythe,
  median,
  pooledDeviation,
  spreadBySeed,
  spreadContrast,
  spreadRatio,
  type SpreadScores,
  spreadTest,
} from "../../../src/laws/spread.js";

/** 3 disciplines x seeds x 3 methods; seeds share a draw between both ways of training, as paired runs do. */
function world(name: string, seeds: number, joint: number, single: number): [SpreadScores, SpreadScores] {
  const draw = stream(1, "spread-test", name);
  const scores = (deviation: number, shared: readonly number[], level: number): SpreadScores =>
    Array.from({ length: 3 }, (_, discipline) =>
      shared.map((common) =>
        Array.from({ length: 3 }, () => level + 0.1 * discipline + draw.normal(common, deviation)),
      ),
    );
  const shared = Array.from({ length: seeds }, () => draw.normal(0, 0.01));
  return [scores(joint, shared, 0.2), scores(single, shared, 0.5)];
}

describe("spread by seed", () => {
  it("is the mean distance from the median of each discipline", () => {
    // Values 1, 3, 5, 5: median 4. Seed 1: (3 + 1) / 2, seed 2: (1 + 1) / 2. The second discipline adds no distance.
    expect(spreadBySeed([[[1, 3], [5, 5]]])).toEqual([2, 1]); // prettier-ignore
    expect(spreadBySeed([[[1, 3], [5, 5]], [[9, 9], [9, 9]]])).toEqual([1, 0.5]); // prettier-ignore
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
  });

  it("does not see levels: neither of disciplines nor of ways of training", () => {
    const [joint] = world("levels", 6, 0.1, 0.1);
    const moved = joint.map((discipline, d) => discipline.map((row) => row.map((value) => value + d * 8)));
    const before = spreadBySeed(joint);
    spreadBySeed(moved).forEach((value, seed) => expect(value).toBeCloseTo(before[seed]!, 12));
  });

  it("pairs joint with single training by seed", () => {
    const [joint, single] = world("pairs", 10, 0.2, 0.05);
    const found = spreadContrast(
      "spread",
      { arm: "joint", scores: joint },
      { arm: "single", scores: single },
    );
    const singles = spreadBySeed(single);
    expect(found.values).toEqual(spreadBySeed(joint).map((value, seed) => value - singles[seed]!));
    expect(found).toMatchObject({ treatment: "joint", comparator: "single", p: 2 / 1024 });
    expect(found.mean).toBeGreaterThan(0.05);
  });

  it.each([
    [[], []],
    [[[[1]]], [[[1]], [[2]]]],
    [[[[1, 2]]], [[[1]]]],
    [[[[1], []]], [[[1], []]]],
    [[[[NaN]]], [[[1]]]],
  ] as [SpreadScores, SpreadScores][])("refuses %j beside %j", (joint, single) => {
    const arms = [
      { arm: "joint", scores: joint },
      { arm: "single", scores: single },
    ] as const;
    expect(() => spreadContrast("m", ...arms)).toThrow(/expected/);
    expect(() => spreadRatio(joint, single)).toThrow(/expected/);
  });
});

describe("ratio of spreads", () => {
  it("is 2 with an interval of no width where every deviation doubles", () => {
    const [single] = world("double", 6, 0.1, 0.1);
    const joint = single.map((discipline) => discipline.map((row) => row.map((value) => 2 * value)));
    const { ratio, interval } = spreadRatio(joint, single);
    expect(ratio).toBeCloseTo(2, 10);
    expect(interval!.low).toBeCloseTo(2, 8);
    expect(interval!.high).toBeCloseTo(2, 8);
    expect(pooledDeviation(joint)).toBeCloseTo(2 * pooledDeviation(single), 12);
  });

  it("has no value where nothing varies, and no interval from two seeds", () => {
    const still: SpreadScores = [[[0.5], [0.5], [0.5]]];
    const moving: SpreadScores = [[[0.1], [0.5], [0.2]]];
    expect(spreadRatio(moving, still)).toEqual({ ratio: null, interval: null });
    expect(spreadRatio(still, moving)).toEqual({ ratio: null, interval: null });
    expect(spreadRatio([[[1], [3]]], [[[1], [2]]])).toMatchObject({ interval: null });
  });

  it("covers the true ratio about as often as it says", () => {
    let covered = 0;
    const repetitions = 400;
    for (let i = 0; i < repetitions; i++) {
      const { interval } = spreadRatio(...world(`ratio ${i}`, 10, 0.15, 0.1));
      // The shared draw of a seed adds 0.01^2 to both variances.
      const truth = Math.sqrt((0.15 ** 2 + 0.01 ** 2) / (0.1 ** 2 + 0.01 ** 2));
      if (interval!.low <= truth && truth <= interval!.high) covered++;
    }
    // Three standard errors of a share of 0.95 among 400: 0.033.
    expect(covered / repetitions).toBeGreaterThan(0.95 - 0.033);
    expect(covered / repetitions).toBeLessThanOrEqual(0.95 + 0.033);
  });
});

describe("Brown-Forsythe", () => {
  it("is what a reader computes by hand", () => {
    // Distances 1, 0, 1 and 2, 0, 2: means 2/3 and 4/3, within 30/9, between 2/3; W = 4 * (2/3) / (30/9) = 0.8.
    const found = brownForsythe([[1, 2, 3], [1, 3, 5]]); // prettier-ignore
    expect(found.statistic).toBeCloseTo(0.8, 12);
    expect(found).toMatchObject({ between: 1, within: 4 });
    // With two groups W is the square of Student's t.
    expect(tQuantile(1 - found.p / 2, 4) ** 2).toBeCloseTo(0.8, 9);
  });

  it("answers where spreads are equal, and where nothing varies within groups", () => {
    expect(brownForsythe([[1, 2, 3], [4, 5, 6]])).toMatchObject({ statistic: 0, p: 1 }); // prettier-ignore
    expect(brownForsythe([[2, 2], [2, 2]])).toMatchObject({ statistic: 0, p: 1 }); // prettier-ignore
    expect(brownForsythe([[1, 3], [2, 2]])).toMatchObject({ statistic: Infinity, p: 0 }); // prettier-ignore
    expect(() => brownForsythe([[1, 2]])).toThrow(/two groups/);
    expect(() => brownForsythe([[1, 2], []])).toThrow(/two groups/);
    expect(() => brownForsythe([[1, NaN], [1, 2]])).toThrow(/finite/); // prettier-ignore
  });

  it("takes scores as distances from the median of their discipline", () => {
    const [joint, single] = world("test", 10, 0.2, 0.05);
    const moved = joint.map((discipline, d) => discipline.map((row) => row.map((value) => value + d)));
    expect(spreadTest(moved, single).statistic).toBeCloseTo(spreadTest(joint, single).statistic, 9);
    expect(spreadTest(joint, single).p).toBeLessThan(1e-6);
  });
});

describe("error rate of the paired test of spread, by simulation", () => {
  it("is at most alpha where both spreads are equal, though medians are estimated", () => {
    let rejected = 0;
    const repetitions = 1000;
    for (let i = 0; i < repetitions; i++) {
      const [joint, single] = world(`null ${i}`, 10, 0.1, 0.1);
      const { p } = spreadContrast(
        "spread",
        { arm: "joint", scores: joint },
        { arm: "single", scores: single },
      );
      if (p <= 0.05) rejected++;
    }
    // Three standard errors of a share of 0.05 among 1,000: 0.0207.
    expect(rejected / repetitions).toBeLessThanOrEqual(0.05 + 0.0207);
    expect(rejected / repetitions).toBeGreaterThan(0.05 - 0.0207);
  });
});

describe("portability", () => {
  afterEach(() => vi.restoreAllMocks());

  it("needs none of the functions of Math that differ between engines", () => {
    const [joint, single] = world("portable", 10, 0.2, 0.1);
    const all = (): unknown => [spreadRatio(joint, single), spreadTest(joint, single)];
    const plain = all();
    for (const name of ["exp", "log", "pow", "sin", "cos", "tan", "hypot", "log1p", "expm1"] as const) {
      vi.spyOn(Math, name).mockImplementation(() => {
        throw new Error(`Math.${name} was called`);
      });
    }
    expect(all()).toEqual(plain);
  });
});
