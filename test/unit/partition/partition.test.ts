import { afterEach, describe, expect, it, vi } from "vitest";

import { stream } from "../../../src/core/random.js";
import { unit } from "../../../src/data/diversity.js";
import { boundTerms, corollary } from "../../../src/partition/bound.js";
import { randomControl } from "../../../src/partition/control.js";
import type { Corpus } from "../../../src/partition/corpus.js";
import { DISCREPANCY_NAMES } from "../../../src/partition/discrepancy.js";
import { objective, type ObjectiveTerms } from "../../../src/partition/objective.js";
import { partitionCorpora, type PartitionSettings } from "../../../src/partition/partition.js";
import { partitionReport } from "../../../src/partition/report.js";
import { partitionKey } from "../../../src/partition/set-partitions.js";
import { SOLVER_NAMES } from "../../../src/partition/solve.js";

/** Two groups of disciplines, each with its own vocabulary and direction: alpha and beta, gamma and delta. */
function groupedCorpora(): Corpus[] {
  return ["alpha", "gamma", "beta", "delta"].map((discipline) => {
    const draw = stream(7, "grouped", discipline);
    const second = discipline === "gamma" || discipline === "delta";
    return {
      discipline,
      documents: Array.from({ length: 30 }, () => ({
        tokens: Array.from({ length: 8 }, () => draw.integer(20) + (second ? 20 : 0)),
        vector: unit([second ? 0.2 : 1, second ? 1 : 0.2, draw.uniform() - 0.5]),
      })),
    };
  });
}

const settings: PartitionSettings = {
  discrepancy: "jensen-shannon",
  synergy: "mean",
  smoothing: 0.5,
  lambda: [0.5, 0, 50],
  penalty: { weights: 0.05, adapters: 0.01 },
  radius: { weights: 1, adapters: 1 },
  solver: SOLVER_NAMES,
  stages: 4,
  bootstrap: 25,
  control: 5,
  seed: 11,
};

afterEach(() => vi.restoreAllMocks());

