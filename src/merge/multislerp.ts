import { cos, sin } from "../core/math.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { combine, gram } from "./gram.js";
import { flag, type MergeMethod, numberOf, WEIGHT } from "./method.js";

/**
 * Weighted mean on the sphere in one step, of models or of their task vectors.
 * Equation: u_i = v_i / (|v_i| + eps), m = sum_i w_i u_i / |sum_i w_i u_i|, tau = sum_i w_i (u_i - <u_i, m> m),
 * y = (sum_i w_i |v_i|) (m cos|tau| + tau sin|tau| / |tau|) [+ b]. Symbols: v_i = x_i [- b], x_i models, b base or none,
 * w_i weights, of sum 1 with `normalize_weights`. Shapes: x_i, b [shape] -> y [shape], each tensor one flat vector.
 * Deviation from the logarithm on the sphere, as in mergekit: tangents are plain projections. Vectors that cancel
 * (|sum_i w_i u_i| < eps): the plain weighted mean of two, an error for more; vectors that are all 0 stay so.
 * Source: mergekit `multislerp`; Buss & Fillmore 2001.
 */
export const multislerp: MergeMethod = {
  name: "multislerp",
  summary: "weighted mean of models, or of their task vectors, on the sphere",
  base: "optional",
  models: { least: 1, most: Infinity },
  parameters: [
    WEIGHT,
    flag("normalize_weights", true, "divide the weights by their sum"),
    {
      name: "eps",
      kind: "number",
      scope: "merge",
      default: 1e-8,
      range: { least: 0 },
      description: "added to norms",
    },
  ],
  problem: ({ inputs, settings }) => {
    const weights = inputs.map(({ settings: own }) => numberOf(own, "weight"));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    if (settings["normalize_weights"] !== true || Math.abs(total) > 1e-12) return undefined;
    return `got weights ${weights.join(", ")}, expected a sum other than 0, or normalize_weights: false.`;
  },
  merge: ({ name, inputs, base, settings, shape }) => {
    const vectors = inputs.map(({ values }) => values);
    const eps = numberOf(settings, "eps");
    const n = vectors.length;
    const given = inputs.map(({ settings: own }) => numberOf(own, "weight"));
    const total = settings["normalize_weights"] === true ? given.reduce((sum, weight) => sum + weight, 0) : 1;
    const w = given.map((weight) => weight / total);
    const g = gram(vectors, base, shape).products[0]!;
    const norms = vectors.map((_, i) => Math.sqrt(g[i * n + i]!));
    if (norms.every((norm) => norm === 0)) return combine(vectors, base, [w]);
    /** All vectors are combinations of the v_i: their coefficients. */
    const inner = (a: readonly number[], b: readonly number[]): number =>
      a.reduce((sum, ai, i) => sum + ai * b.reduce((part, bj, j) => part + bj * g[i * n + j]!, 0), 0);
    const unit = (i: number): number[] => vectors.map((_, k) => (k === i ? 1 / (norms[i]! + eps) : 0));
    const mean = vectors.map((_, i) => w[i]! / (norms[i]! + eps));
    const length = Math.sqrt(Math.max(0, inner(mean, mean)));
    if (length < eps || length === 0) {
      if (n === 2) return combine(vectors, base, [w]);
      const what = `Directions of ${name} cancel out: length of their mean`;
      throw new LawbookError("request", mismatch(what, length, "a positive one"), {
        hint: "Merge this tensor in another way, for example by linear.",
      });
    }
    const m = mean.map((c) => c / length);
    const tau = mean.slice();
    vectors.forEach((_, i) => {
      const along = w[i]! * inner(unit(i), m);
      m.forEach((c, k) => (tau[k]! -= along * c));
    });
    const angle = Math.sqrt(Math.max(0, inner(tau, tau)));
    const tangent = angle > eps ? sin(angle) / angle : 1;
    const norm = norms.reduce((sum, own, i) => sum + w[i]! * own, 0);
    const coefficients = m.map((c, k) => norm * (c * cos(angle) + tau[k]! * tangent));
    return combine(vectors, base, [coefficients]);
  },
};
