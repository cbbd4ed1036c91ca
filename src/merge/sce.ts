import { dot } from "./gram.js";
import { type MergeMethod, numberOf, type TensorTask } from "./method.js";
import { keepLargest, largestMagnitudes } from "./selection.js";
import { electTaskVectors, INT8_MASK, type Sparsity, taskVectors } from "./task-vectors.js";

/**
 * Select, calculate, erase.
 * Select: positions with the k largest variances of delta_i over the models stay, k = int(select_topk z), z positions of
 * variance above 0, divisor N. Calculate: w_i = q_i / sum_i q_i, q_i = sum_j delta_ij^2 of what stays. Erase: signs are
 * elected and disagreeing entries left out as in `electTaskVectors`, votes unweighted, divisor sum of agreeing w_i.
 * Symbols: delta_i = x_i - b task vectors, N their number. Shapes: b, x_i [shape] -> y [shape].
 * Source: Wan et al. 2024 (arXiv 2408.07990), section 3.3; mergekit `sce`.
 */
export const sce: MergeMethod = {
  name: "sce",
  summary: "keep entries that vary between models, weigh models by energy, elect signs",
  base: "required",
  models: { least: 1, most: Infinity },
  parameters: [
    {
      name: "select_topk",
      kind: "number",
      scope: "merge",
      default: 1,
      range: { least: 0, aboveLeast: true, most: 1 },
      description: "share of the varying positions that is kept",
    },
    INT8_MASK,
  ],
  merge: function* (task) {
    const sparsity = selectVarying(task);
    const energies = task.inputs.map(() => 0);
    const choose = task.inputs.map(() => sparsity?.open());
    for (const deltas of taskVectors(task)) {
      for (const [i, delta] of deltas.entries()) {
        choose[i]?.(delta);
        energies[i]! += dot(delta, delta, 0, delta.length);
      }
    }
    const total = energies.reduce((sum, energy) => sum + energy, 0);
    const weights = energies.map((energy) => (total > 0 ? energy / total : 0));
    const electing = { ...task, settings: { ...task.settings, lambda: 1 } };
    yield* electTaskVectors(electing, () => sparsity, { weighted: false, divisor: "weights" }, weights);
  },
  kept: (task) => {
    const mask = varyingPositions(task);
    if (mask === undefined) return 1;
    let kept = 0;
    for (const byte of mask) for (let bits = byte; bits > 0; bits &= bits - 1) kept++;
    return kept / task.size;
  },
};

/** The same positions of every task vector. */
function selectVarying(task: TensorTask): Sparsity | undefined {
  const mask = varyingPositions(task);
  if (mask === undefined) return undefined;
  const open = (): ((block: Float32Array) => void) => {
    let start = 0;
    return (block) => {
      for (let i = 0; i < block.length; i++) {
        const at = start + i;
        if ((mask[at >>> 3]! & (1 << (at & 7))) === 0) block[i] = 0;
      }
      start += block.length;
    };
  };
  return { open, scale: 1 };
}

/** One bit for each position that is kept; undefined: all are. */
function varyingPositions(task: TensorTask): Uint8Array | undefined {
  const share = numberOf(task.settings, "select_topk");
  if (share >= 1) return undefined;
  const [cut] = largestMagnitudes(
    () => variances(task),
    (nonzero) => [Math.trunc(nonzero * share)],
  );
  const mask = new Uint8Array(Math.ceil(task.size / 8));
  const keep = keepLargest(cut!);
  let start = 0;
  for (const block of variances(task)) {
    keep(block);
    for (let i = 0; i < block.length; i++) {
      const at = start + i;
      if (block[i] !== 0) mask[at >>> 3]! |= 1 << (at & 7);
    }
    start += block.length;
  }
  return mask;
}

/** Variance of each position over the task vectors, divisor N. -> [n] in blocks. */
function* variances(task: TensorTask): Generator<Float32Array, void, undefined> {
  const n = task.inputs.length;
  let into = new Float32Array(0);
  for (const deltas of taskVectors(task)) {
    const size = deltas[0]!.length;
    if (into.length < size) into = new Float32Array(size);
    const block = into.subarray(0, size);
    for (let i = 0; i < size; i++) {
      let mean = 0;
      for (let k = 0; k < n; k++) mean += deltas[k]![i]!;
      mean /= n;
      let squares = 0;
      for (let k = 0; k < n; k++) {
        const off = deltas[k]![i]! - mean;
        squares += off * off;
      }
      block[i] = squares / n;
    }
    yield block;
  }
}
