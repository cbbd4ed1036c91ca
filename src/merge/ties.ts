import { LawbookError, mismatch } from "../core/errors.js";
import { flag, type MergeMethod, numberOf, type TensorTask } from "./method.js";
import { keepLargest, largestMagnitudes } from "./selection.js";
import {
  baseUnchanged,
  DENSITY,
  electTaskVectors,
  type Election,
  keptShare,
  type Sparsify,
  taskVector,
  taskVectorParameters,
  withL1Norm,
} from "./task-vectors.js";

const ELECTIONS: Readonly<Record<string, Election>> = {
  mergekit: { weighted: true, divisor: "weights" },
  peft: { weighted: false, divisor: "count" },
  paper: { weighted: false, divisor: "count" },
};

/**
 * Trim, elect sign, disjoint merge.
 * Trim: of each task vector the k = max(1, int(density n)) largest magnitudes stay, n its entries in the tensor; the first of
 * equal ones. With `rescale` what stays gets the former L1 norm. Election and merge: see `electTaskVectors`; variant
 * `mergekit`: votes and divisor with weights (the divisor is left out without `normalize`); `peft`: both without;
 * `paper`: as `peft`, with one threshold over all tensors of a model, the k-th magnitude of all of them.
 * Deviation: the paper has no weights, they are factors after the election; a vote of exactly 0 counts as plus, where the
 * authors' code takes the majority of all signs.
 * Source: Yadav et al. 2023, section 4; mergekit `ties`; PEFT `ties`.
 */
export const ties: MergeMethod = {
  name: "ties",
  summary: "trim task vectors, elect signs, average what agrees",
  base: "required",
  models: { least: 1, most: Infinity },
  parameters: [
    ...taskVectorParameters(true),
    DENSITY,
    flag("rescale", false, "restore the L1 norm of what is trimmed"),
    {
      name: "variant",
      kind: "choice",
      scope: "merge",
      default: "mergekit",
      choices: Object.keys(ELECTIONS),
      description: "whose rules count; a parameter of Lawbook",
    },
  ],
  unchanged: baseUnchanged,
  problem: ({ settings }) =>
    settings["variant"] === "mergekit" || settings["rescale"] !== true
      ? undefined
      : `got rescale: true with variant ${settings["variant"]}, expected variant mergekit.`,
  survey: (tasks) => (tasks[0]?.settings["variant"] === "paper" ? globalThresholds(tasks) : undefined),
  merge: (task, thresholds) => electTaskVectors(task, trim(thresholds), election(task)),
  kept: (task, thresholds) => keptShare(task, trim(thresholds)),
};

function election({ settings }: TensorTask): Election {
  const chosen = ELECTIONS[settings["variant"] as string]!;
  return chosen.weighted && settings["normalize"] !== true ? { ...chosen, divisor: "none" } : chosen;
}

function trim(thresholds: readonly number[] | undefined): Sparsify {
  if (thresholds === undefined) return trimLargest;
  return (_, index) => ({
    open: () => keepLargest({ bits: thresholds[index]!, equal: Infinity }),
    scale: 1,
  });
}

/** Keeps the max(1, int(density n)) largest magnitudes of a task vector. */
export const trimLargest: Sparsify = (task, index) => {
  const density = numberOf(task.inputs[index]!.settings, "density");
  if (density >= 1) return undefined;
  const [cut] = largestMagnitudes(
    () => taskVector(task, index),
    (_, size) => [Math.max(1, Math.trunc(density * size))],
  );
  const open = (): ((block: Float32Array) => void) => keepLargest(cut!);
  return task.settings["rescale"] === true ? withL1Norm(task, index, open) : { open, scale: 1 };
};

/** Bits of the k-th magnitude of each model's task vector over all tensors, k = max(1, int(density n)). */
function globalThresholds(tasks: readonly TensorTask[]): number[] {
  return tasks[0]!.inputs.map((_, index) => {
    const densities = new Set(tasks.map(({ inputs }) => numberOf(inputs[index]!.settings, "density")));
    const [density] = densities as unknown as readonly [number];
    if (densities.size > 1) {
      throw new LawbookError(
        "request",
        mismatch("density of ties, variant paper", [...densities], "one number for all tensors of a model"),
        {
          hint: "Its threshold is one for the whole model; the variant mergekit trims each tensor by itself.",
        },
      );
    }
    if (density >= 1) return 0;
    function* all(): Generator<Float32Array, void, undefined> {
      for (const task of tasks) yield* taskVector(task, index);
    }
    return largestMagnitudes(all, (_, size) => [Math.max(1, Math.trunc(density * size))])[0]!.bits;
  });
}
