import { invalidRequest, type Problem, quote } from "../core/errors.js";
import type { Matrix } from "./matrix.js";
import type { Partition } from "./set-partitions.js";

/** Norm balls of a training in stages, > 0. */
export interface StageRadius {
  /** rho_theta: how far the weights may move in a stage. */
  readonly weights: number;
  /** rho_phi: how large a discipline's adapter may become. */
  readonly adapters: number;
}

/** What the objective weighs. */
export interface ObjectiveTerms {
  /** d [k, k]: symmetric, zero diagonal. */
  readonly discrepancy: Matrix;
  /** s [k, k]: symmetric; its diagonal is not read. */
  readonly synergy: Matrix;
  /** Weight of the synergy, >= 0. */
  readonly lambda: number;
  /** mu_theta and mu_phi, >= 0: prices of the two norms. */
  readonly penalty: { readonly weights: number; readonly adapters: number };
  readonly radius: StageRadius;
}

/**
 * What one stage S adds to the objective:
 * g(S) = - [ sum_{i<j in S} (d_ij - lambda s_ij) + Cap(S) ].
 */
export function stageValue(terms: ObjectiveTerms, stage: readonly number[]): number {
  let total = 0;
  stage.forEach((j, place) => {
    for (const i of stage.slice(0, place)) total += margin(terms, i, j);
  });
  return total - capacity(terms, stage.length);
}

/**
 * Price of a stage with this many disciplines: Cap(S) = mu_theta rho_theta^2 + mu_phi |S| rho_phi^2.
 * Deviation: the source has the norms of what training moved, which are unknown before it; here stand their caps. The
 * second part is then the same for every partition, so mu_theta rho_theta^2 alone rewards few stages.
 */
export function capacity({ penalty, radius }: ObjectiveTerms, size: number): number {
  return (
    penalty.weights * radius.weights * radius.weights +
    penalty.adapters * size * radius.adapters * radius.adapters
  );
}

/** What a pair gains in one stage: lambda s_ij - d_ij. Without prices, two disciplines are joined only where it is > 0. */
export function margin({ discrepancy, synergy, lambda }: ObjectiveTerms, i: number, j: number): number {
  return lambda * synergy[i]![j]! - discrepancy[i]![j]!;
}

/**
 * The objective of a partition, to be maximised:
 * G = - sum_t [ sum_{i<j in S_t} d_ij - lambda sum_{i<j in S_t} s_ij + mu_theta rho_theta^2 + mu_phi |S_t| rho_phi^2 ].
 * S_t: the stages. d in bits where it is a divergence; the unit gives lambda its meaning.
 * Deviation: caps in place of norms, see `capacity`.
 * Source: Ye et al. 2025 (Synergy over Discrepancy), as reported by readers.
 */
export function objective(terms: ObjectiveTerms, partition: Partition): number {
  return partition.reduce((total, stage) => total + stageValue(terms, stage), 0);
}

/** `stageValue` of every set of disciplines, by its bits; the empty set has 0. For up to 20 disciplines. */
export function stageValues(terms: ObjectiveTerms): Float64Array {
  const k = terms.discrepancy.length;
  const pairs = new Float64Array(1 << k);
  const sizes = new Uint8Array(1 << k);
  for (let set = 1; set < pairs.length; set++) {
    const top = 31 - Math.clz32(set);
    const rest = set ^ (1 << top);
    let total = pairs[rest]!;
    for (let i = 0; i < top; i++) if (((rest >> i) & 1) === 1) total += margin(terms, i, top);
    pairs[set] = total;
    sizes[set] = sizes[rest]! + 1;
  }
  return pairs.map((value, set) => (set === 0 ? 0 : value - capacity(terms, sizes[set]!)));
}

/** Refuses terms that no objective can be made of: all problems in one error. */
export function checkTerms(terms: ObjectiveTerms): void {
  const problems: Problem[] = [];
  const k = terms.discrepancy.length;
  const say = (path: string, got: unknown, expected: string): void => {
    // JSON has no NaN.
    const shown = typeof got === "number" ? String(got) : quote(got);
    problems.push({ path, message: `got ${shown}, expected ${expected}.` });
  };
  if (k < 2) say("discrepancy", k, "2 disciplines or more");
  for (const path of ["discrepancy", "synergy"] as const) {
    const matrix = terms[path];
    if (matrix.length !== k || matrix.some((row) => row.length !== k))
      say(path, `${matrix.length} rows of ${String(matrix.map((row) => row.length))}`, `${k} rows of ${k}`);
    else {
      matrix.forEach((row, i) =>
        row.forEach((value, j) => {
          if (i === j) return;
          if (!Number.isFinite(value)) say(`${path}.${i}.${j}`, value, "a finite number");
          else if (i < j && matrix[j]![i] !== value)
            say(`${path}.${i}.${j}`, value, `${String(matrix[j]![i])}, as ${path}.${j}.${i} has`);
        }),
      );
    }
  }
  const { lambda, penalty, radius } = terms;
  const atLeast0 = { lambda, "penalty.weights": penalty.weights, "penalty.adapters": penalty.adapters };
  for (const [path, value] of Object.entries(atLeast0))
    if (!(value >= 0 && value < Infinity)) say(path, value, "a finite number of at least 0");
  for (const key of ["weights", "adapters"] as const)
    if (!(radius[key] > 0 && radius[key] < Infinity))
      say(`radius.${key}`, radius[key], "a finite number above 0");
  if (problems.length > 0) throw invalidRequest("The partition objective", problems);
}
