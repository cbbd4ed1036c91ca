import { describe, expect, it } from "vitest";

import { ADAMW, adamwScalars } from "../../../src/train/optimizer.js";
import { learningRate } from "../../../src/train/schedule.js";

describe("the learning rate", () => {
  const cosine = { kind: "cosine", warmup: 4, floor: 0.1 } as const;

  it("rises in a line, and falls to near the floor by a cosine", () => {
    expect(learningRate(cosine, 1, 1, 100)).toBeCloseTo(0.25, 12);
    expect(learningRate(cosine, 1, 51, 100)).toBeCloseTo(0.55, 12);
    expect(learningRate(cosine, 2, 100, 100)).toBeCloseTo(
      2 * (0.1 + 0.45 * (1 + Math.cos(0.99 * Math.PI))),
      12,
    );
  });

  it("stays at the peak when constant", () => {
    const constant = { kind: "constant", warmup: 0, floor: 0 } as const;
    expect([1, 50, 100].map((step) => learningRate(constant, 0.3, step, 100))).toEqual([0.3, 0.3, 0.3]);
  });
});

describe("the scalars of AdamW", () => {
  it("make the first step the sign of the gradient times the rate", () => {
    const { rate, epsilon, keep } = adamwScalars(ADAMW, 1, 0.01, 0.1);
    // m' = g, v' = g^2, so the step is rate g / (|g| + epsilon).
    expect(rate).toBeCloseTo(0.01, 12);
    expect(epsilon).toBeCloseTo(1e-8, 16);
    expect(keep).toBeCloseTo(0.999, 12);
  });

  it("equal the textbook's bias corrections later", () => {
    const { rate, epsilon } = adamwScalars(ADAMW, 7, 0.01, 0);
    const [g, m, v] = [0.3, 2.1, 0.8];
    const first = (ADAMW.beta1 * m + g) * (1 - ADAMW.beta1);
    const second = (ADAMW.beta2 * v + g * g) * (1 - ADAMW.beta2);
    const textbook = (0.01 * first) / (1 - 0.9 ** 7) / (Math.sqrt(second / (1 - 0.95 ** 7)) + 1e-8);
    expect((rate * (ADAMW.beta1 * m + g)) / (Math.sqrt(ADAMW.beta2 * v + g * g) + epsilon)).toBeCloseTo(
      textbook,
      12,
    );
  });
});
