import { describe, expect, it } from "vitest";

import { expertSimilarity } from "../../../src/evaluate/expert-similarity.js";

const weight = (...values: number[]): { shape: number[]; data: Float32Array } => ({
  shape: [1, values.length],
  data: Float32Array.from(values),
});

describe("how alike experts are", () => {
  it("is the mean cosine over pairs and layers", () => {
    const similarity = expertSimilarity(
      new Map([
        ["layers.0.q.lora_A0.weight", weight(1, 0)],
        ["layers.0.q.lora_A1.weight", weight(3, 4)],
        ["layers.0.q.lora_A2.weight", weight(-2, 0)],
        ["layers.0.q.lora_B.weight", weight(1, 1)],
        ["layers.1.q.lora_A0.weight", weight(0, 5)],
        ["layers.1.q.lora_A1.weight", weight(0, 2)],
        ["layers.1.q.lora_A2.weight", weight(0, 0)],
        ["layers.1.q.lora_B.weight", weight(1, 1)],
      ]),
    );
    // Layer 0: 0.6, -1, -0.6; layer 1: 1, 0, 0.
    expect(similarity.A).toBeCloseTo(0, 7);
    expect(similarity.B).toBeNull();
  });

  it("reads the names of mixtures on feed-forward blocks", () => {
    const similarity = expertSimilarity(
      new Map([
        ["layers.0.mlp.experts.0.lora_B.weight", weight(1, 1)],
        ["layers.0.mlp.experts.1.lora_B.weight", weight(2, 2)],
      ]),
    );
    expect(similarity).toEqual({ A: null, B: expect.closeTo(1, 7) as number });
  });
});
