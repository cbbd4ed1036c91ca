import { describe, expect, it } from "vitest";

import { attentionBias, batchFeeds, packRows, placeRows, type Row } from "../../../src/data/batches.js";

const row = (length: number, from = 1): Row => ({ ids: Array.from({ length }, (_, i) => 10 + i), from });

describe("placing rows into lines", () => {
  it("puts the longest first and each where the least room is left", () => {
    const { places, lines } = placeRows([3, 7, 5, 3], 10);
    expect(lines).toBe(2);
    // 7 opens line 0, 5 opens line 1, the first 3 fills line 0, the second goes to line 1.
    expect(places).toEqual([
      { line: 0, start: 7 },
      { line: 0, start: 0 },
      { line: 1, start: 0 },
      { line: 1, start: 5 },
    ]);
  });

  it("refuses a row that is longer than a line", () => {
    expect(() => placeRows([4, 11], 10)).toThrow("Row 1 is too long: got 11, expected at most 10 tokens.");
  });
});

describe("packing rows", () => {
  it("restarts positions and scores the counted tokens on the ones before them", () => {
    const batch = packRows([row(3, 2), row(2)], 6);
    expect([...batch.ids]).toEqual([10, 11, 12, 10, 11, 0]);
    expect([...batch.positions]).toEqual([0, 1, 2, 0, 1, 0]);
    expect([...batch.rows]).toEqual([0, 0, 0, 1, 1, -1]);
    expect([...batch.targets]).toEqual([1, 3]);
    expect([...batch.labels]).toEqual([12, 11]);
    expect([...batch.targetRows]).toEqual([0, 1]);
  });

  it("lets a token see itself and its own row before it, nothing else", () => {
    const bias = attentionBias(packRows([row(2), row(2)], 5));
    const sees = (i: number): number[] => [0, 1, 2, 3, 4].filter((j) => bias[i * 5 + j] === 0);
    expect([0, 1, 2, 3, 4].map(sees)).toEqual([[0], [0, 1], [2], [2, 3], [4]]);
  });

  it("weights every counted token alike and padding with nothing", () => {
    const { weights, targets, labels } = batchFeeds(packRows([row(3, 2), row(2)], 6), 4);
    expect([...weights!]).toEqual([0.5, 0.5, 0, 0]);
    expect([...targets!]).toEqual([1, 3, 0, 0]);
    expect([...labels!]).toEqual([12, 11, 0, 0]);
  });

  it("leaves the choice of positions out where every position may count", () => {
    const feeds = batchFeeds(packRows([row(3, 2), row(2)], 6), 6);
    expect("targets" in feeds).toBe(false);
    expect([...feeds["weights"]!]).toEqual([0, 0.5, 0, 0.5, 0, 0]);
    expect([...feeds["labels"]!]).toEqual([0, 12, 0, 11, 0, 0]);
  });
});
