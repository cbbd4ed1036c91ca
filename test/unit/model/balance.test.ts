import { describe, expect, it } from "vitest";

import { Graph, type Tensor } from "../../../src/compute/graph.js";
import { multiply } from "../../../src/compute/ops/elementwise.js";
import { largestExperts } from "../../../src/compute/ops/router.js";
import { softmax } from "../../../src/compute/ops/softmax.js";
import {
  auxiliaryLoss,
  balanceLoss,
  localisedLoss,
  type Route,
  routerZLoss,
  squaredVariationLoss,
} from "../../../src/model/balance.js";
import { expectClose } from "../../support/close.js";
import { gradientsByTfjs } from "../../support/oracle.js";
import { gradientsOf, valuesOf } from "../../support/small-model.js";

const LOGITS = [
  [2, 1, 0, -1],
  [0, 0.5, 1.5, 0.2],
  [1, 1.2, -0.5, 0.3],
];

/** A router with given logits; k experts a token, or all. */
function routeOf(logits: Tensor, k?: number): Route {
  const probabilities = softmax(logits);
  const chosen = k === undefined ? undefined : largestExperts(probabilities, k);
  const gates = chosen === undefined ? probabilities : multiply(probabilities, chosen);
  return { name: "router", logits, probabilities, chosen, gates };
}

async function valueOf(
  build: (logits: Tensor, graph: Graph) => Tensor,
  logits: readonly (readonly number[])[] = LOGITS,
): Promise<number> {
  const graph = new Graph();
  const input = graph.input("logits", "float32", [logits.length, logits[0]!.length]);
  const [value] = await valuesOf(graph, { logits: Float32Array.from(logits.flat()) }, [build(input, graph)]);
  expect(value).toHaveLength(1);
  return value![0]!;
}