describe("a partition of corpora", () => {
  it("finds two groups that were put in, by every solver, and keeps to them in resamples", async () => {
    const analysis = await partitionCorpora(groupedCorpora(), settings);
    const report = partitionReport(analysis);
    expect(report.stages).toEqual([
      ["alpha", "beta"],
      ["gamma", "delta"],
    ]);
    for (const { stages, gap } of report.solutions) {
      expect(stages).toEqual(report.stages);
      expect(gap).toBe(0);
    }
    expect(report.stability!.recurrence).toBe(1);
    expect(report.matrices.together).toEqual([
      [1, 0, 1, 0],
      [0, 1, 0, 1],
      [1, 0, 1, 0],
      [0, 1, 0, 1],
    ]);
    for (const { pair, margin, together } of report.pairs) {
      const joined = report.stages.some((stage) => pair.every((name) => stage.includes(name)));
      expect(margin > 0).toBe(joined);
      expect(together).toBe(joined ? 1 : 0);
    }
  });

  it("sweeps lambda from singletons to one stage, in ascending order", async () => {
    const free = { ...settings, penalty: { weights: 0, adapters: 0 } };
    const { sweep } = await partitionCorpora(groupedCorpora(), free);
    expect(sweep.map(({ lambda, partition }) => [lambda, partition.length])).toEqual([
      [0, 4],
      [0.5, 2],
      [50, 1],
    ]);
    expect(sweep.map(({ chosen }) => chosen)).toEqual([false, true, false]);
    expect(sweep[0]!.objective).toBeCloseTo(0, 15);
    expect(Object.keys(sweep[0]!.gaps)).toEqual(["single-linkage", "local-search"]);
  });

  it("is no worse with a looser cap on the stages", async () => {
    const { caps, objective: best } = await partitionCorpora(groupedCorpora(), settings);
    expect(caps.map(({ most }) => most)).toEqual([1, 2, 3, 4]);
    expect(caps[0]!.partition).toEqual([[0, 1, 2, 3]]);
    for (let more = 1; more < caps.length; more++)
      expect(caps[more]!.objective).toBeGreaterThanOrEqual(caps[more - 1]!.objective);
    expect(caps.at(-1)!.objective).toBeCloseTo(best, 12);
  });

  it("says nothing of stability where no resample is asked for", async () => {
    const analysis = await partitionCorpora(groupedCorpora(), { ...settings, bootstrap: 0 });
    const report = partitionReport(analysis);
    expect(report.stability).toBeNull();
    expect(report.matrices.together).toBeNull();
    expect(report.pairs[0]).toMatchObject({ together: null, spread: null });
  });

  it("draws resamples from the seed, per discipline, and tells how far they are", async () => {
    const steps: number[] = [];
    const one = await partitionCorpora(groupedCorpora(), settings, (done) => {
      steps.push(done);
    });
    expect(steps).toEqual(Array.from({ length: 25 }, (_, n) => n + 1));
    const again = await partitionCorpora(groupedCorpora(), settings);
    expect(again.stability).toEqual(one.stability);
    const other = await partitionCorpora(groupedCorpora(), { ...settings, seed: 12 });
    expect(other.stability!.spread).not.toEqual(one.stability!.spread);
  });

  it("recentres resamples on the corpora, and says by how much they were off", async () => {
    const { pairs } = partitionReport(await partitionCorpora(groupedCorpora(), settings));
    for (const { discrepancy, synergy, spread } of pairs) {
      expect(spread!.discrepancy.low).toBeLessThan(discrepancy);
      expect(spread!.discrepancy.high).toBeGreaterThan(discrepancy);
      expect(spread!.synergy.low).toBeLessThan(synergy);
      expect(spread!.synergy.high).toBeGreaterThan(synergy);
    }
    const within = pairs.filter(({ pair }) => pair.join() === "alpha,beta" || pair.join() === "gamma,delta");
    expect(within).toHaveLength(2);
    // With fewer different documents, corpora of one source look less alike.
    for (const { spread } of within) expect(spread!.bias.discrepancy).toBeGreaterThan(0);
  });

  it("gives the same stages for the disciplines in another order, resamples included", async () => {
    const [a, b, c, d] = groupedCorpora() as [Corpus, Corpus, Corpus, Corpus];
    const plain = partitionReport(await partitionCorpora([a, b, c, d], settings));
    const moved = partitionReport(await partitionCorpora([d, c, a, b], settings));
    const sets = (stages: readonly (readonly string[])[]): string[] =>
      stages.map((stage) => [...stage].sort().join()).sort();
    expect(sets(moved.stages)).toEqual(sets(plain.stages));
    const pairs = ({ pairs: rows }: typeof plain): object =>
      Object.fromEntries(
        rows.map(({ pair, discrepancy, together }) => [[...pair].sort().join(), { discrepancy, together }]),
      );
    for (const [pair, numbers] of Object.entries(pairs(plain)) as [string, { discrepancy: number }][]) {
      const other = (pairs(moved) as Record<string, { discrepancy: number; together: number }>)[pair]!;
      // Tokens are numbered as they come, so their sum runs in another order.
      expect(other.discrepancy).toBeCloseTo(numbers.discrepancy, 13);
    }
    expect(moved.stability!.recurrence).toBe(plain.stability!.recurrence);
  });

  it.each(DISCREPANCY_NAMES)(
    "by %s calls no function of Math whose bits depend on the machine",
    async (name) => {
      for (const unportable of ["exp", "log", "log2", "pow", "sin", "cos", "hypot", "random"] as const) {
        vi.spyOn(Math, unportable).mockImplementation(() => {
          throw new Error(`Math.${unportable} was called.`);
        });
      }
      expect(() => Math.log2(1)).toThrow("Math.log2 was called.");
      const analysis = await partitionCorpora(groupedCorpora(), { ...settings, discrepancy: name });
      expect(analysis.partition.flat()).toHaveLength(4);
    },
  );

  it("refuses what cannot be partitioned", async () => {
    await expect(partitionCorpora(groupedCorpora().slice(0, 1), settings)).rejects.toThrow(/2 or more/);
    await expect(partitionCorpora(groupedCorpora(), { ...settings, lambda: [-1] })).rejects.toThrow(
      /lambda: got -1/,
    );
    await expect(partitionCorpora(groupedCorpora(), { ...settings, lambda: [NaN] })).rejects.toThrow(
      /lambda: got NaN/,
    );
    await expect(partitionCorpora(groupedCorpora(), { ...settings, smoothing: NaN })).rejects.toThrow(
      /smoothing/,
    );
  });
});

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
  penalty: { weights: 0.5, adapters: 0 },
  radius: { weights: 1, adapters: 1 },
};

