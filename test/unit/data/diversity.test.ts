import { describe, expect, it } from "vitest";

import { stream } from "../../../src/core/random.js";
import {
  clusters,
  diverseWalk,
  farthestFirst,
  shuffledWalk,
  unit,
  vendiScore,
} from "../../../src/data/diversity.js";

const at = (degrees: number): Float64Array => {
  const angle = (degrees * Math.PI) / 180;
  return unit([Math.cos(angle), Math.sin(angle)]);
};

describe("the Vendi score", () => {
  it("counts orthogonal items, however often each is fed", () => {
    expect(vendiScore([at(0), at(90)], [1, 1])).toBeCloseTo(2, 10);
    expect(vendiScore([at(0), at(0), at(90)], [1, 1, 2])).toBeCloseTo(2, 10);
    expect(vendiScore([at(0), at(0)], [5, 1])).toBeCloseTo(1, 10);
  });

  it("is the exponential of the entropy of the shares for unequal ones", () => {
    const entropy = -(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75));
    expect(vendiScore([at(0), at(90)], [1, 3])).toBeCloseTo(Math.exp(entropy), 10);
  });
});

describe("clusters", () => {
  it("find two groups that lie apart, whatever the draws", () => {
    for (let seed = 1; seed <= 10; seed++) {
      const found = clusters([0, 5, 10, 170, 175].map(at), 2, stream(seed, "clusters"));
      expect(new Set(found.slice(0, 3)).size).toBe(1);
      expect(new Set(found.slice(3)).size).toBe(1);
      expect(found[0]).not.toBe(found[3]);
    }
  });

  it("give one topic for equal items", () => {
    expect(clusters([at(1), at(1), at(1)], 3, stream(1, "clusters"))).toEqual([0, 0, 0]);
  });
});

describe("orders of items", () => {
  it("go to the farthest item next and leave near-duplicates to the end", () => {
    const order = farthestFirst([at(0), at(2), at(90), at(180)], { ...stream(1, "x"), integer: () => 0 });
    expect(order).toEqual([0, 3, 2, 1]);
  });

  it("shuffled: every item once a round", () => {
    const walk = shuffledWalk(4, stream(1, "walk"));
    for (let round = 0; round < 3; round++) {
      expect([0, 1, 2, 3].map(() => walk.next()).sort((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    }
  });

  it("diverse: a small topic gets more than its share, every item comes", () => {
    const vectors = [...Array.from({ length: 9 }, (_, i) => at(i)), at(180)];
    const walk = diverseWalk(vectors, stream(3, "walk"));
    const counts = new Array<number>(10).fill(0);
    for (let n = 0; n < 400; n++) counts[walk.next()]! += 1;
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(counts[9]! / 400).toBeGreaterThan(0.15);
  });
});
