import { jensenShannon as divergenceOf, smoothed } from "../../../src/partition/divergence.js";
import type { Runner } from "../case.js";

/** Jensen-Shannon divergence in bits, without smoothing; SciPy's distance is its square root. */
export const jensenShannon: Runner = {
  ignored: {},
  run: ({ inputs }) => {
    const { pairs } = inputs as { pairs: [number[], number[]][] };
    const results = pairs.map(([a, b]) => {
      const divergence = divergenceOf(smoothed(Float64Array.from(a), Float64Array.from(b), 0));
      return { divergence, distance: Math.sqrt(divergence) };
    });
    return Promise.resolve({ results });
  },
};
