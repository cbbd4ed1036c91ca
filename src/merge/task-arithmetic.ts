import { flag, type MergeMethod } from "./method.js";
import { baseUnchanged, DENSITY, sumTaskVectors, taskVectorParameters } from "./task-vectors.js";

const UNUSED =
  "task arithmetic keeps all of a task vector; use ties, dare_linear or another method to drop parts";

/** Weighted sum of whole task vectors, see `sumTaskVectors`. Source: Ilharco et al. 2023. */
export const taskArithmetic: MergeMethod = {
  name: "task_arithmetic",
  summary: "weighted sum of task vectors on the base",
  base: "required",
  models: { least: 1, most: Infinity },
  parameters: [
    ...taskVectorParameters(false),
    { ...DENSITY, idle: UNUSED },
    { ...flag("rescale", false, "restore L1 norms"), idle: UNUSED },
  ],
  unchanged: baseUnchanged,
  merge: (task) => sumTaskVectors(task, () => undefined),
};