describe("balance losses", () => {
  // Values of transformers' Mixtral, of LoRAMoE's statistic on column sums, and of the z-loss, by their own code.
  it("equal the reference values", async () => {
    expect(await valueOf((l) => auxiliaryLoss([routeOf(l, 2)]))).toBeCloseTo(2.4247398, 5);
    expect(await valueOf((l) => squaredVariationLoss([routeOf(l)]))).toBeCloseTo(0.1776697, 6);
    expect(await valueOf((l) => routerZLoss([routeOf(l)]))).toBeCloseTo(4.9269366, 5);
  });

  /** Each of 4 experts gets 1 token of 4; p is near one-hot. */
  const sharp = [0, 1, 2, 3].map((row) => [0, 1, 2, 3].map((column) => (row === column ? 30 : 0)));
  const uniform = [0, 1, 2, 3].map(() => [0, 0, 0, 0]);

  it("have their known values at perfect balance and at collapse", async () => {
    expect(await valueOf((l) => auxiliaryLoss([routeOf(l, 1)]), sharp)).toBeCloseTo(1, 6);
    expect(await valueOf((l) => auxiliaryLoss([routeOf(l)]), uniform)).toBeCloseTo(1, 6);
    expect(await valueOf((l) => auxiliaryLoss([routeOf(l, 2)]), uniform)).toBeCloseTo(2, 6);
    expect(await valueOf((l) => squaredVariationLoss([routeOf(l)]), sharp)).toBeCloseTo(0, 10);
    const collapsed = sharp.map(() => [30, 0, 0, 0]);
    expect(await valueOf((l) => auxiliaryLoss([routeOf(l, 1)]), collapsed)).toBeCloseTo(4, 5);
    // z = (4, 0, 0, 0): mean 1, unbiased variance 12 / 3.
    expect(await valueOf((l) => squaredVariationLoss([routeOf(l)]), collapsed)).toBeCloseTo(4, 5);
    expect(await valueOf((l) => routerZLoss([routeOf(l)]), uniform)).toBeCloseTo(Math.log(4) ** 2, 5);
  });

  it("leave out tokens that do not count", async () => {
    const padded = [...LOGITS, [9, -9, 3, 1]];
    const valid = (graph: Graph): Tensor => graph.constant([4], [1, 1, 1, 0]);
    for (const loss of [auxiliaryLoss, squaredVariationLoss, routerZLoss]) {
      const expected = await valueOf((l) => loss([routeOf(l, 2)]));
      expect(await valueOf((l, graph) => loss([routeOf(l, 2)], valid(graph)), padded)).toBeCloseTo(
        expected,
        5,
      );
    }
  });

  it("join routers: auxiliary and z by averages, variation by a sum", async () => {
    const twice = (l: Tensor): Route[] => [routeOf(l, 2), routeOf(l, 2)];
    expect(await valueOf((l) => auxiliaryLoss(twice(l)))).toBeCloseTo(2.4247398, 5);
    expect(await valueOf((l) => routerZLoss(twice(l)))).toBeCloseTo(4.9269366, 5);
    const one = await valueOf((l) => squaredVariationLoss([routeOf(l, 2)]));
    expect(await valueOf((l) => squaredVariationLoss(twice(l)))).toBeCloseTo(2 * one, 5);
  });

  it("localised: agree with a computation by hand", async () => {
    // Tokens 0 and 1 are sample 0 of kind 1, token 2 is sample 1 of kind 0; 4 experts, delta 0.5.
    const p = LOGITS.map((row) => {
      const powers = row.map(Math.exp);
      const total = powers.reduce((a, b) => a + b, 0);
      return powers.map((power) => power / total);
    });
    const first = [0, 1, 2, 3].map((e) => (p[0]![e]! + p[1]![e]!) * (e < 2 ? 1.5 : 0.5));
    const second = [0, 1, 2, 3].map((e) => p[2]![e]! * (e < 2 ? 0.5 : 1.5));
    const z = [...first, ...second];
    const mean = z.reduce((a, b) => a + b, 0) / 8;
    const expected = z.reduce((total, value) => total + (value - mean) ** 2, 0) / 7 / mean ** 2;
    const samples = (graph: Graph): { membership: Tensor; types: Tensor } => ({
      membership: graph.constant([2, 3], [1, 1, 0, 0, 0, 1]),
      types: graph.constant([2], [1, 0]),
    });
    expect(await valueOf((l, graph) => localisedLoss([routeOf(l)], samples(graph), 0.5))).toBeCloseTo(
      expected,
      5,
    );
    const plain = await valueOf((l, graph) => localisedLoss([routeOf(l)], samples(graph), 0));
    expect(plain).not.toBeCloseTo(expected, 3);
  });

  it("sum up with their weights, and have the gradients of tfjs", async () => {
    const graph = new Graph();
    const logits = graph.input("logits", "float32", [3, 4]);
    const samples = { membership: graph.constant([1, 3], [1, 1, 1]), types: graph.constant([1], [1]) };
    const route = routeOf(logits, 2);
    const parts = [
      auxiliaryLoss([route]),
      squaredVariationLoss([route]),
      localisedLoss([route], samples, 0.25),
      routerZLoss([route]),
    ];
    const weights = {
      auxiliary: 0.5,
      squaredVariation: 2,
      localised: { weight: 3, delta: 0.25 },
      routerZ: 0.1,
    };
    const total = balanceLoss([route], weights, undefined, samples)!;
    const feeds = { logits: Float32Array.from(LOGITS.flat()) };
    const [sum, ...values] = (await valuesOf(graph, feeds, [total, ...parts])).map(([value]) => value!);
    expect(sum).toBeCloseTo(0.5 * values[0]! + 2 * values[1]! + 3 * values[2]! + 0.1 * values[3]!, 5);
    const [expected] = await gradientsByTfjs(graph, feeds, total, ["logits"]);
    const [got] = await gradientsOf(graph, feeds, total, ["logits"]);
    expectClose(got!, expected!, 1e-4, 1e-6);
    expect(balanceLoss([route], {})).toBeUndefined();
    expect(() => balanceLoss([route], weights)).toThrow("The localised loss needs samples");
  });
});