describe("the bound", () => {
  it("has its terms per stage", () => {
    const [pair, single] = boundTerms(
      [[0, 1], [2]],
      terms.discrepancy,
      { weights: 3, adapters: 0.5 },
      [100, 300, 50],
    );
    expect(pair).toMatchObject({ stage: [0, 1], capacity: 7, discrepancy: 0.125 });
    expect(pair!.confidence).toBeCloseTo(Math.sqrt(Math.log(20) / 400), 14);
    expect(single).toMatchObject({ stage: [2], capacity: 7, discrepancy: 0 });
    expect(single!.confidence).toBeCloseTo(Math.sqrt(Math.log(20) / 50), 14);
  });
});

describe("the corollary", () => {
  it("is measured on every set: who meets the condition, and who is grouped", () => {
    const measured = corollary(terms, [[0, 1], [2]]);
    expect(measured.subsets.map(({ subset }) => subset)).toEqual([
      [0, 1],
      [0, 2],
      [1, 2],
      [0, 1, 2],
    ]);
    // lambda Lambda > gamma + Cap: 1 > 0.75, 0.5 > 1, 0.25 > 1.25, 1.75 > 2.
    expect(measured.subsets.map(({ condition }) => condition)).toEqual([true, false, false, false]);
    expect(measured.subsets[3]).toMatchObject({ synergy: 0.875, discrepancy: 1.5, capacity: 0.5 });
    expect([measured.met, measured.grouped]).toEqual([1, 1]);
    expect(corollary(terms, [[0, 2], [1]])).toMatchObject({ met: 1, grouped: 0 });
  });

  it("never meets its condition without synergy", () => {
    expect(corollary({ ...terms, lambda: 0 }, [[0], [1], [2]]).met).toBe(0);
  });
});

describe("the control", () => {
  it("draws every other partition of the same sizes where there are few", () => {
    const control = randomControl(terms, [[0, 1], [2]], 20, 1);
    expect(control.possible).toBe(3);
    expect(control.drawn.map(({ partition }) => partitionKey(partition)).sort()).toEqual(["0 2|1", "0|1 2"]);
    const values = control.drawn.map(({ partition }) => objective(terms, partition));
    expect(control.drawn.map((one) => one.objective)).toEqual(values);
    expect(control.mean).toBeCloseTo((values[0]! + values[1]!) / 2, 15);
    expect(control.atLeast).toBe(0);
  });

  it("draws different ones from the seed where there are many", () => {
    const chosen = [[0, 1, 2], [3, 4], [5, 6], [7]];
    const flat = Array.from({ length: 8 }, () => new Array<number>(8).fill(0));
    const many = { ...terms, discrepancy: flat, synergy: flat };
    const control = randomControl(many, chosen, 30, 1);
    expect(control.sizes).toEqual([3, 2, 2, 1]);
    expect(control.possible).toBe(840);
    const keys = control.drawn.map(({ partition }) => partitionKey(partition));
    expect(new Set(keys).size).toBe(30);
    expect(keys).not.toContain(partitionKey(chosen));
    for (const { partition } of control.drawn)
      expect(partition.map((stage) => stage.length).sort((a, b) => a - b)).toEqual([1, 2, 2, 3]);
    expect(randomControl(many, chosen, 30, 1)).toEqual(control);
    expect(randomControl(many, chosen, 30, 2).drawn).not.toEqual(control.drawn);
  });

  it("says where there is nothing to compare with", () => {
    expect(randomControl(terms, [[0, 1, 2]], 20, 1)).toMatchObject({ possible: 1, drawn: [], mean: null });
    expect(randomControl(terms, [[0], [1], [2]], 20, 1)).toMatchObject({ possible: 1, atLeast: null });
  });
});
