import { describe, expect, it } from "vitest";

import {
  batchOf,
  completionRow,
  fillPack,
  joinRows,
  packedRow,
  packSequences,
  type PackingStrategy,
  padRows,
} from "../../../src/data/packing.js";

const SEQUENCES = [[1, 2, 3, 4, 5], [6, 7], [8, 9, 10], [11]];
const pack = (strategy: PackingStrategy, tokens = 4): number[][] =>
  packSequences(
    SEQUENCES.map(({ length }) => length),
    tokens,
    strategy,
  ).map((line) => fillPack(line, SEQUENCES));

describe("packing sequences", () => {
  it("fits the longest first and drops what a line cannot hold", () => {
    expect(pack("bfd")).toEqual([
      [1, 2, 3, 4],
      [8, 9, 10, 11],
      [6, 7],
    ]);
  });

  it("keeps the rest of a long sequence as a piece of its own when splitting", () => {
    expect(pack("bfd-split")).toEqual([
      [1, 2, 3, 4],
      [8, 9, 10, 5],
      [6, 7, 11],
    ]);
  });

  it("cuts one stream when wrapping", () => {
    expect(pack("wrapped")).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [9, 10, 11],
    ]);
  });

  it("gives equal rooms to the line that has had its room longest", () => {
    const lines = packSequences([3, 3, 1, 1], 4, "bfd").map(({ pieces }) => pieces.map((p) => p.sequence));
    expect(lines).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });

  it("does not cross the border of what is packed together", () => {
    expect(packSequences([2, 2, 2], 4, "bfd", 1)).toHaveLength(3);
    expect(packSequences([2, 2, 2], 4, "wrapped", 2).map(({ lengths }) => lengths)).toEqual([[4], [2]]);
  });

  it.each([
    [0, "bfd", "Tokens of a line: got 0"],
    [4, "best" as PackingStrategy, 'Packing: got "best"'],
  ] as const)("refuses %s tokens by %s", (tokens, strategy, message) => {
    expect(() => packSequences([1], tokens, strategy)).toThrow(message);
  });
});

describe("a row of prompt and completion", () => {
  it("learns the completion alone, or all of it", () => {
    expect(completionRow([5, 6], [7, 8]).labels).toEqual([-100, -100, 7, 8]);
    expect(completionRow([5, 6], [7, 8], { learnPrompt: true }).labels).toEqual([5, 6, 7, 8]);
  });

  it("is cut at its end", () => {
    expect(completionRow([5, 6], [7, 8], { tokens: 3 })).toEqual({
      ids: [5, 6, 7],
      labels: [-100, -100, 7],
      lengths: [3],
    });
  });
});

describe("collating packed rows", () => {
  const row = { ids: [1, 2, 3], labels: [1, 2, 3], lengths: [2, 1] };

  it("masks the first label of each sequence, unless borders leak as in TRL", () => {
    expect(padRows([row], { pad: 0 }).labels).toEqual([[-100, 2, -100]]);
    expect(padRows([row], { pad: 0, borders: "leaking" }).labels).toEqual([[1, 2, 3]]);
    expect(joinRows([row]).labels).toEqual([-100, 2, -100]);
  });

  it("pads to a multiple", () => {
    const lines = padRows([row], { pad: 9, multiple: 4 });
    expect(lines.ids).toEqual([[1, 2, 3, 9]]);
    expect(lines.attention).toEqual([[1, 1, 1, 0]]);
    expect(lines.positions).toEqual([[0, 1, 0, 0]]);
  });

  it("joins rows with the starts of their sequences", () => {
    const { starts, longest, sequences } = joinRows([row, row]);
    expect(starts).toEqual([0, 2, 3, 5, 6]);
    expect(longest).toBe(2);
    expect(sequences).toEqual([0, 0, 1, 2, 2, 3]);
  });
});

describe("a batch of packed rows", () => {
  it("predicts inside each sequence alone", () => {
    const rows = [completionRow([1], [2, 3]), completionRow([4, 5], [6])];
    const [first] = packSequences([3, 3], 6, "bfd");
    const batch = batchOf([packedRow(first!, rows)], { tokens: 7, lines: 2 });
    expect([...batch.ids.slice(0, 7)]).toEqual([1, 2, 3, 4, 5, 6, 0]);
    expect([...batch.positions.slice(0, 7)]).toEqual([0, 1, 2, 0, 1, 2, 0]);
    expect([...batch.rows]).toEqual([0, 0, 0, 1, 1, 1, -1, ...new Array<number>(7).fill(-1)]);
    expect([...batch.targets]).toEqual([0, 1, 4]);
    expect([...batch.labels]).toEqual([2, 3, 6]);
    expect([...batch.targetRows]).toEqual([0, 0, 1]);
  });

  it("takes wrapped lines as one sequence", () => {
    const [line] = packSequences([2, 2], 4, "wrapped");
    const rows = [
      { ids: [1, 2], labels: [1, 2] },
      { ids: [3, 4], labels: [3, 4] },
    ];
    expect([...batchOf([packedRow(line!, rows)], { tokens: 4 }).labels]).toEqual([2, 3, 4]);
  });

  it("is refused where every label is masked, unless other micro-batches have some", () => {
    const rows = [completionRow([1, 2], [])];
    expect(() => batchOf(rows, { tokens: 4 })).toThrow('Labels of a batch: got "all masked"');
    expect(batchOf(rows, { tokens: 4, unlabelled: "allowed" }).targets).toHaveLength(0);
  });

  it("is refused where a row or the number of rows is too large", () => {
    const rows = [completionRow([1, 2], [3])];
    expect(() => batchOf(rows, { tokens: 2 })).toThrow("Row 0 is too long: got 3, expected at most 2 tokens");
    expect(() => batchOf([...rows, ...rows], { tokens: 3, lines: 1 })).toThrow("Rows of a batch: got 2");
  });
});
