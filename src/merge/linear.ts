import { combine } from "./gram.js";
import { flag, type MergeMethod, numberOf, type TensorTask, WEIGHT } from "./method.js";

/**
 * Weighted mean, or sum, of models.
 * Equation: y = (sum_i w_i x_i) / d, d = sum_i w_i with `normalize`, else 1. Symbols: x_i models, w_i weights.
 * Shapes: x_i [shape] -> y [shape]. Deviation: weights that sum to 0 with `normalize` are an error, not infinities.
 * Source: Wortsman et al. 2022, section 2; mergekit `linear`.
 */
export const linear: MergeMethod = {
  name: "linear",
  summary: "weighted mean of models",
  base: "ignored",
  models: { least: 1, most: Infinity },
  parameters: [WEIGHT, flag("normalize", true, "divide by the sum of the weights")],
  problem: (task) => {
    const [sum, ...weights] = [sumOf(task), ...weightsOf(task)];
    if (task.settings["normalize"] !== true || Math.abs(sum) > 1e-12) return undefined;
    return `got weights ${weights.join(", ")}, expected a sum other than 0, or normalize: false.`;
  },
  unchanged: (task) => {
    const weights = weightsOf(task);
    const used = task.inputs.filter((_, index) => weights[index] !== 0);
    const only = used.length === 1 ? used[0] : undefined;
    return task.settings["normalize"] === true || only?.settings["weight"] === 1 ? only?.values : undefined;
  },
  merge: (task) => {
    const divisor = task.settings["normalize"] === true ? sumOf(task) : 1;
    const coefficients = weightsOf(task).map((weight) => weight / divisor);
    return combine(
      task.inputs.map(({ values }) => values),
      undefined,
      [coefficients],
    );
  },
};

function weightsOf({ inputs }: TensorTask): number[] {
  return inputs.map(({ settings }) => numberOf(settings, "weight"));
}

function sumOf(task: TensorTask): number {
  return weightsOf(task).reduce((total, weight) => total + weight, 0);
}
