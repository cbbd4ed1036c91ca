import betainc from "@stdlib/math-base-special-betainc";

import { LawbookError, mismatch } from "../core/errors.js";
import { exp, ln, mean, sum } from "../core/math.js";
import { type Interval, standardDeviation, tInterval } from "../core/statistics.js";
import { contrast, type Difference } from "./evidence.js";

/** Scores of one way of training: [discipline][seed][method], every discipline with the same seeds and methods. */
export type SpreadScores = readonly (readonly (readonly number[])[])[];

/** The middle value, or the mean of both middle values. Throws for an empty list. */
export function median(values: readonly number[]): number {
  if (values.length === 0)
    throw new LawbookError("internal", mismatch("Median of", values, "at least one value"));
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Spread of each seed, the values that claim 0 pairs:
 * z_s = mean_{d, m} |x_dsm - median_d|, median_d = median over seeds and methods of discipline d.
 * x [D, S, M]: scores; z [S]. Centred within each discipline, so that differences between disciplines are no spread.
 * Source: Levene 1960 with the median of Brown & Forsythe 1974, averaged within each seed.
 */
export function spreadBySeed(scores: SpreadScores): number[] {
  const deviations = deviationsOf(scores);
  const seeds = scores[0]!.length;
  return Array.from({ length: seeds }, (_, seed) =>
    mean(deviations.flatMap((discipline) => discipline[seed]!.map(Math.abs))),
  );
}

/**
 * The difference of claim 0: spread of joint training minus spread of single-discipline training, paired by seed, with
 * the exact sign-flip test of the four laws. Under equal spreads z_s of both is exchangeable within a seed.
 * Deviation from an exact test: medians are estimated; its error is measured by simulation in the tests.
 */
export function spreadContrast(
  measure: string,
  joint: { readonly arm: string; readonly scores: SpreadScores },
  single: { readonly arm: string; readonly scores: SpreadScores },
): Difference {
  checkAlike(joint.scores, single.scores);
  return contrast(
    measure,
    { arm: joint.arm, values: spreadBySeed(joint.scores) },
    { arm: single.arm, values: spreadBySeed(single.scores) },
  );
}

/** Standard deviation over seeds and methods, pooled over disciplines: sqrt(mean_d s_d^2). */
export function pooledDeviation(scores: SpreadScores): number {
  return Math.sqrt(
    mean(
      scores.map((discipline) => {
        const deviation = standardDeviation(discipline.flat());
        return deviation * deviation;
      }),
    ),
  );
}

/** A ratio of spreads with its 95 % interval; both null where a spread is 0. */
export interface SpreadRatio {
  readonly ratio: number | null;
  readonly interval: Interval | null;
}

/**
 * Ratio of spreads, joint to single: R = S_joint / S_single, S the pooled standard deviation, with the jackknife
 * interval of ln R over seeds: l_s = n ln R - (n - 1) ln R_(-s), mean(l) +- t_{0.975, n - 1} sd(l) / sqrt(n),
 * exponentiated. R_(-s): without seed s. R in (0, inf); 1 where spreads are equal. At least three seeds.
 * Source: Miller 1968, Jackknifing variances.
 */
export function spreadRatio(joint: SpreadScores, single: SpreadScores): SpreadRatio {
  checkAlike(joint, single);
  const logRatio = (without?: number): number => {
    const kept = (scores: SpreadScores): SpreadScores =>
      scores.map((discipline) => discipline.filter((_, seed) => seed !== without));
    return ln(pooledDeviation(kept(joint)) / pooledDeviation(kept(single)));
  };
  const seeds = joint[0]!.length;
  const whole = logRatio();
  if (!Number.isFinite(whole)) return { ratio: null, interval: null };
  const pseudo = Array.from({ length: seeds }, (_, seed) => seeds * whole - (seeds - 1) * logRatio(seed));
  if (seeds < 3 || !pseudo.every(Number.isFinite)) return { ratio: exp(whole), interval: null };
  const { low, high } = tInterval(pseudo);
  return { ratio: exp(whole), interval: { low: exp(low), high: exp(high) } };
}

/** Outcome of a Brown-Forsythe test. */
export interface BrownForsythe {
  readonly statistic: number;
  /** Degrees of freedom between and within groups. */
  readonly between: number;
  readonly within: number;
  /** P(F >= statistic). */
  readonly p: number;
}

/**
 * Brown-Forsythe test of equal spreads, for independent groups; reported beside the paired test that decides.
 * W = (N - k) / (k - 1) * sum_i n_i (z_i - z)^2 / sum_ij (z_ij - z_i)^2, z_ij = |x_ij - median_i|;
 * p = I_{w / (w + b W)}(w / 2, b / 2), b = k - 1, w = N - k, I the regularised incomplete beta function.
 * k groups of n_i values, N = sum n_i > k, k >= 2; z_i, z: means within a group and over all.
 * Source: Brown & Forsythe 1974.
 */
export function brownForsythe(groups: readonly (readonly number[])[]): BrownForsythe {
  const values = groups.flat();
  const [between, within] = [groups.length - 1, values.length - groups.length];
  if (
    between < 1 ||
    within < 1 ||
    groups.some(({ length }) => length === 0) ||
    !values.every(Number.isFinite)
  ) {
    throw new LawbookError(
      "internal",
      mismatch(
        "Groups of a Brown-Forsythe test",
        groups,
        "two groups or more of finite values, one of them with two",
      ),
    );
  }
  const distances = groups.map((group) => {
    const centre = median(group);
    return group.map((value) => Math.abs(value - centre));
  });
  const whole = mean(distances.flat());
  const square = (value: number): number => value * value;
  const explained = sum(distances.map((group) => group.length * square(mean(group) - whole)));
  const left = sum(distances.flatMap((group) => group.map((value) => square(value - mean(group)))));
  const statistic = explained === 0 ? 0 : (within * explained) / (between * left);
  const share = Number.isFinite(statistic) ? within / (within + between * statistic) : 0;
  return { statistic, between, within, p: betainc(share, within / 2, between / 2) };
}

/** Brown-Forsythe of joint against single training, each score as its distance from the median of its discipline. */
export function spreadTest(joint: SpreadScores, single: SpreadScores): BrownForsythe {
  checkAlike(joint, single);
  return brownForsythe([joint, single].map((scores) => deviationsOf(scores).flat(2)));
}

/** x - median of its discipline, [D, S, M]. */
function deviationsOf(scores: SpreadScores): number[][][] {
  checkScores(scores);
  return scores.map((discipline) => {
    const centre = median(discipline.flat());
    return discipline.map((methods) => methods.map((value) => value - centre));
  });
}

function shapeOf(scores: SpreadScores): string {
  return [scores.length, scores[0]?.length ?? 0, scores[0]?.[0]?.length ?? 0].join(" x ");
}

function checkScores(scores: SpreadScores): void {
  const [first] = scores;
  const seeds = first?.length ?? 0;
  const methods = first?.[0]?.length ?? 0;
  const whole = scores.every(
    (discipline) =>
      discipline.length === seeds &&
      discipline.every((row) => row.length === methods && row.every(Number.isFinite)),
  );
  if (whole && seeds > 0 && methods > 0) return;
  throw new LawbookError(
    "internal",
    mismatch("Scores of a spread", scores, "disciplines x seeds x methods, none empty, all finite"),
  );
}

function checkAlike(joint: SpreadScores, single: SpreadScores): void {
  checkScores(joint);
  checkScores(single);
  if (shapeOf(joint) === shapeOf(single)) return;
  throw new LawbookError(
    "internal",
    mismatch(
      "Scores of single-discipline training",
      shapeOf(single),
      `${shapeOf(joint)}, as of joint training`,
    ),
  );
}
