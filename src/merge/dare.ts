import { flag, type MergeMethod, numberOf, type ParameterSpec, type TensorTask } from "./method.js";
import {
  baseUnchanged,
  DENSITY,
  electTaskVectors,
  keptShare,
  type Sparsity,
  sumTaskVectors,
  taskVectorParameters,
  withL1Norm,
} from "./task-vectors.js";

/** Number of values of 32 random bits. */
export const WORDS = 0x100000000;

/** Whether and how what a random mask leaves is enlarged. */
export const RESCALING: readonly ParameterSpec[] = [
  flag("rescale", true, "enlarge what is left"),
  {
    name: "rescaling",
    kind: "choice",
    scope: "merge",
    default: "l1",
    choices: ["l1", "density"],
    description: "with rescale: to the former L1 norm, or by 1 / density; a parameter of Lawbook",
  },
];

/**
 * Drops entries of a task vector at random.
 * Equation: m(delta)_j = s delta_j with probability p, else 0, independently; s = |delta|_1 / |m(delta)|_1 with
 * `rescaling: l1`, as mergekit, 1 / p with `density`, as the authors, 1 without `rescale`. Symbols: p density.
 * Shapes: delta [n] -> [n]. One stream for each tensor and model, so the order of tensors does not matter.
 * Source: Yu et al. 2024, section 3.2; mergekit `dare_linear`.
 */
export function dropAtRandom(task: TensorTask, index: number): Sparsity | undefined {
  const density = numberOf(task.inputs[index]!.settings, "density");
  if (density >= 1) return undefined;
  const limit = density * WORDS;
  const open = (): ((block: Float32Array) => void) => {
    const bits = task.bits(index);
    return (block) => {
      for (let i = 0; i < block.length; i++) if (bits() >>> 0 >= limit) block[i] = 0;
    };
  };
  return rescaled(task, index, open, density);
}

/** Enlarges what a mask leaves, as the settings say. */
export function rescaled(task: TensorTask, index: number, open: Sparsity["open"], density: number): Sparsity {
  if (task.settings["rescale"] !== true) return { open, scale: 1 };
  return task.settings["rescaling"] === "density"
    ? { open, scale: 1 / density }
    : withL1Norm(task, index, open);
}

const SHARED = {
  base: "required",
  models: { least: 1, most: Infinity },
  parameters: [...taskVectorParameters(false), DENSITY, ...RESCALING],
  unchanged: baseUnchanged,
  kept: (task) => keptShare(task, dropAtRandom),
} satisfies Partial<MergeMethod>;

/** Sum of randomly thinned task vectors, see `dropAtRandom` and `sumTaskVectors`. */
export const dareLinear: MergeMethod = {
  ...SHARED,
  name: "dare_linear",
  summary: "drop entries of task vectors at random, then sum",
  merge: (task) => sumTaskVectors(task, dropAtRandom),
};

/** Randomly thinned task vectors with elected signs, see `dropAtRandom` and `electTaskVectors`. */
export const dareTies: MergeMethod = {
  ...SHARED,
  name: "dare_ties",
  summary: "drop entries of task vectors at random, then elect signs",
  merge: (task) => electTaskVectors(task, dropAtRandom, weightedElection(task)),
};

/** mergekit's election: weights vote, and divide with `normalize`. */
export function weightedElection({ settings }: TensorTask): {
  readonly weighted: true;
  readonly divisor: "weights" | "none";
} {
  return { weighted: true, divisor: settings["normalize"] === true ? "weights" : "none" };
}
