import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { benjaminiHochberg, holm, signFlipTest, tInterval, vendiScore } from "../../src/core/statistics.js";

const values = fc.array(fc.integer({ min: -1000, max: 1000 }).map((x) => x / 100), { minLength: 2, maxLength: 12 }); // prettier-ignore
const pValues = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 });

describe("sign-flip test", () => {
  it("does not depend on order, sign or scale, and lies in [2^(1 - n), 1]", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 9 }), (x, scale) => {
        const { p, greater, less, assignments } = signFlipTest(x);
        expect(signFlipTest([...x].reverse()).p).toBe(p);
        expect(signFlipTest(x.map((value) => -value * scale)).p).toBe(p);
        expect(p).toBeGreaterThanOrEqual(2 / assignments);
        expect(p).toBeLessThanOrEqual(1);
        expect(greater + less).toBeGreaterThan(assignments);
      }),
    );
  });

  it("does not grow when every difference moves away from 0", () => {
    fc.assert(
      fc.property(values, (x) => {
        const positive = x.map((value) => Math.abs(value) + 0.01);
        expect(signFlipTest(positive).p).toBe(2 / signFlipTest(positive).assignments);
      }),
    );
  });
});

describe("t interval", () => {
  it("is centred on the mean, moves with it and widens with the level", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: -50, max: 50 }), (x, shift) => {
        const { low, high } = tInterval(x);
        const mean = x.reduce((a, b) => a + b, 0) / x.length;
        expect((low + high) / 2).toBeCloseTo(mean, 9);
        const moved = tInterval(x.map((value) => value + shift));
        expect(moved.low).toBeCloseTo(low + shift, 9);
        const wide = tInterval(x, 0.99);
        expect(wide.high - wide.low).toBeGreaterThanOrEqual(high - low);
      }),
    );
  });
});

describe("adjusted p", () => {
  it("keeps order, stays in [p, 1], and Holm never lies below Benjamini-Hochberg", () => {
    fc.assert(
      fc.property(pValues, (p) => {
        const family = holm(p);
        const discovery = benjaminiHochberg(p);
        p.forEach((value, i) => {
          expect(family[i]).toBeGreaterThanOrEqual(value);
          expect(family[i]).toBeLessThanOrEqual(1);
          expect(discovery[i]).toBeGreaterThanOrEqual(value * (1 - 1e-12));
          expect(family[i]! - discovery[i]!).toBeGreaterThanOrEqual(-1e-12);
          p.forEach((other, j) => {
            if (value < other) expect(family[i]).toBeLessThanOrEqual(family[j]!);
          });
        });
      }),
    );
  });
});

describe("Vendi score", () => {
  it("lies in [1, n], counts copies once, and falls with the order", () => {
    const row = fc
      .array(fc.integer({ min: -9, max: 9 }), { minLength: 4, maxLength: 4 })
      .filter((x) => x.some(Boolean));
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 8 }), (rows) => {
        const unit = rows.map((x) => x.map((value) => value / Math.sqrt(x.reduce((a, b) => a + b * b, 0))));
        const kernel = (of: number[][]): number[][] =>
          of.map((a) => of.map((b) => a.reduce((total, value, k) => total + value * b[k]!, 0)));
        const score = vendiScore(kernel(unit));
        expect(score).toBeGreaterThanOrEqual(1 - 1e-9);
        expect(score).toBeLessThanOrEqual(Math.min(rows.length, 4) + 1e-9);
        expect(vendiScore(kernel([...unit, ...unit]))).toBeCloseTo(score, 9);
        expect(vendiScore(kernel(unit), { order: 2 })).toBeLessThanOrEqual(score + 1e-9);
      }),
    );
  });
});
