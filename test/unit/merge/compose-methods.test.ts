import { describe, expect, it } from "vitest";

import { bitStream } from "../../../src/core/random.js";
import { cat } from "../../../src/merge/compose/cat.js";
import { disjointMean } from "../../../src/merge/compose/disjoint-mean.js";
import { drop } from "../../../src/merge/compose/drop.js";
import { linear } from "../../../src/merge/compose/linear.js";
import { findComposeMethod } from "../../../src/merge/compose/list.js";
import type { MethodOptions } from "../../../src/merge/compose/method.js";
import type { Part } from "../../../src/merge/compose/part.js";
import { reportOf } from "../../../src/merge/compose/report.js";
import { svd } from "../../../src/merge/compose/svd.js";
import { tiesSvd } from "../../../src/merge/compose/ties-svd.js";
import { trim } from "../../../src/merge/compose/trim.js";
import { truncate, truncateProduct } from "../../../src/merge/compose/truncate.js";
import { expectClose } from "../../support/close.js";
import { matrix, updateOfFactors } from "../../support/compose.js";

const OPTIONS: MethodOptions = {
  density: 1,
  sign: "total",
  draws: (tensor, adapter) => bitStream(1, "dare", tensor, adapter),
};

/** Two adapters of rank 1 on a layer of 2 x 3 with s = 2 and w = 0.5, 0.25. */
const PARTS: readonly Part[] = [
  { index: 0, weight: 0.5, scaling: 2, a: matrix([[1, 0, 2]]), b: matrix([[1], [2]]) },
  { index: 1, weight: 0.25, scaling: 2, a: matrix([[0, 1, -1]]), b: matrix([[3], [-1]]) },
];
// 1 * [1 2]^T [1 0 2] + 0.5 * [3 -1]^T [0 1 -1]
const SUM = [1, 1.5, 0.5, 2, -0.5, 4.5];

describe("a sum of adapters", () => {
  it("is met by concatenation", () => {
    const factors = cat.compose("l", PARTS, OPTIONS);
    expect(factors).toEqual({
      rank: 2,
      a: Float64Array.of(1, 0, 2, 0, 0.5, -0.5),
      b: Float64Array.of(1, 3, 2, -1),
    });
    expect([...updateOfFactors(PARTS, factors)]).toEqual(SUM);
    expect(reportOf("l", PARTS, factors, 1, false)).toEqual({
      layer: "l",
      rank: 2,
      norm: Math.sqrt(28),
      sumNorm: Math.sqrt(28),
      distance: 0,
    });
  });

  it("is missed by sums of factors by their cross terms", () => {
    const factors = linear.compose("l", PARTS, OPTIONS);
    // A' = [1 0 2] + sqrt(.5) [0 1 -1], B' = [1 2] + sqrt(.5) [3 -1]
    const root = Math.SQRT1_2;
    expectClose(factors.a, [1, root, 2 - root], 0, 1e-15);
    expectClose(factors.b, [1 + 3 * root, 2 - root], 0, 1e-15);
    const update = updateOfFactors(PARTS, factors);
    expectClose(update, [3.1213202, 2.2071066, 4.0355334, 1.2928932, 0.9142135, 1.6715728], 0, 1e-6);
    const cross = [...update].map((value, at) => value - SUM[at]!);
    const squares = cross.reduce((total, value) => total + value * value, 0);
    const { crossTerms, distance } = reportOf("l", PARTS, factors, 1, true);
    expect(crossTerms).toBeCloseTo(squares / (squares + 28), 12);
    expect(distance).toBeCloseTo(Math.sqrt(squares / 28), 12);
  });

  it("gives the sign of a negative weight to A", () => {
    const [first] = PARTS;
    const { a, b } = linear.compose("l", [{ ...first!, weight: -2 }], OPTIONS);
    expect([...a]).toEqual([-2, 0, -4]);
    expect([...b]).toEqual([2, 4]);
  });

  it("is met by a truncation up to its tail: the singular values are 5.0067925 and 1.7123168", () => {
    const one = svd.compose("l", PARTS, OPTIONS);
    expect(one.rank).toBe(1);
    expectClose(
      updateOfFactors(PARTS, one),
      [0.3418859, -0.0405694, 0.7243413, 2.1067967, -0.25, 4.463594],
      0,
      1e-6,
    );
    expect(one.tailEnergy).toBeCloseTo((1.7123168 * 1.7123168) / 28, 6);
    const two = svd.compose("l", PARTS, { ...OPTIONS, rank: 2 });
    expectClose(updateOfFactors(PARTS, two), SUM, 0, 1e-12);
    expect(two.tailEnergy).toBe(0);
  });

  it("of adapters that cancel is zero in every method, and loses no energy", () => {
    const parts = [PARTS[0]!, { ...PARTS[0]!, index: 1, weight: -0.5 }];
    for (const method of [cat, svd, findComposeMethod("dare_linear_svd")]) {
      const factors = method.compose("l", parts, OPTIONS);
      expect(Math.max(...updateOfFactors(parts, factors).map(Math.abs)), method.name).toBe(0);
      expect(factors.tailEnergy ?? 0).toBe(0);
      expect(reportOf("l", parts, factors, 1, false)).toMatchObject({ norm: 0, sumNorm: 0, distance: 0 });
    }
    const factors = linear.compose("l", PARTS, OPTIONS);
    expect(reportOf("l", parts, factors, 1, true)).toMatchObject({
      sumNorm: 0,
      distance: undefined,
      crossTerms: 1,
    });
  });
});

