import { describe, expect, it } from "vitest";

import {
  buildCase,
  caseFeeds,
  gradientOutput,
  type OperationCase,
  outputName,
} from "../../src/compute/conformance/case.js";
import { CASES } from "../../src/compute/conformance/cases/list.js";
import { caseGraph } from "../../src/compute/conformance/operations.js";
import type { Values } from "../../src/compute/graph.js";
import { DEVICES } from "../../src/compute/devices/list.js";
import { differentiate } from "../../src/compute/differentiate.js";
import { Graph, type Tensor } from "../../src/compute/graph.js";
import { add, minimum, multiply } from "../../src/compute/ops/elementwise.js";
import { matmul } from "../../src/compute/ops/matmul.js";
import { reduceSum } from "../../src/compute/ops/reduce.js";
import { expectClose } from "../support/close.js";
import { byTfjs, gradientsByTfjs } from "../support/oracle.js";

/** Values of a case's outputs and, where it has them, gradients of the weighed sum of its outputs, by name. */
type Results = Readonly<Record<string, Values>>;

async function oracleOf(one: OperationCase): Promise<Results> {
  const { graph, outputs, weights } = buildCase(one);
  const feeds = caseFeeds(one);
  const values = await byTfjs(graph, feeds, outputs);
  const results: Record<string, Values> = {};
  values.forEach((data, index) => (results[outputName(index)] = data));
  if (one.differentiable === false) return results;
  const loss = outputs.map((output, index): Tensor => {
    const weighted = multiply(output, graph.constant(output.shape, weights[index]!));
    return output.shape.length === 0 ? weighted : reduceSum(weighted, [...output.shape.keys()]);
  });
  const names = Object.keys(one.inputs).filter(
    (name) => one.inputs[name]!.integers === undefined && one.inputs[name]!.constant !== true,
  );
  const gradients = await gradientsByTfjs(
    graph,
    feeds,
    loss.reduce((a, b) => add(a, b)),
    names,
  );
  gradients.forEach((data, index) => (results[gradientOutput(names[index]!)] = data));
  return results;
}

// The devices themselves are compared with naive twins in devices.test.ts; here two engines compute the same graph.
describe.each(DEVICES)("operations on the device $name", (device) => {
  it.each(CASES)("$name: values and gradients are those of tfjs and its autodiff", async (one) => {
    const expected = await oracleOf(one);
    const program = await device.compile(caseGraph(one), { threads: 2 });
    const got = await program.run(caseFeeds(one));
    await program.dispose();
    expect(Object.keys(got).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, values] of Object.entries(expected))
      expectClose(got[name]!, values, 1e-4, 1e-5, `${one.name}: ${name}`);
  });
});

describe("a graph", () => {
  it("refuses shapes that do not fit, naming both", () => {
    const graph = new Graph();
    const a = graph.input("a", "float32", [2, 3]);
    expect(() => matmul(a, graph.input("b", "float32", [2, 3]))).toThrow(
      "matmul cannot take these shapes: got [2, 3] and [2, 3]",
    );
    expect(() => add(a, graph.input("c", "float32", [2]))).toThrow("add cannot take these shapes");
    expect(() => add(a, new Graph().input("d", "float32", [2, 3]))).toThrow("mixes tensors of two graphs");
  });

  it("refuses a gradient through an operation that has none, and of a loss with axes", () => {
    const graph = new Graph();
    const a = graph.input("a", "float32", []);
    expect(() => differentiate(minimum(a, graph.scalar(1)), [a])).toThrow("minimum has no gradient");
    const b = graph.input("b", "float32", [2]);
    expect(() => differentiate(b, [b])).toThrow("The loss has shape [2]");
    expect(() => differentiate(a, [b])).toThrow("does not depend on variable 0");
  });
});
