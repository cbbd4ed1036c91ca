import fc from "fast-check";
import { expect, it } from "vitest";

import { unit } from "../../src/data/diversity.js";
import { type Corpus, everyDocument } from "../../src/partition/corpus.js";
import { DISCREPANCIES, findDiscrepancy } from "../../src/partition/discrepancy.js";
import { jensenShannon, smoothed } from "../../src/partition/divergence.js";
import { objective, type ObjectiveTerms } from "../../src/partition/objective.js";
import { partitionKey, partitionOf, visitPartitions } from "../../src/partition/set-partitions.js";
import { optimum, SOLVER_NAMES, SOLVERS, solve } from "../../src/partition/solve.js";
import { prepareSynergy } from "../../src/partition/synergy.js";

const share = fc.double({ min: 0, max: 1, noNaN: true });

/** Symmetric terms of 2 to 7 disciplines, ties and extremes included. */
const termsOf = fc.integer({ min: 2, max: 7 }).chain((k) => {
  const pairs = (k * (k - 1)) / 2;
  const values = (of: fc.Arbitrary<number>): fc.Arbitrary<number[]> =>
    fc.array(of, { minLength: pairs, maxLength: pairs });
  const matrix = (flat: readonly number[], diagonal: number): number[][] => {
    const rows = Array.from({ length: k }, () => new Array<number>(k).fill(diagonal));
    let next = 0;
    for (let j = 0; j < k; j++) for (let i = 0; i < j; i++) rows[i]![j] = rows[j]![i] = flat[next++]!;
    return rows;
  };
  return fc.record({
    discrepancy: values(share).map((flat) => matrix(flat, 0)),
    synergy: values(fc.double({ min: -0.5, max: 1, noNaN: true })).map((flat) => matrix(flat, 1)),
    lambda: fc.double({ min: 0, max: 3, noNaN: true }),
    penalty: fc.record({ weights: share, adapters: share }),
    radius: fc.constant({ weights: 1, adapters: 0.5 }),
  });
});

it("every solver gives disjoint, complete stages within the cap, and none is above the exact ones", () => {
  fc.assert(
    fc.property(termsOf, fc.integer({ min: 1, max: 7 }), fc.nat(1000), (terms, stages, seed) => {
      const k = terms.discrepancy.length;
      const found = solve({ terms, stages, seed }, SOLVER_NAMES);
      const [enumerated, dynamic] = found;
      for (const { partition, objective: value, gap, exact } of found) {
        expect(partition.flat().sort((a, b) => a - b)).toEqual([...Array(k).keys()]);
        expect(partition.length).toBeLessThanOrEqual(stages);
        // Sums of at most 30 numbers below 4 in another order: 1e-12 is rounding.
        expect(value).toBeLessThanOrEqual(enumerated!.objective + 1e-12);
        expect(gap).toBeGreaterThanOrEqual(0);
        if (exact) expect(gap).toBeLessThanOrEqual(1e-12);
      }
      expect(Math.abs(enumerated!.objective - dynamic!.objective)).toBeLessThanOrEqual(1e-12);
    }),
    { numRuns: 150 },
  );
});

it("permuted disciplines give the permuted optimum, where it is the only one", () => {
  fc.assert(
    fc.property(termsOf, fc.nat(), (terms, shift) => {
      const k = terms.discrepancy.length;
      const order = [...Array(k).keys()].map((index) => (k - 1 - index + shift) % k);
      const move = (matrix: ObjectiveTerms["synergy"]): number[][] =>
        order.map((i) => order.map((j) => matrix[i]![j]!));
      const moved = { ...terms, discrepancy: move(terms.discrepancy), synergy: move(terms.synergy) };
      const plain = optimum({ terms, stages: k, seed: 1 });
      const back = optimum({ terms: moved, stages: k, seed: 1 }).map((stage) =>
        stage.map((place) => order[place]!),
      );
      expect(Math.abs(objective(terms, back) - objective(terms, plain))).toBeLessThanOrEqual(1e-12);
      if (optima(terms) === 1) expect(partitionKey(back)).toBe(partitionKey(plain));
    }),
    { numRuns: 150 },
  );
});

/** Number of partitions whose objective is the largest, to rounding. */
function optima(terms: ObjectiveTerms): number {
  const values: number[] = [];
  visitPartitions(terms.discrepancy.length, Infinity, (sets) =>
    values.push(objective(terms, partitionOf(sets))),
  );
  const largest = values.reduce((a, b) => Math.max(a, b));
  return values.filter((value) => value > largest - 1e-9).length;
}

