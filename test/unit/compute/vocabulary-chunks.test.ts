import { describe, expect, it } from "vitest";

import { DEVICES } from "../../../src/compute/devices/list.js";
import { differentiate } from "../../../src/compute/differentiate.js";
import { Graph } from "../../../src/compute/graph.js";
import { liveCalls } from "../../../src/compute/onnx.js";
import { linearCrossEntropy } from "../../../src/compute/ops/linear-cross-entropy.js";
import { stream } from "../../../src/core/random.js";
import { expectClose } from "../../support/close.js";

const [ROWS, WIDTH, VOCABULARY] = [7, 12, 53];

function normal(name: string, length: number): Float32Array {
  const draw = stream(1, name);
  return Float32Array.from({ length }, () => draw.normal(0, 1));
}

const FEEDS = {
  hidden: normal("hidden", ROWS * WIDTH),
  head: normal("head", VOCABULARY * WIDTH),
  labels: Int32Array.from({ length: ROWS }, (_, n) => [0, 52, 16, 15, 31, 32, 5][n]!),
  weights: Float32Array.of(0.1, 0.2, 0, 0.3, 0.1, 0.2, 0.1),
};

function lossGraph(chunk: number | undefined, trained: readonly ("hidden" | "head")[]): Graph {
  const graph = new Graph();
  const hidden = graph.input("hidden", "float32", [ROWS, WIDTH]);
  const head = graph.input("head", "float32", [VOCABULARY, WIDTH]);
  const labels = graph.input("labels", "int32", [ROWS]);
  const weights = graph.input("weights", "float32", [ROWS]);
  const { loss, rowLoss } = linearCrossEntropy(hidden, head, labels, weights, chunk);
  graph.output("loss", loss);
  graph.output("rowLoss", rowLoss);
  const gradients = differentiate(
    loss,
    trained.map((name) => graph.inputs.get(name)!),
  );
  trained.forEach((name, index) => graph.output(`d ${name}`, gradients[index]!));
  return graph;
}

describe("cross-entropy over chunks of the vocabulary", () => {
  it.each(DEVICES)("equals the whole one, loss and gradients, on $name", async (device) => {
    for (const trained of [["hidden", "head"], ["hidden"], ["head"]] as const) {
      const whole = await device.compile(lossGraph(undefined, trained), { threads: 2 });
      const expected = await whole.run(FEEDS);
      await whole.dispose();
      for (const chunk of [16, 52, 1]) {
        const chunked = await device.compile(lossGraph(chunk, trained), { threads: 2 });
        const got = await chunked.run(FEEDS);
        await chunked.dispose();
        for (const [name, values] of Object.entries(expected))
          expectClose(got[name]!, values, 1e-6, 1e-6, `${name}, ${chunk} at a time`);
      }
    }
  });

  it("is whole up to 8,192 pieces and chunked above", () => {
    const names = (vocabulary: number): string[] => {
      const graph = new Graph();
      const hidden = graph.input("hidden", "float32", [2, 1]);
      const head = graph.input("head", "float32", [vocabulary, 1]);
      const labels = graph.input("labels", "int32", [2]);
      const weights = graph.input("weights", "float32", [2]);
      graph.output("loss", linearCrossEntropy(hidden, head, labels, weights).loss);
      return liveCalls(graph).map(({ operation }) => operation.name);
    };
    expect(names(8192)).toEqual(["linearCrossEntropy"]);
    expect(names(8193)).toContain("linearLogSumExp");
    expect(names(8193)).not.toContain("softmax");
  });

  it("stays finite where a label's probability underflows", async () => {
    const graph = lossGraph(16, ["hidden"]);
    const program = await DEVICES[0]!.compile(graph);
    const { loss } = await program.run({ ...FEEDS, hidden: FEEDS.hidden.map((value) => value * 1000) });
    await program.dispose();
    expect(Number.isFinite(loss![0])).toBe(true);
    expect(loss![0]).toBeGreaterThan(69);
  });
});
