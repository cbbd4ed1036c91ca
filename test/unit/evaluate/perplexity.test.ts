import { describe, expect, it } from "vitest";

import { cpu } from "../../../src/compute/devices/cpu.js";
import { perplexities, perplexityOf, rollingRows, sequenceRow } from "../../../src/evaluate/perplexity.js";
import { newCheckpoint } from "../../../src/model/checkpoint.js";
import { SIZES } from "../../../src/model/config.js";

const score = (
  logLikelihood: number,
  tokens: number,
): { logLikelihood: number; tokens: number; greedy: boolean } => ({
  logLikelihood,
  tokens,
  greedy: false,
});

describe("perplexity", () => {
  it("of fair coins is 2, one bit a token", () => {
    const result = perplexityOf([{ scores: [score(-3 * Math.LN2, 3)] }, { scores: [score(-Math.LN2, 1)] }]);
    expect(result.tokens).toBe(4);
    expect(result.perplexity).toBeCloseTo(2, 12);
    expect(result.bitsPerToken).toBeCloseTo(1, 12);
    expect(result.bitsPerByte).toBeUndefined();
  });

  it("counts bits per byte where every text has bytes", () => {
    expect(perplexityOf([{ scores: [score(-3 * Math.LN2, 3)], bytes: 6 }]).bitsPerByte).toBeCloseTo(0.5, 12);
  });

  it("is refused without tokens", () => {
    expect(() => perplexityOf([])).toThrow("Predicted tokens: got 0");
    expect(() => sequenceRow([1])).toThrow("Tokens of a sequence: got 1");
  });
});

describe("rolling rows", () => {
  it("predict every token once, the last one with all the context that fits", () => {
    expect(rollingRows([1, 2, 3, 4, 5, 6, 7, 8], 0, 4)).toEqual([
      { ids: [0, 1, 2, 3], from: 1 },
      { ids: [3, 4, 5, 6], from: 1 },
      { ids: [5, 6, 7, 8], from: 2 },
    ]);
  });

  it("are one row for a short text and none for an empty one", () => {
    expect(rollingRows([1, 2], 0, 4)).toEqual([{ ids: [0, 1, 2], from: 1 }]);
    expect(rollingRows([], 0, 4)).toEqual([]);
  });
});

describe("perplexity per group", () => {
  const config = { ...SIZES.xs, vocabulary: 40, layers: 1 };
  const { weights } = newCheckpoint(config, 3, "");
  const text = (ids: readonly number[]): { rows: { ids: readonly number[]; from: number }[] } => ({
    rows: [sequenceRow(ids)],
  });

  it("is that of each group alone", async () => {
    const groups = { chemistry: [text([1, 2, 3]), text([4, 5])], biology: [text([6, 7, 8, 9])] };
    const together = await perplexities(cpu, { config, weights }, groups);
    const alone = await perplexities(cpu, { config, weights }, { biology: groups.biology });
    expect(together.chemistry.tokens).toBe(3);
    expect(together.biology.perplexity).toBeCloseTo(alone.biology.perplexity, 4);
    // Weights near zero know nothing: all of the 40 tokens are about as likely.
    expect(Math.abs(together.chemistry.perplexity - 40)).toBeLessThan(10);
  });

  it("refuses an empty group", async () => {
    await expect(perplexities(cpu, { config, weights }, { geography: [] })).rejects.toThrow(
      "Texts of geography: got 0",
    );
  });
});
