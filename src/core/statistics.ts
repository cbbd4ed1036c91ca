import tQuantileOf from "@stdlib/stats-base-dists-t-quantile";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";

import { LawbookError, mismatch } from "./errors.js";
import { exp, ln, mean, pow, sum } from "./math.js";

/** A closed interval of the real line. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Sample standard deviation: sqrt(sum_i (x_i - mean)^2 / (n - 1)), two passes; NaN below two values. */
export function standardDeviation(values: readonly number[]): number {
  const centre = mean(values);
  return Math.sqrt(sum(values.map((value) => (value - centre) * (value - centre))) / (values.length - 1));
}

/** Quantile of Student's t: the x with P(T <= x) = p. p in (0, 1), degrees of freedom > 0. */
export function tQuantile(p: number, degreesOfFreedom: number): number {
  return tQuantileOf(p, degreesOfFreedom);
}

/**
 * Student's interval of a mean: mean +- t_{(1 + level) / 2, n - 1} * s / sqrt(n).
 * s: sample standard deviation. level in (0, 1). Throws below two values, where it does not exist.
 * Source: Student 1908; coverage at small n compared with the bootstrap in Hesterberg 2015.
 */
export function tInterval(values: readonly number[], level = 0.95): Interval {
  const n = values.length;
  if (n < 2) throw new LawbookError("internal", mismatch("Too few values for an interval", n, "at least 2"));
  const centre = mean(values);
  const half = (tQuantile((1 + level) / 2, n - 1) * standardDeviation(values)) / Math.sqrt(n);
  return { low: centre - half, high: centre + half };
}

/** Outcome of an exact sign-flip test. */
export interface SignFlip {
  /** 2^n. */
  readonly assignments: number;
  /** Assignments whose sum is at least the observed one. */
  readonly greater: number;
  /** Assignments whose sum is at most the observed one. */
  readonly less: number;
  /** Assignments whose sum is at least as far from 0 as the observed one. */
  readonly twoSided: number;
  /** twoSided / 2^n, the exact two-sided p of "the differences are symmetric about 0". */
  readonly p: number;
}

/**
 * Exact sign-flip permutation test of the mean of paired differences.
 * p = #{s in {-1, +1}^n : |sum_i s_i d_i| >= |sum_i d_i|} / 2^n.
 * d: differences, 1 to 20 of them. Sums that differ by less than 1e-12 * sum |d_i| count as equal; the observed
 * assignment counts. The smallest possible p is 2^(1 - n).
 * Source: Fisher 1935, The Design of Experiments, section 21.
 */
export function signFlipTest(differences: readonly number[]): SignFlip {
  const n = differences.length;
  if (n < 1 || n > 20 || !differences.every(Number.isFinite)) {
    throw new LawbookError("internal", mismatch("Sign-flip test", differences, "1 to 20 finite differences"));
  }
  const assignments = 1 << n;
  const sums = new Float64Array(assignments);
  let filled = 1;
  for (const difference of differences) {
    for (let i = 0; i < filled; i++) {
      const partial = sums[i]!;
      sums[i] = partial + difference;
      sums[filled + i] = partial - difference;
    }
    filled *= 2;
  }
  const observed = sums[0]!;
  const slack = 1e-12 * sum(differences.map(Math.abs));
  let greater = 0;
  let less = 0;
  let twoSided = 0;
  for (const flipped of sums) {
    if (flipped >= observed - slack) greater++;
    if (flipped <= observed + slack) less++;
    if (Math.abs(flipped) >= Math.abs(observed) - slack) twoSided++;
  }
  return { assignments, greater, less, twoSided, p: twoSided / assignments };
}

/**
 * Holm's step-down adjustment: p~_(i) = max_{j <= i} min(1, (m - j + 1) p_(j)), in the order of the input.
 * m: number of hypotheses; p_(1) <= ... <= p_(m). Controls the family-wise error rate under any dependence.
 * Source: Holm 1979.
 */
export function holm(pValues: readonly number[]): number[] {
  const order = ascending(pValues);
  const adjusted = pValues.map(() => 1);
  let running = 0;
  order.forEach((index, rank) => {
    running = Math.max(running, Math.min(1, (pValues.length - rank) * pValues[index]!));
    adjusted[index] = running;
  });
  return adjusted;
}

/**
 * Benjamini-Hochberg step-up adjustment: p~_(i) = min_{j >= i} min(1, m p_(j) / j), in the order of the input.
 * Controls the false discovery rate of independent tests; for exploratory sweeps only.
 * Source: Benjamini & Hochberg 1995.
 */
export function benjaminiHochberg(pValues: readonly number[]): number[] {
  const order = ascending(pValues);
  const adjusted = pValues.map(() => 1);
  let running = 1;
  for (let rank = order.length; rank >= 1; rank--) {
    const index = order[rank - 1]!;
    running = Math.min(running, (pValues.length / rank) * pValues[index]!);
    adjusted[index] = running;
  }
  return adjusted;
}

function ascending(values: readonly number[]): number[] {
  return values.map((_, index) => index).sort((a, b) => values[a]! - values[b]! || a - b);
}

/** How a Vendi score weighs its samples and their commonness. */
export interface VendiOptions {
  /** Order q >= 0 of the entropy; 1 (Shannon) where absent; Infinity gives 1 / largest eigenvalue. */
  readonly order?: number;
  /** Probability of each sample, summing to 1; uniform where absent. */
  readonly weights?: readonly number[];
}

/**
 * Vendi score, the effective number of distinct samples, in [1, n]: the effective number of D K D.
 * K [n, n]: similarities with unit diagonal, symmetric, positive semi-definite.
 * D: diagonal of sqrt(w_i), w uniform 1 / n by default.
 * Source: Friedman & Dieng 2023; orders in Pasarkar & Dieng 2024.
 */
export function vendiScore(kernel: readonly (readonly number[])[], options: VendiOptions = {}): number {
  const n = kernel.length;
  const roots = (options.weights ?? kernel.map(() => 1 / n)).map(Math.sqrt);
  const scaled = kernel.map((row, i) => row.map((value, j) => value * roots[i]! * roots[j]!));
  return effectiveNumber(scaled, options.order);
}

/**
 * Effective number of equally common kinds behind a spectrum, in [1, n]: exp(-sum_i lambda_i ln lambda_i) for order 1,
 * (sum_i lambda_i^q)^(1 / (1 - q)) for other orders, 1 / max lambda_i for Infinity.
 * lambda: eigenvalues of a symmetric positive semi-definite matrix of trace 1 [n, n].
 * Deviation: eigenvalues that rounding leaves at or below 0 are passed over.
 * Source: Hill 1973; Friedman & Dieng 2023.
 */
export function effectiveNumber(matrix: readonly (readonly number[])[], order = 1): number {
  const { realEigenvalues } = new EigenvalueDecomposition(new Matrix(matrix.map((row) => [...row])), {
    assumeSymmetric: true,
  });
  const positive = realEigenvalues.filter((value) => value > 0);
  if (order === Infinity) return 1 / Math.max(...positive);
  if (order === 1) return exp(-sum(positive.map((value) => value * ln(value))));
  return pow(sum(positive.map((value) => pow(value, order))), 1 / (1 - order));
}
