import { combine, gram } from "./gram.js";
import { flag, type MergeMethod } from "./method.js";

/**
 * Mean of fine-tuned models, drawn towards their base the more, the less their task vectors agree.
 * Equation: y = t mean_i(x_i) + (1 - t) b, t = N c / (1 + (N - 1) c), c = mean over pairs of cos(x_i - b, x_j - b).
 * Symbols: x_i models, N their number, b base. A task vector of norm 0 has the cosine 0 with all others.
 * Shapes: x_i, b [shape] -> y [shape]; one t for each tensor, with `filter_wise` for each row.
 * Source: Jang et al. 2024, eq. 3 and 6; mergekit `model_stock`.
 */
export const modelStock: MergeMethod = {
  name: "model_stock",
  summary: "mean of models, drawn towards the base by the angles between them",
  base: "required",
  models: { least: 2, most: Infinity },
  parameters: [flag("filter_wise", false, "a share for each row, not for each tensor")],
  merge: ({ inputs, base, settings, shape }) => {
    const vectors = inputs.map(({ values }) => values);
    const n = vectors.length;
    const grouping = settings["filter_wise"] === true ? "rows" : "tensor";
    const { products } = gram(vectors, base, shape, grouping);
    const shares = products.map((g) => {
      let cosines = 0;
      for (let i = 0; i < n; i++) {
        for (let j = i + 1; j < n; j++) {
          const norms = Math.sqrt(g[i * n + i]! * g[j * n + j]!);
          if (norms > 0) cosines += g[i * n + j]! / norms;
        }
      }
      const mean = cosines / ((n * (n - 1)) / 2);
      const t = (n * mean) / (1 + (n - 1) * mean);
      return vectors.map(() => t / n);
    });
    return combine(vectors, base, shares, shape, grouping);
  },
};
