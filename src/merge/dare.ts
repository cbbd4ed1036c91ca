import { flag, type MergeMethod, numberOf, type ParameterSpec, type TensorTask } from "./method.js";
import { type Sparsity, withL1Norm } from "./task-vectors.js";
import { thinnedElection, thinnedSum, type Thinning } from "./thinned.js";

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

const THINNING: Thinning = {
  sparsify: dropAtRandom,
  summary: "drop entries of task vectors at random",
  parameters: RESCALING,
};

/** Sum of randomly thinned task vectors, see `dropAtRandom`. */
export const dareLinear: MergeMethod = thinnedSum("dare_linear", THINNING, false);

/** Randomly thinned task vectors with elected signs, see `dropAtRandom`. */
export const dareTies: MergeMethod = thinnedElection("dare_ties", THINNING, false);
