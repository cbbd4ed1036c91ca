import { afterEach, describe, expect, it, vi } from "vitest";

import {
  benjaminiHochberg,
  holm,
  signFlipTest,
  standardDeviation,
  tInterval,
  tQuantile,
  vendiScore,
} from "../../../src/core/statistics.js";

describe("sign-flip test", () => {
  it("counts by hand: of +-1 +-2 only +3 and -3 are as far out as 3", () => {
    expect(signFlipTest([1, 2])).toEqual({ assignments: 4, greater: 1, less: 4, twoSided: 2, p: 0.5 });
  });

  it("counts equal sums as at least as extreme, and a zero difference both ways", () => {
    expect(signFlipTest([0.1, 0.2, 0.3, 0]).twoSided).toBe(4);
    expect(signFlipTest([0.3, -0.3]).p).toBe(1);
  });

  // Counts by plain enumeration, p also by scipy 1.17.1 permutation_test.
  it.each([
    [[0.751, 0.328, 0.642, 0.55, 0.327, -0.45], 4, 61, 8],
    [[0.236, -0.683, 1.452, 0.0, 0.172, 0.512, 0.229, 0.253, 1.101, 0.234], 48, 978, 96],
    [[0.355, -0.812, 0.029, 0.01, 0.162, 0.078, -0.839, 1.171, 0.935, 0.859, 1.072, 1.472], 223, 3874, 446],
  ])("equals the peer on %j", (differences, greater, less, twoSided) => {
    expect(signFlipTest(differences)).toEqual({
      assignments: 2 ** differences.length,
      greater,
      less,
      twoSided,
      p: twoSided / 2 ** differences.length,
    });
  });

  it("reaches 2^(1 - n) at best", () => {
    expect(signFlipTest(Array.from({ length: 10 }, () => 0.2)).p).toBe(2 / 1024);
    expect(signFlipTest(Array.from({ length: 20 }, (_, i) => i + 1)).p).toBe(2 / 2 ** 20);
  });

  it.each([[[]], [[1, Number.NaN]], [Array.from({ length: 21 }, () => 1)]])("refuses %j", (differences) => {
    expect(() => signFlipTest(differences)).toThrow(/expected 1 to 20 finite differences/);
  });
});

describe("t interval", () => {
  // scipy 1.17.1; 1e-9 because special functions differ in the last digits.
  const x = [-0.4441, 0.6284, 0.4447, 1.1428, 0.0332];
  it.each([
    [0.9, -0.21209786132171904, 0.9340978613217187, 2.1318467863266495],
    [0.95, -0.3853832589056444, 1.1073832589056445, 2.7764451051977934],
    [0.99, -0.8767047642525463, 1.5987047642525463, 4.604094871349992],
  ])("equals the peer at level %d", (level, low, high, quantile) => {
    const interval = tInterval(x, level);
    expect(interval.low).toBeCloseTo(low, 9);
    expect(interval.high).toBeCloseTo(high, 9);
    expect(tQuantile((1 + level) / 2, 4)).toBeCloseTo(quantile, 9);
  });

  it("has the sample standard deviation", () => {
    expect(standardDeviation([1, 2, 3])).toBe(1);
    expect(standardDeviation(x)).toBeCloseTo(0.6011153258734966, 12);
  });

  it("does not exist for one value", () => {
    expect(() => tInterval([1])).toThrow(/got 1, expected at least 2/);
  });
});

describe("adjusted p", () => {
  // statsmodels 0.15.0.
  const p = [0.5, 0.02, 0.02, 0.9, 0.001, 0.049, 0.3];
  const close = (got: number[], wanted: number[]): void =>
    got.forEach((value, index) => expect(value).toBeCloseTo(wanted[index]!, 12));

  it("is Holm's", () => {
    close(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02]);
    close(holm(p), [1, 0.12, 0.12, 1, 0.007, 0.196, 0.9]);
  });

  it("is Benjamini and Hochberg's", () => {
    close(benjaminiHochberg([0.01, 0.04, 0.03, 0.005]), [0.02, 0.04, 0.04, 0.02]);
    close(
      benjaminiHochberg(p),
      [0.5833333333333334, 0.04666666666666667, 0.04666666666666667, 0.9, 0.007, 0.08575, 0.42],
    );
  });
});

describe("Vendi score", () => {
  it("is the number of distinct samples where they are equal or orthogonal", () => {
    expect(vendiScore([[1, 0], [0, 1]])).toBeCloseTo(2, 12); // prettier-ignore
    expect(vendiScore([[1, 1], [1, 1]])).toBeCloseTo(1, 12); // prettier-ignore
  });

  // vendi_score, rows normalised to length 1; 1e-6 because eigenvalues near 0 count where q < 1.
  const rows = [
    [-0.5961, -0.6622, 0.0759, -1.0587, -0.2485],
    [1.6304, 0.4013, 1.3217, 0.7111, -0.4352],
    [-0.2168, 0.027, -0.0683, 0.3826, -1.1839],
    [0.1152, -0.6051, -0.8495, -0.072, 1.1752],
    [0.1541, -0.6808, 0.3385, 1.4494, -1.6038],
    [1.1949, 0.0679, -0.0721, 0.6821, -0.5505],
    [-0.6661, -0.1021, -0.4578, -0.2807, 0.749],
    [-1.2692, -0.8948, 0.9307, 0.3426, -0.6163],
  ];
  const unit = rows.map((row) => row.map((value) => value / Math.hypot(...row)));
  const kernel = unit.map((a) => unit.map((b) => a.reduce((total, value, k) => total + value * b[k]!, 0)));

  it.each([
    [1, 3.4645669386725917],
    [2, 2.7964475251800995],
    [0.5, 4.100846054346549],
    [Infinity, 1.95209726481778],
  ])("equals the peer at order %d", (order, score) => {
    expect(vendiScore(kernel, { order })).toBeCloseTo(score, 6);
  });

  it("equals the peer with weights", () => {
    const weights = [
      0.21032431748484104, 0.17355792174391524, 0.13828430684916693, 0.06327768335907145, 0.10646560281827525,
      0.1441322345960886, 0.11798511683193251, 0.045972816316709034,
    ];
    expect(vendiScore(kernel, { weights })).toBeCloseTo(3.2806050463044665, 9);
  });
});

describe("portability", () => {
  afterEach(() => vi.restoreAllMocks());

  it("needs none of the functions of Math that differ between engines", () => {
    const functions = ["exp", "expm1", "log", "log1p", "log2", "log10", "pow", "sin", "cos", "tan", "atan2", "hypot"] as const; // prettier-ignore
    for (const name of functions) {
      vi.spyOn(Math, name).mockImplementation(() => {
        throw new Error(`Math.${name} was called`);
      });
    }
    expect(() => Math.exp(1)).toThrow();
    expect(tInterval([1, 2, 4]).high).toBeGreaterThan(4);
    expect(tQuantile(0.99375, 9)).toBeGreaterThan(3);
    expect(signFlipTest([1, 2, 3]).p).toBe(0.25);
    expect(vendiScore([[1, 0.5], [0.5, 1]], { order: 2 })).toBeCloseTo(1.6, 9); // prettier-ignore
    expect(vendiScore([[1, 0.5], [0.5, 1]])).toBeGreaterThan(1.6); // prettier-ignore
  });
});
