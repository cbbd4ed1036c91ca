import { describe, expect, it } from "vitest";

import { stream } from "../../../src/core/random.js";
import { adjustedRandIndex, elbow, kMeans, silhouette, spreadCenters } from "../../../src/data/clusters.js";

/** Points around corners that are far from each other. */
function blobs(corners: number, each: number): number[][] {
  const draw = stream(3, "blobs");
  return Array.from({ length: corners * each }, (_, index) => {
    const corner = index % corners;
    return Array.from({ length: corners }, (_, axis) => (axis === corner ? 10 : 0) + draw.normal(0, 0.3));
  });
}

describe("k-means", () => {
  it("puts four numbers into the two halves", () => {
    const { centers, assignment, inertia } = kMeans([[0], [1], [10], [11]], [[0], [1]]);
    expect(assignment).toEqual([0, 0, 1, 1]);
    expect(centers).toEqual([[0.5], [10.5]]);
    expect(inertia).toBe(1);
  });

  it("keeps a center that no point is near", () => {
    expect(kMeans([[0], [1]], [[0.4], [100]]).centers).toEqual([[0.5], [100]]);
  });

  it("starts from centers that are spread", () => {
    const points = blobs(4, 10);
    for (let seed = 0; seed < 20; seed++) {
      const centers = spreadCenters(points, 4, stream(seed, "centers"));
      const corners = centers.map((center) => [...(center as number[])].findIndex((value) => value > 5));
      expect(new Set(corners).size).toBe(4);
    }
    expect(() => spreadCenters(points, 41, stream(1, "centers"))).toThrow(
      "Clusters: got 41, expected 1 to 40",
    );
  });
});

describe("the elbow", () => {
  it.each([3, 5])("finds %i blobs, whatever the seed", (corners) => {
    const points = blobs(corners, 12);
    for (const seed of [1, 2, 3]) expect(elbow(points, 10, stream(seed, "elbow")).clusters).toBe(corners);
  });

  it("is at least two, for equal points too", () => {
    expect(elbow([[1], [1], [1]], 10, stream(1, "elbow")).clusters).toBe(2);
  });
});

describe("agreement", () => {
  it("of partitions does not depend on names, and is 0 where one says nothing", () => {
    expect(adjustedRandIndex([0, 0, 1, 1], [5, 5, 2, 2])).toBe(1);
    expect(adjustedRandIndex([0, 0, 1, 1], [0, 0, 0, 0])).toBe(0);
    expect(adjustedRandIndex([0, 0, 1, 1], [0, 1, 0, 1])).toBeCloseTo(-0.5, 12);
  });

  it("of points with their clusters is near 1 for far blobs, and refuses a single cluster", () => {
    expect(
      silhouette(
        blobs(3, 8),
        Array.from({ length: 24 }, (_, at) => at % 3),
      ),
    ).toBeGreaterThan(0.9);
    expect(silhouette([[0], [1], [3]], [0, 0, 1])).toBeCloseTo((2 / 3 + 1 / 2 + 0) / 3, 12);
    expect(() => silhouette([[0], [1]], [0, 0])).toThrow("at least 2");
  });
});
