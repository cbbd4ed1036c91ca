import { LawbookError, mismatch } from "../core/errors.js";
import { RESCALING, rescaled, WORDS } from "./dare.js";
import { type MergeMethod, numberOf, type ParameterSpec, type TensorTask } from "./method.js";
import type { Sparsity } from "./task-vectors.js";
import { thinnedElection, thinnedSum, type Thinning } from "./thinned.js";

/**
 * Drops entries of a task vector at random, small ones rather than large ones of the same row.
 * Equation: p_j = density - epsilon + 2 epsilon r_j / (C - 1), r_j in 0 .. C-1 the rank of |delta_j| in its row, ascending,
 * equal ones in their order; C = 1: p = density. What is left is enlarged as in `dropAtRandom`; `rescaling: density`: by
 * 1 / p_j, as the authors. Shapes: delta [.., C] -> [.., C]; a tensor of one axis is one row.
 * Source: Deep et al. 2024, section 3; mergekit `della`.
 */
export function dropByRank(task: TensorTask, index: number): Sparsity | undefined {
  const { settings } = task.inputs[index]!;
  const density = numberOf(settings, "density");
  if (density >= 1) return undefined;
  const epsilon = numberOf(settings, "epsilon");
  const width = task.shape.at(-1) ?? 1;
  const inverse = task.settings["rescale"] === true && task.settings["rescaling"] === "density";
  const probabilities = Float64Array.from({ length: width }, (_, rank) =>
    width === 1 ? density : density - epsilon + (2 * epsilon * rank) / (width - 1),
  );
  const open = (): ((block: Float32Array) => void) => {
    const bits = task.bits(index);
    const rank = rankInRow(width);
    return (block) => {
      for (let from = 0; from < block.length; from += width) {
        const row = block.subarray(from, from + width);
        const ranks = rank(row);
        for (let i = 0; i < width; i++) {
          const p = probabilities[ranks[i]!]!;
          if (bits() >>> 0 >= p * WORDS) row[i] = 0;
          else if (inverse) row[i]! /= p;
        }
      }
    };
  };
  return inverse ? { open, scale: 1 } : rescaled(task, index, open, density);
}

const MOST = 0x200000;

/** Ranks of the magnitudes of a row, ascending; equal ones in their order. */
function rankInRow(width: number): (row: Float32Array) => Int32Array {
  if (width > MOST) {
    throw new LawbookError(
      "request",
      mismatch("Entries in a row of a tensor for della", width, `at most ${MOST}`),
    );
  }
  const keys = new Float64Array(width);
  const ranks = new Int32Array(width);
  return (row) => {
    const bits = new Int32Array(row.buffer, row.byteOffset, width);
    for (let i = 0; i < width; i++) keys[i] = (bits[i]! & 0x7fffffff) * MOST + i; // exact below 2^53
    keys.sort();
    for (let rank = 0; rank < width; rank++) ranks[keys[rank]! % MOST] = rank;
    return ranks;
  };
}

const EPSILON: ParameterSpec = {
  name: "epsilon",
  kind: "number",
  scope: "model",
  default: 0.15,
  range: { least: 0, most: 0.5, belowMost: true },
  description: "how far probabilities reach from the density, either way",
};

function problem({ inputs }: TensorTask): string | undefined {
  for (const { settings } of inputs) {
    const [density, epsilon] = [numberOf(settings, "density"), numberOf(settings, "epsilon")];
    if (density < 1 && (density - epsilon <= 0 || density + epsilon >= 1)) {
      return `got density ${density} and epsilon ${epsilon}, expected density - epsilon above 0 and density + epsilon below 1.`;
    }
  }
  return undefined;
}

const THINNING: Thinning = {
  sparsify: dropByRank,
  summary: "drop entries at random, small ones rather",
  parameters: [EPSILON, ...RESCALING],
  problem,
};

/** Task vectors thinned by rank with elected signs, see `dropByRank`. */
export const della: MergeMethod = thinnedElection("della", THINNING, true);

/** Sum of task vectors thinned by rank, see `dropByRank`. */
export const dellaLinear: MergeMethod = thinnedSum("della_linear", THINNING, false);
