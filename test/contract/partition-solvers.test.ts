import { describe, expect, it } from "vitest";

import { stream } from "../../src/core/random.js";
import { objective, type ObjectiveTerms } from "../../src/partition/objective.js";
import { partitionKey } from "../../src/partition/set-partitions.js";
import { findSolver, optimum, SOLVER_NAMES, SOLVERS, solve } from "../../src/partition/solve.js";

/** Random symmetric terms of k disciplines. */
function drawTerms(k: number, name: number, lambda: number): ObjectiveTerms {
  const draw = stream(name, "terms", k);
  const matrix = (diagonal: number): number[][] => {
    const rows = Array.from({ length: k }, () => new Array<number>(k).fill(diagonal));
    for (let j = 0; j < k; j++) for (let i = 0; i < j; i++) rows[i]![j] = rows[j]![i] = draw.uniform();
    return rows;
  };
  return {
    discrepancy: matrix(0),
    synergy: matrix(1),
    lambda,
    penalty: { weights: 0.05, adapters: 0.02 },
    radius: { weights: 1, adapters: 1 },
  };
}

/** The same terms with the disciplines in another order: place p of the new order holds discipline order[p]. */
function permuted(terms: ObjectiveTerms, order: readonly number[]): ObjectiveTerms {
  const move = (matrix: ObjectiveTerms["synergy"]): number[][] =>
    order.map((i) => order.map((j) => matrix[i]![j]!));
  return { ...terms, discrepancy: move(terms.discrepancy), synergy: move(terms.synergy) };
}

it("the list holds every name once, in order", () => {
  expect(SOLVERS.map(({ name }) => name)).toEqual(SOLVER_NAMES);
});

describe.each(SOLVERS)("$name", (solver) => {
  it.each([2, 3, 5, 7])("gives disjoint stages that hold every one of %i disciplines", (k) => {
    for (let name = 1; name <= 10; name++) {
      const terms = drawTerms(k, name, 0.9);
      for (const stages of [1, 2, k]) {
        const partition = solver.solve({ terms, stages, seed: 1 });
        expect(partition.flat().sort((a, b) => a - b)).toEqual([...Array(k).keys()]);
        expect(partition.every((stage) => stage.length > 0)).toBe(true);
        expect(partition.length).toBeLessThanOrEqual(stages);
      }
    }
  });

  it("is not above the optimum, and an exact one not below it", () => {
    for (let name = 1; name <= 20; name++) {
      const terms = drawTerms(6, name, 0.3 + 0.06 * name);
      for (const stages of [2, 3, 6]) {
        const best = objective(terms, optimum({ terms, stages, seed: 1 }));
        const value = objective(terms, solver.solve({ terms, stages, seed: 1 }));
        // The sums run in different orders: 1e-12 is rounding.
        expect(value).toBeLessThanOrEqual(best + 1e-12);
        if (solver.exact) expect(value).toBeGreaterThanOrEqual(best - 1e-12);
      }
    }
  });

  it("finds singletons without synergy and price, and one stage under a large lambda", () => {
    const terms = drawTerms(5, 1, 0);
    const free = { ...terms, penalty: { weights: 0, adapters: 0 } };
    expect(solver.solve({ terms: free, stages: 5, seed: 1 })).toEqual([[0], [1], [2], [3], [4]]);
    const keen = { ...terms, lambda: 1e6 };
    expect(solver.solve({ terms: keen, stages: 5, seed: 1 })).toEqual([[0, 1, 2, 3, 4]]);
    // A price on stages does what synergy does.
    const dear = { ...terms, penalty: { weights: 1e6, adapters: 0 } };
    expect(solver.solve({ terms: dear, stages: 5, seed: 1 })).toEqual([[0, 1, 2, 3, 4]]);
  });

  it("gives the permuted partition for permuted disciplines", () => {
    const order = [3, 0, 4, 1, 2];
    for (let name = 1; name <= 20; name++) {
      const terms = drawTerms(5, name, 0.8);
      const plain = solver.solve({ terms, stages: 4, seed: 2 });
      const moved = solver.solve({ terms: permuted(terms, order), stages: 4, seed: 2 });
      expect(partitionKey(moved.map((stage) => stage.map((place) => order[place]!)))).toBe(
        partitionKey(plain),
      );
    }
  });

  it("gives the same twice", () => {
    const terms = drawTerms(7, 3, 0.8);
    expect(solver.solve({ terms, stages: 7, seed: 5 })).toEqual(solver.solve({ terms, stages: 7, seed: 5 }));
  });

  it("keeps equal disciplines together where that pays", () => {
    const terms: ObjectiveTerms = {
      ...drawTerms(4, 1, 1),
      discrepancy: [
        [0, 0, 1, 1],
        [0, 0, 1, 1],
        [1, 1, 0, 0],
        [1, 1, 0, 0],
      ],
      synergy: Array.from({ length: 4 }, () => [0.5, 0.5, 0.5, 0.5]),
    };
    expect(solver.solve({ terms, stages: 4, seed: 1 })).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });
});

