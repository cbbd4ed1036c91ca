import { describe, expect, it } from "vitest";

import {
  ordered,
  partitionKey,
  partitionOf,
  partitionsOfSizes,
  visitPartitions,
} from "../../../src/partition/set-partitions.js";

function all(k: number, most = k): string[] {
  const keys: string[] = [];
  visitPartitions(k, most, (sets) => keys.push(partitionKey(partitionOf(sets))));
  return keys;
}

describe("set partitions", () => {
  it("come in the order of restricted growth strings", () => {
    expect(all(3)).toEqual(["0 1 2", "0 1|2", "0 2|1", "0|1 2", "0|1|2"]);
  });

  it("are as many as the Bell numbers say, each once", () => {
    for (const [k, bell] of [
      [1, 1],
      [2, 2],
      [4, 15],
      [5, 52],
      [8, 4140],
    ] as const) {
      expect(all(k)).toHaveLength(bell);
      expect(new Set(all(k)).size).toBe(bell);
    }
  });

  it("keep to a cap on their stages: sums of Stirling numbers", () => {
    expect(all(5, 1)).toHaveLength(1);
    expect(all(5, 2)).toHaveLength(1 + 15);
    expect(all(5, 3)).toHaveLength(1 + 15 + 25);
  });

  it("have one order and one name", () => {
    expect(ordered([[3, 1], [], [2, 0]])).toEqual([
      [0, 2],
      [1, 3],
    ]);
    expect(partitionKey([[3, 1], [0]])).toBe(partitionKey([[0], [1, 3]]));
  });

  it("are counted by the sizes of their stages", () => {
    expect(partitionsOfSizes([5])).toBe(1);
    expect(partitionsOfSizes([1, 1, 1])).toBe(1);
    expect(partitionsOfSizes([3, 2])).toBe(10);
    expect(partitionsOfSizes([2, 2, 1])).toBe(15);
    const counted = all(6).filter(
      (key) =>
        key
          .split("|")
          .map((stage) => stage.split(" ").length)
          .sort((a, b) => a - b)
          .join() === "1,2,3",
    );
    expect(partitionsOfSizes([3, 2, 1])).toBe(counted.length);
  });
});
