import fc from "fast-check";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { describe, expect, it } from "vitest";

import { bitStream } from "../../src/core/random.js";
import { cat } from "../../src/merge/compose/cat.js";
import { linear } from "../../src/merge/compose/linear.js";
import { onUpdates } from "../../src/merge/compose/on-updates.js";
import type { MethodOptions } from "../../src/merge/compose/method.js";
import { type Part, sumOfUpdates } from "../../src/merge/compose/part.js";
import { reportOf } from "../../src/merge/compose/report.js";
import { svd } from "../../src/merge/compose/svd.js";
import { weightedSum } from "../../src/merge/compose/weighted-sum.js";
import { updateOfFactors } from "../support/compose.js";

const OPTIONS: MethodOptions = {
  density: 1,
  sign: "total",
  draws: (tensor, adapter) => bitStream(1, "dare", tensor, adapter),
};
const entry = fc.integer({ min: -8, max: 8 }).map((value) => value / 4);

/** Adapters of one layer; entries are quarters, so that products are exact. */
const layers = fc
  .record({ out: fc.integer({ min: 1, max: 7 }), width: fc.integer({ min: 1, max: 7 }) })
  .chain(({ out, width }) => {
    const tensor = (rows: number, columns: number): fc.Arbitrary<Part["a"]> =>
      fc
        .array(entry, { minLength: rows * columns, maxLength: rows * columns })
        .map((values) => ({ shape: [rows, columns], data: Float32Array.from(values) }));
    const part = fc.integer({ min: 1, max: Math.min(out, width) }).chain((rank) =>
      fc.record({
        a: tensor(rank, width),
        b: tensor(out, rank),
        weight: entry,
        scaling: fc.constantFrom(0.5, 1, 2),
      }),
    );
    return fc.record({
      out: fc.constant(out),
      width: fc.constant(width),
      parts: fc
        .array(part, { minLength: 1, maxLength: 4 })
        .map((parts) => parts.map((own, index): Part => ({ ...own, index }))),
      rank: fc.integer({ min: 1, max: Math.min(out, width) }),
    });
  });

const squares = (values: Iterable<number>): number =>
  [...values].reduce((total, value) => total + value * value, 0);

/** Squared singular values, falling, by the eigenvalues of X^T X. */
function squaredSingularValues(x: Float64Array, out: number, width: number): number[] {
  const matrix = Matrix.from1DArray(out, width, [...x]);
  const { realEigenvalues } = new EigenvalueDecomposition(matrix.transpose().mmul(matrix), {
    assumeSymmetric: true,
  });
  return realEigenvalues.map((value) => Math.max(value, 0)).sort((a, b) => b - a);
}

describe("composition of any adapters of a layer", () => {
  it("by svd errs by the tail singular values, no more and no less, and says so", () => {
    fc.assert(
      fc.property(layers, ({ out, width, parts, rank }) => {
        const sum = sumOfUpdates(parts);
        const factors = svd.compose("l", parts, { ...OPTIONS, rank });
        const error = squares(updateOfFactors(parts, factors).map((value, at) => value - sum[at]!));
        const values = squaredSingularValues(sum, out, width);
        const scale = values[0]! + 1e-300;
        const tail = values.slice(rank).reduce((a, b) => a + b, 0);
        // Both decompositions are right to rounding of the largest value.
        expect(Math.abs(error - tail) / scale).toBeLessThan(1e-12);
        expect(Math.abs(factors.tailEnergy! * squares(sum) - tail) / scale).toBeLessThan(1e-12);
      }),
      { numRuns: 300 },
    );
  });

  it("by svd of the factors is svd of the whole update", () => {
    const whole = onUpdates(weightedSum);
    fc.assert(
      fc.property(layers, ({ parts, rank }) => {
        const options = { ...OPTIONS, rank };
        const [a, b] = [svd.compose("l", parts, options), whole("l", parts, options)];
        expect(Math.abs(a.tailEnergy! - b.tailEnergy!)).toBeLessThan(1e-12);
        const [x, y] = [updateOfFactors(parts, a), updateOfFactors(parts, b)];
        // Where singular values are equal the nearest matrix is not unique, but its norm is.
        expect(Math.abs(squares(x) - squares(y))).toBeLessThan(1e-9 * (1 + squares(x)));
      }),
    );
  });

  it("by cat is the sum of the updates", () => {
    fc.assert(
      fc.property(layers, ({ parts }) => {
        const sum = sumOfUpdates(parts);
        const got = updateOfFactors(parts, cat.compose("l", parts, OPTIONS));
        got.forEach((value, at) => expect(Math.abs(value - sum[at]!)).toBeLessThan(1e-10));
      }),
    );
  });

  it("does not see the order of adapters where it adds", () => {
    fc.assert(
      fc.property(layers, ({ parts }) => {
        const there = updateOfFactors(parts, cat.compose("l", parts, OPTIONS));
        const back = updateOfFactors(parts, cat.compose("l", [...parts].reverse(), OPTIONS));
        there.forEach((value, at) => expect(Math.abs(value - back[at]!)).toBeLessThan(1e-10));
      }),
    );
  });

  it("by linear has cross terms in [0, 1], none for one adapter", () => {
    fc.assert(
      fc.property(layers, ({ parts }) => {
        const rank = Math.min(...parts.map(({ a }) => a.shape[0]!));
        const equal = parts.filter(({ a }) => a.shape[0] === rank);
        const { crossTerms } = reportOf("l", equal, linear.compose("l", equal, OPTIONS), 1, true);
        expect(crossTerms).toBeGreaterThanOrEqual(0);
        expect(crossTerms).toBeLessThanOrEqual(1);
        if (equal.length === 1) expect(crossTerms).toBeLessThan(1e-20);
      }),
    );
  });
});
