import { describe, expect, it } from "vitest";

import { differentiate } from "../../../src/compute/differentiate.js";
import { Graph, type Tensor } from "../../../src/compute/graph.js";
import { onnxBytes } from "../../../src/compute/onnx.js";
import { unpackAdapted } from "../../../src/model/adapted.js";
import type { Parameter } from "../../../src/model/config.js";
import { pack, unpack } from "../../../src/model/decoder.js";
import { allExperts, hasExperts, stackExperts, unpackExperts } from "../../../src/model/expert-stack.js";
import { type MoeConfig, moeParameters, moeWeights, newMoe } from "../../../src/model/lora-moe.js";
import { noisy, SMALL, smallGraph, valuesOf, weighted } from "../../support/small-model.js";

const LAYER = "model.layers.0.self_attn.q_proj";
const A: readonly Parameter[] = [0, 1, 2].map((e) => ({ name: `${LAYER}.lora_A${e}.weight`, shape: [2, 4] }));
const B: readonly Parameter[] = [0, 1, 2].map((e) => ({ name: `${LAYER}.lora_B${e}.weight`, shape: [3, 2] }));
const ROUTE: Parameter = { name: `${LAYER}.lora_route.weight`, shape: [3, 4] };

function names(parameters: readonly Parameter[]): string[] {
  return parameters.map(({ name }) => name.slice(LAYER.length + 1));
}

describe("matrices of experts", () => {
  it("are one piece where all stand behind one another", () => {
    expect(stackExperts([...A, ...B, ROUTE], 3)).toEqual([
      { name: `${LAYER}.lora_A*.weight`, shape: [6, 4] },
      { name: `${LAYER}.lora_B*.weight`, shape: [3, 3, 2] },
      ROUTE,
    ]);
  });

  it.each([
    ["one is missing", [...A.slice(0, 2), ...B], ["lora_A0.weight", "lora_A1.weight", "lora_B*.weight"]],
    ["they begin later", A.slice(1), ["lora_A1.weight", "lora_A2.weight"]],
    [
      "their order is another one",
      [A[0]!, A[2]!, A[1]!],
      ["lora_A0.weight", "lora_A2.weight", "lora_A1.weight"],
    ],
    ["one matrix serves all", [{ name: `${LAYER}.lora_A.weight`, shape: [2, 4] }], ["lora_A.weight"]],
    ["there are none", [], []],
  ] as const)("stay apart where %s", (_, parameters, expected) => {
    expect(names(stackExperts(parameters, 3))).toEqual(expected);
  });

  it("of another layer begin another piece", () => {
    const other = A.map(({ name, shape }) => ({ name: name.replace("q_proj", "k_proj"), shape }));
    expect(stackExperts([...A, ...other], 3)).toHaveLength(2);
    expect(stackExperts([A[0]!, A[1]!, other[2]!], 3)).toHaveLength(3);
  });

  it("are found again, A below one another and B side by side", async () => {
    const parameters = [...A, ...B, ROUTE];
    const graph = new Graph();
    const size = 3 * 8 + 3 * 6 + 12;
    const flat = graph.input("flat", "float32", [size]);
    const values = Float32Array.from({ length: size }, (_, index) => index);
    const ways = [unpackExperts(flat, parameters, 3), unpack(flat, parameters)];
    expect(ways.map((way) => way.size)).toEqual([3, 7]);
    expect(ways.map((way) => hasExperts(way, LAYER))).toEqual([true, true]);
    const [a, b, plainA, plainB] = await valuesOf(
      graph,
      { flat: values },
      ways.flatMap((way) => [allExperts(way, LAYER, "lora_A", 3), allExperts(way, LAYER, "lora_B", 3)]),
    );
    expect([...a!]).toEqual([...values.subarray(0, 24)]);
    expect([...b!.subarray(0, 6)]).toEqual([24, 25, 30, 31, 36, 37]); // row 0 of B0, B1, B2
    expect([...plainA!]).toEqual([...a!]);
    expect([...plainB!]).toEqual([...b!]);
  });
});

describe.each(["lora-moe", "shared-a", "shared-b"] as const)("a mixture of kind %s", (kind) => {
  const moe: MoeConfig = {
    kind,
    experts: 3,
    rank: 2,
    alpha: 6,
    targets: "all-linear",
    routing: { kind: "dense" },
  };
  const parameters = moeParameters(SMALL, moe);
  const weights = noisy(newMoe(SMALL, moe, 3));

  it("has the same loss and gradient, to the bit, whether its experts are cut apart or stay together", async () => {
    const results: Float32Array[][] = [];
    for (const cut of [unpack, (flat: Tensor, own: readonly Parameter[]) => unpackAdapted(flat, own, moe)]) {
      const { graph, feeds, base, hidden } = smallGraph([], new Map());
      const values = pack(parameters, weights);
      const flat = graph.input("flat", "float32", [values.length]);
      const loss = weighted(hidden(moeWeights(base, cut(flat, parameters), moe)));
      results.push(
        await valuesOf(graph, { ...feeds, flat: values }, [loss, differentiate(loss, [flat])[0]!]),
      );
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[0]![1]!.some((value) => value !== 0)).toBe(true);
  });

  it("needs fewer nodes where they stay together", () => {
    const bytes = [undefined, moe].map((adapter) => {
      const { graph, base, hidden } = smallGraph([], new Map());
      const flat = graph.input("flat", "float32", [pack(parameters, weights).length]);
      const loss = weighted(hidden(moeWeights(base, unpackAdapted(flat, parameters, adapter), moe)));
      graph.output("gradient", differentiate(loss, [flat])[0]!);
      return onnxBytes(graph).length;
    });
    expect(bytes[1]).toBeLessThan(bytes[0]!);
  });
});
