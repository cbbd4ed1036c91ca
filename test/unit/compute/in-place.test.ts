import { describe, expect, it } from "vitest";

import { Graph } from "../../../src/compute/graph.js";
import { overwritable } from "../../../src/compute/in-place.js";
import { add, multiply } from "../../../src/compute/ops/elementwise.js";
import { linear } from "../../../src/compute/ops/matmul.js";
import { SIZES } from "../../../src/model/config.js";
import { trainingStep } from "../../../src/train/step.js";

describe("state that may be overwritten", () => {
  it("is read before its next value is made, or element by element while it is", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2, 2]);
    graph.carry("x", add(multiply(x, x), graph.constant([2, 2], Float32Array.of(1, 2, 3, 4))));
    const y = graph.input("y", "float32", [2, 2]);
    graph.carry("y", multiply(y, y));
    expect([...overwritable(graph)]).toEqual(["x", "y"]);
  });

  it("is not read by what does not lead to its next value", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2, 2]);
    graph.output("later", multiply(x, x));
    graph.carry("x", add(x, x));
    expect([...overwritable(graph)]).toEqual([]);
  });

  it("is not the operand of a product of matrices that makes its next value", () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [2, 2]);
    graph.carry("x", linear(x, x));
    expect([...overwritable(graph)]).toEqual([]);
  });

  it("is not an input that is handed on", () => {
    const graph = new Graph();
    graph.carry("x", graph.input("x", "float32", [2]));
    expect([...overwritable(graph)]).toEqual([]);
  });

  it("is all state of a training step", () => {
    const shape = { lines: 1, tokens: 8, targets: 4 };
    const { graph } = trainingStep({ config: SIZES.xs, shape, decay: 0.1, clip: 1, radius: { weights: 1 } });
    expect([...overwritable(graph)].sort()).toEqual([...graph.carried.keys()].sort());
    expect(graph.carried.size).toBe(6);
  });
});
