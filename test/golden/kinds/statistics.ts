import { mean } from "../../../src/core/math.js";
import {
  benjaminiHochberg,
  effectiveNumber,
  holm,
  signFlipTest,
  standardDeviation,
  tInterval,
  tQuantile,
  vendiScore,
} from "../../../src/core/statistics.js";
import { unit, vendiScore as vendiOfVectors } from "../../../src/data/diversity.js";
import { adjustedRandIndex, kMeans, silhouette } from "../../../src/data/clusters.js";
import { brownForsythe } from "../../../src/laws/spread.js";
import type { Runner } from "../case.js";

const NO_CALLER = "no part of the project calls it";

/** Exact sign-flip test. */
export const signFlip: Runner = {
  ignored: {
    observed_sum: "the project reports the mean",
    scipy_p_greater: "scipy's own comparison tolerance; p_greater is the enumeration",
    scipy_p_less: "scipy's own comparison tolerance; p_less is the enumeration",
    p_greater: NO_CALLER,
    p_less: NO_CALLER,
  },
  run: ({ inputs }) => {
    const { differences } = inputs as { differences: number[] };
    const { assignments, greater, less, twoSided, p } = signFlipTest(differences);
    return Promise.resolve({
      n: differences.length,
      assignments,
      count_greater: greater,
      count_less: less,
      count_two_sided: twoSided,
      p_two_sided: p,
    });
  },
};

/** t interval of a mean. */
export const tIntervalOf: Runner = {
  ignored: { t: NO_CALLER, p_two_sided: NO_CALLER, p_greater: NO_CALLER },
  run: ({ inputs }) => {
    const { x, levels } = inputs as { x: number[]; levels: number[] };
    return Promise.resolve({
      mean: mean(x),
      sd: standardDeviation(x),
      sem: standardDeviation(x) / Math.sqrt(x.length),
      df: x.length - 1,
      intervals: levels.map((level) => ({
        level,
        ...tInterval(x, level),
        t_quantile: tQuantile((1 + level) / 2, x.length - 1),
      })),
    });
  },
};

/** p-values adjusted for a family. */
export const adjustedP: Runner = {
  ignored: { bonferroni: NO_CALLER, fdr_by: NO_CALLER, hommel: NO_CALLER },
  run: ({ inputs }) => {
    const { p, alpha } = inputs as { p: number[]; alpha: number };
    const judged = (adjusted: number[]): object => ({
      p_adjusted: adjusted,
      reject: adjusted.map((value) => value <= alpha),
    });
    return Promise.resolve({ holm: judged(holm(p)), fdr_bh: judged(benjaminiHochberg(p)) });
  },
};

/** Brown-Forsythe test. */
export const levene: Runner = {
  ignored: { levene_mean: "Levene's own form centres on means; the project centres on medians" },
  run: ({ inputs }) => {
    const { statistic, p } = brownForsythe((inputs as { groups: number[][] }).groups);
    return Promise.resolve({ brown_forsythe: { statistic, p } });
  },
};

/** Vendi score by kernel, by vectors and by the dual matrix. */
export const vendi: Runner = {
  ignored: { eigenvalues_of_K_over_n: "the project keeps the score alone" },
  run: ({ inputs }) => {
    const {
      K: kernel,
      X: vectors,
      q: orders,
      p: weights,
    } = inputs as {
      K: number[][];
      X: number[][];
      q: (number | "inf")[];
      p: number[];
    };
    const units = vectors.map(unit);
    const n = units.length;
    const width = units[0]!.length;
    const dual = Array.from({ length: width }, (_, i) =>
      Array.from({ length: width }, (_, j) => units.reduce((total, x) => total + (x[i]! * x[j]!) / n, 0)),
    );
    return Promise.resolve({
      score_K: orders.map((q) => ({ q, score: vendiScore(kernel, { order: q === "inf" ? Infinity : q }) })),
      score_X_normalized: vendiOfVectors(
        units,
        units.map(() => 1),
      ),
      score_dual_normalized: effectiveNumber(dual),
      weighted_score_K: vendiScore(kernel, { weights }),
    });
  },
};

/** Lloyd's k-means from given centers, with the silhouette and the agreement with true labels. */
export const clusters: Runner = {
  ignored: {},
  run: ({ inputs }) => {
    const given = inputs as { points: number[][]; initial_centres: number[][]; true_labels: number[] };
    const { centers, assignment, inertia } = kMeans(given.points, given.initial_centres);
    return Promise.resolve({
      labels: assignment,
      centres: centers,
      inertia,
      silhouette: silhouette(given.points, assignment),
      adjusted_rand_index: adjustedRandIndex(assignment, given.true_labels),
    });
  },
};