it("local search joins whole stages where no single discipline gains by a move", () => {
  const same = (i: number, j: number): boolean => i < 5 === j < 5;
  const square = (entry: (i: number, j: number) => number): number[][] =>
    Array.from({ length: 10 }, (_, i) => Array.from({ length: 10 }, (_unused, j) => entry(i, j)));
  // Within a half a pair gains 10, across it costs 0.03, 0.75 in all; one stage fewer is worth 1.
  const terms: ObjectiveTerms = {
    discrepancy: square((i, j) => (same(i, j) ? 0 : 0.03)),
    synergy: square((i, j) => (same(i, j) ? 10 : 0)),
    lambda: 1,
    penalty: { weights: 1, adapters: 0 },
    radius: { weights: 1, adapters: 1 },
  };
  const found = findSolver("local-search").solve({ terms, stages: 10, seed: 1 });
  expect(found).toEqual([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]);
});

describe("solve", () => {
  it("prints the gap to the optimum, which single linkage sometimes has", () => {
    let below = 0;
    for (let name = 1; name <= 25; name++) {
      const problem = { terms: drawTerms(6, name, 0.8), stages: 6, seed: 1 };
      const found = solve(problem, SOLVER_NAMES);
      for (const { exact, gap } of found) {
        expect(gap).toBeGreaterThanOrEqual(0);
        if (exact) expect(gap).toBeLessThanOrEqual(1e-12);
      }
      if (found.find(({ solver }) => solver === "single-linkage")!.gap > 1e-9) below++;
    }
    expect(below).toBeGreaterThan(0);
    expect(below).toBeLessThan(25);
  });

  it("measures a heuristic against the optimum even where it was not asked for", () => {
    for (let name = 1; name <= 25; name++) {
      const problem = { terms: drawTerms(6, name, 0.8), stages: 6, seed: 1 };
      const [alone] = solve(problem, ["single-linkage"]);
      const all = solve(problem, SOLVER_NAMES);
      expect(alone!.gap).toBeCloseTo(all[2]!.gap, 12);
    }
  });

  it("refuses more disciplines than an exact solver takes", () => {
    const eleven = { terms: drawTerms(11, 1, 0.5), stages: 11, seed: 1 };
    expect(() => solve(eleven, ["enumeration"])).toThrow(
      /Disciplines for the solver enumeration: got 11, expected at most 10.*\n.*single-linkage/,
    );
    expect(() => optimum({ ...eleven, terms: drawTerms(15, 1, 0.5) })).toThrow(/got 15, expected at most 14/);
    expect(() => solve({ ...eleven, stages: 0 }, ["single-linkage"])).toThrow(/stages: got 0/);
    expect(() => solve(eleven, ["enumerate" as "enumeration"])).toThrow(/Unknown solver/);
  });

  it("takes more than 14 by the heuristics", () => {
    const many = { terms: drawTerms(15, 1, 0.8), stages: 15, seed: 1 };
    const found = solve(many, ["single-linkage", "local-search"]);
    expect(Math.min(...found.map(({ gap }) => gap))).toBe(0);
  });
});
