import { flag, type MergeMethod, numberOf, type TensorTask } from "./method.js";
import { dropLargest, keepLargest, largestMagnitudes } from "./selection.js";
import { type Sparsity, taskVector, withL1Norm } from "./task-vectors.js";
import { thinnedElection, thinnedSum, type Thinning } from "./thinned.js";

/**
 * Keeps the middle of a task vector: without its largest magnitudes, outliers, and without the smallest.
 * Equation: by |delta| descending, ranks [a, a + k) stay, k = int(density n), a = min(int(gamma n), n - k); equal ones
 * in their order. Symbols: n entries of the tensor, gamma share of outliers. Shapes: delta [n] -> [n].
 * Deviation: where int(gamma n) is 0 mergekit's slice is empty and it drops all; here k entries stay as promised.
 * Source: Davari & Belilovsky 2024, section 3; mergekit `breadcrumbs`.
 */
export function keepMiddle(task: TensorTask, index: number): Sparsity | undefined {
  const { settings } = task.inputs[index]!;
  const [density, gamma] = [numberOf(settings, "density"), numberOf(settings, "gamma")];
  const kept = Math.trunc(density * task.size);
  const outliers = Math.min(Math.trunc(gamma * task.size), task.size - kept);
  if (kept === task.size) return undefined;
  const [top, middle] = largestMagnitudes(
    () => taskVector(task, index),
    () => [outliers, outliers + kept],
  );
  const open = (): ((block: Float32Array) => void) => {
    const keep = keepLargest(middle!);
    const drop = dropLargest(top!);
    return (block) => {
      keep(block);
      drop(block);
    };
  };
  return task.settings["rescale"] === true ? withL1Norm(task, index, open) : { open, scale: 1 };
}

const THINNING: Thinning = {
  sparsify: keepMiddle,
  summary: "drop the largest and the smallest entries of task vectors",
  parameters: [
    {
      name: "gamma",
      kind: "number",
      scope: "model",
      default: 0.01,
      range: { least: 0, most: 1, belowMost: true },
      description: "share of the largest entries, which are dropped",
    },
    flag("rescale", false, "restore the L1 norm of what is left"),
  ],
};

/** Sum of the middles of task vectors, see `keepMiddle`. */
export const breadcrumbs: MergeMethod = thinnedSum("breadcrumbs", THINNING, false);

/** Middles of task vectors with elected signs, see `keepMiddle`. */
export const breadcrumbsTies: MergeMethod = thinnedElection("breadcrumbs_ties", THINNING, false);