describe("trim", () => {
  it.each([
    [0.5, [3, 0, 0, -4]],
    [0.75, [3, 0, 2, -4]],
    [0.74, [3, 0, 0, -4]],
    [0.2, [0, 0, 0, 0]],
    [1, [3, -1, 2, -4]],
  ])("keeps the largest floor(%d n)", (density, kept) => {
    expect([...trim([3, -1, 2, -4], density)]).toEqual(kept);
  });

  it("keeps the earlier of equals", () => {
    expect([...trim([1, -1, 1, 1], 0.5)]).toEqual([1, -1, 0, 0]);
  });
});

describe("drop", () => {
  it("keeps where the draw is below the density, and divides by it", () => {
    const draws = [0, 0x7fffffff, -0x80000000, -1]; // as unsigned: 0, just below and at one half, the largest
    expect([...drop([1, 2, 3, 4], 0.5, () => draws.shift()!)]).toEqual([2, 4, 0, 0]);
  });

  it("keeps its share and the expectation", () => {
    const n = 40_000;
    const dropped = drop(new Float64Array(n).fill(1), 0.3, bitStream(1, "dare", "t", 0));
    const kept = dropped.filter((value) => value > 0);
    expect(kept[0]).toBeCloseTo(1 / 0.3, 12);
    // Four standard deviations of a binomial share.
    expect(Math.abs(kept.length / n - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / n));
  });

  it("drops nothing at density 1", () => {
    expect([...drop([5, -1], 1, () => -1)]).toEqual([5, -1]);
  });
});

describe("the disjoint mean", () => {
  const tensors = [
    Float64Array.of(3, 3, 0, 1, 0),
    Float64Array.of(-1, -1, 0, -1, 0),
    Float64Array.of(-1, 2, 4, 0, 0),
  ];
  it.each([
    // Sums 1, 4, 4, 0, 0: plus wins. Places: 3 * .5 | (3 * .5 + 2 * 4) / 2 | 4 * 4 | 1 * .5 | none agrees.
    ["total", [1.5, 4.75, 16, 0.5, 0]],
    // Votes -1, 1, 1, 0, 0: at the first place minus wins, (-1 * 2 - 1 * 4) / 2.
    ["frequency", [-3, 4.75, 16, 0.5, 0]],
  ] as const)("elects by %s before it weighs", (rule, expected) => {
    expect([...disjointMean(tensors, [0.5, 2, 4], rule)]).toEqual(expected);
  });

  it("is in ties_svd over whole updates", () => {
    const { a, b } = tiesSvd.compose("l", PARTS, { ...OPTIONS, rank: 2 });
    // Updates 2 B A: [2 0 4; 4 0 8] and [0 6 -6; 0 -2 2]: sums 2 6 -2; 4 -2 10. Agreeing: 2 | 6 | -6; 4 | -2 | 8 and 2.
    expectClose(updateOfFactors(PARTS, { rank: 2, a, b }), [1, 1.5, -1.5, 2, -0.5, 2.25], 0, 1e-12);
  });
});

describe("DARE over whole updates", () => {
  it("has a mask of its own for each adapter", () => {
    const ones = (rows: number, columns: number): Part["a"] =>
      matrix(Array.from({ length: rows }, () => new Array<number>(columns).fill(1)));
    const part: Part = { index: 0, weight: 1, scaling: 1, a: ones(1, 8), b: ones(8, 1) };
    const compose = (...parts: Part[]): Set<number> => {
      const factors = findComposeMethod("dare_linear_svd").compose("l", parts, {
        ...OPTIONS,
        density: 0.5,
        rank: 8,
      });
      return new Set(
        [...updateOfFactors(parts, factors)].map((value) => Math.abs(Math.round(value * 1e6)) / 1e6),
      );
    };
    expect(compose(part)).toEqual(new Set([0, 2]));
    expect(compose(part, { ...part, index: 1 })).toEqual(new Set([0, 2, 4]));
  });
});

describe("a truncation", () => {
  it("of a product is that of the matrix, tall or wide", () => {
    for (const [out, width, x] of [
      [3, 2, Float64Array.of(3, 0, 0, 2, 0, 0)],
      [2, 3, Float64Array.of(3, 0, 0, 0, 2, 0)],
    ] as const) {
      const identity = Float64Array.from({ length: width * width }, (_, at) =>
        Number(at % (width + 1) === 0),
      );
      const whole = truncate(x, { out, width }, 1);
      const product = truncateProduct(x, identity, { out, width }, width, 1);
      expect(whole.tailEnergy).toBeCloseTo(4 / 13, 12);
      expect(product.tailEnergy).toBeCloseTo(4 / 13, 12);
      const parts = [
        { ...PARTS[0]!, a: matrix([new Array(width).fill(0)]), b: matrix(new Array(out).fill([0])) },
      ];
      expectClose(updateOfFactors(parts, whole), updateOfFactors(parts, product), 0, 1e-12);
    }
  });

  it("to more than the rank fills up with zeros", () => {
    const { a, b, tailEnergy } = truncate(Float64Array.of(2, 0, 0, 0), { out: 2, width: 2 }, 2);
    expect(tailEnergy).toBe(0);
    expect(b[0]! * a[0]! + b[1]! * a[2]!).toBeCloseTo(2, 12);
  });

  it("of zeros is zero", () => {
    expect(truncate(new Float64Array(6), { out: 2, width: 3 }, 1)).toMatchObject({ tailEnergy: 0 });
  });
});

it("an unknown method is refused with the nearest name", () => {
  expect(() => findComposeMethod("tie_svd")).toThrow(
    /Unknown composition method: got "tie_svd".*\n.*"ties_svd"/s,
  );
});