it("a larger lambda does not lower the optimum's synergy", () => {
  fc.assert(
    fc.property(termsOf, fc.double({ min: 0.01, max: 2, noNaN: true }), (terms, more) => {
      const k = terms.discrepancy.length;
      const synergyAt = (lambda: number): number => {
        const found = optimum({ terms: { ...terms, lambda }, stages: k, seed: 1 });
        return found.reduce(
          (total, stage) =>
            total +
            stage.reduce(
              (sum, j, place) => sum + stage.slice(0, place).reduce((s, i) => s + terms.synergy[i]![j]!, 0),
              0,
            ),
          0,
        );
      };
      // Exchange argument: (lambda' - lambda)(S' - S) >= 0; rounding is divided by the step.
      expect(synergyAt(terms.lambda + more)).toBeGreaterThanOrEqual(synergyAt(terms.lambda) - 1e-9);
    }),
    { numRuns: 100 },
  );
});

const countsOf = fc
  .array(fc.tuple(fc.nat(50), fc.nat(50)), { minLength: 1, maxLength: 30 })
  .filter((rows) => rows.some(([a]) => a > 0) && rows.some(([, b]) => b > 0));

it("the Jensen-Shannon divergence is symmetric to the bit, in [0, 1], 0 for equal counts", () => {
  fc.assert(
    fc.property(countsOf, fc.constantFrom(0, 0.01, 0.5, 1), (rows, smoothing) => {
      const a = Float64Array.from(rows, ([x]) => x);
      const b = Float64Array.from(rows, ([, y]) => y);
      const value = jensenShannon(smoothed(a, b, smoothing));
      expect(value).toBe(jensenShannon(smoothed(b, a, smoothing)));
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(1);
      expect(jensenShannon(smoothed(a, a, smoothing))).toBe(0);
    }),
  );
});

const documents = fc.array(
  fc.record({
    tokens: fc.array(fc.nat(12), { minLength: 1, maxLength: 6 }),
    vector: fc.tuple(fc.integer({ min: -9, max: 9 }), fc.integer({ min: -9, max: 9 })).map(unit),
  }),
  { minLength: 1, maxLength: 6 },
);
const corporaOf = fc
  .array(documents, { minLength: 2, maxLength: 4 })
  .map((all) => all.map((own, index): Corpus => ({ discipline: `d${index}`, documents: own })));

it.each(DISCREPANCIES)("$name is symmetric, finite and at least 0, with a zero diagonal", ({ name }) => {
  fc.assert(
    fc.property(corporaOf, fc.nat(100), (corpora, seed) => {
      const d = findDiscrepancy(name).prepare(corpora, { smoothing: 0.5, seed })(everyDocument(corpora));
      d.forEach((row, i) =>
        row.forEach((value, j) => {
          expect(value).toBe(d[j]![i]);
          expect(Number.isFinite(value)).toBe(true);
          expect(value).toBeGreaterThanOrEqual(0);
          if (i === j) expect(value).toBe(0);
        }),
      );
      if (name === "jensen-shannon") expect(Math.max(...d.flat())).toBeLessThanOrEqual(1);
      if (name === "mmd") expect(Math.max(...d.flat())).toBeLessThanOrEqual(2);
    }),
    { numRuns: 60 },
  );
});

it("the synergy is symmetric, in [-1/2, 1], and 1 for a corpus and its copy", () => {
  fc.assert(
    fc.property(corporaOf, (corpora) => {
      const all = [...corpora, { ...corpora[0]!, discipline: "copy" }];
      const { synergy, jaccard } = prepareSynergy(all, "mean")(everyDocument(all));
      synergy.forEach((row, i) =>
        row.forEach((value, j) => {
          expect(value).toBe(synergy[j]![i]);
          expect(value).toBeGreaterThanOrEqual(-0.5);
          expect(value).toBeLessThanOrEqual(1);
        }),
      );
      expect(jaccard[0]!.at(-1)).toBe(1);
    }),
  );
});

it("the list of solvers has exact ones for as many disciplines as it says", () => {
  expect(SOLVERS.filter(({ exact }) => exact).map(({ most }) => most)).toEqual([10, 14]);
});
