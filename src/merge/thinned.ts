import type { MergeMethod, ParameterSpec, TensorTask } from "./method.js";
import {
  baseUnchanged,
  DENSITY,
  electTaskVectors,
  keptShare,
  type Sparsify,
  sumTaskVectors,
  taskVectorParameters,
} from "./task-vectors.js";

/** How task vectors are thinned, and how a method is then called. */
export interface Thinning {
  readonly sparsify: Sparsify;
  /** What it does to task vectors, in words. */
  readonly summary: string;
  /** Parameters beside weight, density and those of all task vectors. */
  readonly parameters: readonly ParameterSpec[];
  readonly problem?: MergeMethod["problem"];
}

/** Sums task vectors that were thinned, see `sumTaskVectors`. `normalize`: its default. */
export function thinnedSum(name: string, thinning: Thinning, normalize: boolean): MergeMethod {
  const { summary, sparsify } = thinning;
  return {
    ...shared(thinning, normalize),
    name,
    summary: `${summary}, then sum`,
    merge: (task) => sumTaskVectors(task, sparsify),
  };
}

/** Elects signs of task vectors that were thinned, weights voting, see `electTaskVectors`. `normalize`: its default. */
export function thinnedElection(name: string, thinning: Thinning, normalize: boolean): MergeMethod {
  const { summary, sparsify } = thinning;
  return {
    ...shared(thinning, normalize),
    name,
    summary: `${summary}, then elect signs`,
    merge: (task) => electTaskVectors(task, sparsify, weightedElection(task)),
  };
}

function shared(
  { sparsify, parameters, problem }: Thinning,
  normalize: boolean,
): Omit<MergeMethod, "name" | "summary" | "merge"> {
  return {
    base: "required",
    models: { least: 1, most: Infinity },
    parameters: [...taskVectorParameters(normalize), DENSITY, ...parameters],
    ...(problem === undefined ? {} : { problem }),
    unchanged: baseUnchanged,
    kept: (task) => keptShare(task, sparsify),
  };
}

/** mergekit's election: weights vote, and divide with `normalize`. */
function weightedElection({ settings }: TensorTask): {
  readonly weighted: true;
  readonly divisor: "weights" | "none";
} {
  return { weighted: true, divisor: settings["normalize"] === true ? "weights" : "none" };
}
