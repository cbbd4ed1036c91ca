import { cos, sin } from "../core/math.js";
import { arccos } from "./arccos.js";
import { combine, gram } from "./gram.js";
import { type MergeMethod, numberOf } from "./method.js";

/**
 * Mean of models on the sphere: the point with the least sum of squared angles, times the mean norm.
 * Equation: u_i = x_i / |x_i|; m from the normalised sum of u_i by steps
 * m <- m cos|T| + T sin|T| / |T|, T = (1/N) sum_i (theta_i / sin theta_i) (u_i - m cos theta_i), theta_i = angle(u_i, m),
 * until |T| < tol, at most max_iter times; y = m sum_i |x_i| / N. Symbols: x_i models, N their number.
 * Shapes: x_i [shape] -> y [shape], each tensor one flat vector. Tensors of norm 0 have no direction and are left out.
 * Source: Grove & Karcher 1973; mergekit `karcher`, which scales by the mean norm.
 */
export const karcher: MergeMethod = {
  name: "karcher",
  summary: "mean of models on the sphere",
  base: "ignored",
  models: { least: 1, most: Infinity },
  parameters: [
    {
      name: "max_iter",
      kind: "integer",
      scope: "merge",
      default: 10,
      range: { least: 1 },
      description: "most steps",
    },
    {
      name: "tol",
      kind: "number",
      scope: "merge",
      default: 1e-5,
      range: { least: 0 },
      description: "length of a step that is the last",
    },
  ],
  merge: ({ inputs, settings, shape }) => {
    const vectors = inputs.map(({ values }) => values);
    const n = vectors.length;
    const g = gram(vectors, undefined, shape).products[0]!;
    const norms = vectors.map((_, i) => Math.sqrt(g[i * n + i]!));
    const used = [...norms.keys()].filter((i) => norms[i]! > 0);
    const zero = vectors.map(() => 0);
    if (used.length === 0) return combine(vectors, undefined, [zero]);
    /** Coefficients of u_i stand for vectors; cosines of the u_i give their inner products. */
    const cosine = (i: number, j: number): number => g[i * n + j]! / (norms[i]! * norms[j]!);
    const alongUnit = (a: readonly number[], j: number): number =>
      used.reduce((sum, i) => sum + a[i]! * cosine(i, j), 0);
    const lengthOf = (a: readonly number[]): number =>
      Math.sqrt(
        Math.max(
          0,
          used.reduce((sum, j) => sum + a[j]! * alongUnit(a, j), 0),
        ),
      );
    let m: number[] = norms.map((norm) => (norm > 0 ? 1 : 0));
    const start = lengthOf(m);
    m = start > 0 ? m.map((c) => c / start) : zero.map((_, i) => (i === used[0] ? 1 : 0));
    for (let step = 0; step < numberOf(settings, "max_iter"); step++) {
      const tangent = zero.slice();
      for (const i of used) {
        const along = Math.min(1, Math.max(-1, alongUnit(m, i)));
        const angle = arccos(along);
        const below = sin(angle);
        if (below < 1e-12) continue;
        const factor = angle / below / used.length;
        tangent[i]! += factor;
        for (let k = 0; k < n; k++) tangent[k]! -= factor * along * m[k]!;
      }
      const length = lengthOf(tangent);
      if (length < numberOf(settings, "tol")) break;
      const [stay, move] = [cos(length), sin(length) / length];
      m = m.map((c, k) => c * stay + tangent[k]! * move);
      const drift = lengthOf(m);
      m = m.map((c) => c / drift);
    }
    const norm = used.reduce((sum, i) => sum + norms[i]!, 0) / used.length;
    return combine(vectors, undefined, [m.map((c, i) => (norms[i]! > 0 ? (norm * c) / norms[i]! : 0))]);
  },
};
