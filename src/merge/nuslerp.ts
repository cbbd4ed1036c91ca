import { combine, gram, type Grouping } from "./gram.js";
import { flag, type MergeMethod, numberOf, type TensorTask, WEIGHT } from "./method.js";
import { slerpCoefficients } from "./slerp.js";

/**
 * Spherical interpolation by weights, of models or of their task vectors.
 * Equation: y = s_0 v_0 + s_1 v_1 [+ b], v_i = x_i [- b], t = w_1 / (w_0 + w_1) (1/2 where |w_0 + w_1| < 1e-6),
 * s_0, s_1 as in slerp with cos theta = <v_0, v_1> / (|v_0| |v_1|), norms at least 1e-7; linear where |sin theta| < 1e-8.
 * Symbols: x_i models, b base or none, w_i weights. Shapes: x_i, b [shape] -> y [shape]; the vectors are whole tensors, or,
 * without `nuslerp_flatten`, those along the last axis, with `nuslerp_row_wise` along the first.
 * Source: mergekit `nuslerp`, its documentation; Shoemake 1985.
 */
export const nuslerp: MergeMethod = {
  name: "nuslerp",
  summary: "spherical interpolation of two models, or of their task vectors, by weights",
  base: "optional",
  models: { least: 2, most: 2 },
  parameters: [
    WEIGHT,
    flag("nuslerp_flatten", true, "one vector for each tensor"),
    flag("nuslerp_row_wise", false, "vectors along the first axis, where tensors are not flat"),
  ],
  merge: (task) => {
    const vectors = task.inputs.map(({ values }) => values);
    const grouping = groupingOf(task);
    const t = interpolation(task);
    const { products } = gram(vectors, task.base, task.shape, grouping);
    const coefficients = products.map(([g00, g01, , g11]) => {
      const [n0, n1] = [g00!, g11!].map((square) => Math.max(Math.sqrt(square), 1e-7)) as [number, number];
      return slerpCoefficients(g01! / (n0 * n1), t, Infinity);
    });
    return combine(vectors, task.base, coefficients, task.shape, grouping);
  },
};

function groupingOf({ settings }: TensorTask): Grouping {
  if (settings["nuslerp_flatten"] === true) return "tensor";
  return settings["nuslerp_row_wise"] === true ? "columns" : "rows";
}

function interpolation({ inputs }: TensorTask): number {
  const [w0, w1] = inputs.map(({ settings }) => numberOf(settings, "weight")) as [number, number];
  return Math.abs(w0 + w1) < 1e-6 ? 0.5 : w1 / (w0 + w1);
}
