import fc from "fast-check";
import { expect, it } from "vitest";

import { distribution } from "../../src/model/sampling.js";

const logits = fc
  .array(fc.float({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 60 })
  .map((values) => Float32Array.from(values));

it("top-k and top-p leave the smallest set of likeliest tokens that is enough", () => {
  fc.assert(
    fc.property(
      logits,
      fc.option(fc.integer({ min: 1, max: 70 }), { nil: undefined }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      fc.double({ min: 0.2, max: 5, noNaN: true }),
      (values, topK, topP, temperature) => {
        const all = distribution(values, { temperature });
        const { ids, probabilities } = distribution(values, { temperature, topK, topP });
        const order = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b);
        const first = order.slice(0, Math.min(topK ?? values.length, values.length));
        const share = (of: readonly number[]): number =>
          of.reduce((total, id) => total + all.probabilities[id]!, 0);
        expect(ids).toEqual([...order.slice(0, ids.length)].sort((a, b) => a - b));
        expect(ids.length).toBeLessThanOrEqual(first.length);
        expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 9);
        // Sums in another order: borders are sharp to rounding alone.
        const least = topP * share(first);
        expect(share(ids)).toBeGreaterThanOrEqual(least - 1e-9);
        expect(ids.length === 1 || share(order.slice(0, ids.length - 1)) < least + 1e-9).toBe(true);
      },
    ),
  );
});
