import { pow, sin } from "../core/math.js";
import { arccos } from "./arccos.js";
import { combine, gram } from "./gram.js";
import { type MergeMethod, numberOf } from "./method.js";

/**
 * Spherical interpolation between two models, one angle for each tensor as a flat vector.
 * Equation: y = s_0 x_0 + s_1 x_1, s_0 = sin((1 - t) theta) / sin theta, s_1 = sin(t theta) / sin theta,
 * cos theta = <u_0, u_1>, u_i = x_i / |x_i| (x_i itself where |x_i| <= 1e-8); where |cos theta| > 0.9995,
 * y = (1 - t) x_0 + t x_1. Form `norm-geometric`: y = |x_0|^(1-t) |x_1|^t (s_0 u_0 + s_1 u_1).
 * Symbols: x_0 the base model's tensor, x_1 the other's, t from 0, the base, to 1. Shapes: x_i [shape] -> y [shape].
 * Deviation: the default form, mergekit's, keeps the norms of the inputs; norm-geometric is the printed one, and linear in
 * u_i beyond 0.9995 too, where the printed one is undefined at 1.
 * Source: Shoemake 1985; mergekit `slerp`; norm-geometric: Lu et al. 2025 (arXiv 2409.03444), methods.
 */
export const slerp: MergeMethod = {
  name: "slerp",
  summary: "spherical interpolation between the base and another model",
  base: "required",
  baseIsEnd: true,
  models: { least: 1, most: 1 },
  parameters: [
    { name: "t", kind: "number", scope: "merge", description: "0 gives the base model, 1 the other" },
    {
      name: "form",
      kind: "choice",
      scope: "merge",
      default: "mergekit",
      choices: ["mergekit", "norm-geometric"],
      description: "what becomes of the norms; a parameter of Lawbook",
    },
  ],
  unchanged: ({ base, inputs, settings }) => {
    if (settings["t"] === 0) return base;
    return settings["t"] === 1 ? inputs[0]!.values : undefined;
  },
  merge: (task) => {
    const vectors = [task.base!, task.inputs[0]!.values];
    const t = numberOf(task.settings, "t");
    const { products } = gram(vectors, undefined, task.shape);
    const [g00, g01, , g11] = products[0] as unknown as [number, number, number, number];
    const norms = [Math.sqrt(g00), Math.sqrt(g11)] as const;
    const [n0, n1] = norms.map((norm) => (norm > 1e-8 ? norm : 1)) as [number, number];
    const [s0, s1] = slerpCoefficients(g01 / (n0 * n1), t, 0.9995);
    if (task.settings["form"] !== "norm-geometric") return combine(vectors, undefined, [[s0, s1]]);
    const norm = pow(norms[0], 1 - t) * pow(norms[1], t);
    return combine(vectors, undefined, [[(norm * s0) / n0, (norm * s1) / n1]]);
  },
};

/** s_0 and s_1 of an angle, by its cosine; linear beyond `linearBeyond` and where the sine is below 1e-8. */
export function slerpCoefficients(cosine: number, t: number, linearBeyond: number): [number, number] {
  const angle = arccos(cosine);
  const below = sin(angle);
  if (Math.abs(cosine) > linearBeyond || below < 1e-8) return [1 - t, t];
  return [sin((1 - t) * angle) / below, sin(t * angle) / below];
}
