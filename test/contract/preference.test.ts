import { describe, expect, it } from "vitest";

import type { Device, Feeds } from "../../src/compute/device.js";
import { DEVICES } from "../../src/compute/devices/list.js";
import { differentiate } from "../../src/compute/differentiate.js";
import { Graph } from "../../src/compute/graph.js";
import { log1mexp } from "../../src/compute/ops/log1mexp.js";
import { logSigmoid } from "../../src/compute/ops/log-sigmoid.js";
import { relu } from "../../src/compute/ops/relu.js";
import { stream } from "../../src/core/random.js";
import {
  type DpoOptions,
  type OrpoOptions,
  preferenceInputs,
  preferenceLoss,
  type PreferenceOptions,
} from "../../src/train/preference.js";
import { expectClose } from "../support/close.js";
import { gradientsByTfjs } from "../support/oracle.js";

/** Pairs as their scores: ln p of every token of each answer, chosen answers first. */
interface Scored {
  readonly tokens: readonly (readonly number[])[];
  readonly reference: readonly number[];
  readonly nll?: number;
}

/** The graph of a preference loss whose token scores are inputs, and its feeds. */
function assemble(
  { tokens, reference, nll = 0 }: Scored,
  options: PreferenceOptions,
): { graph: Graph; feeds: Feeds; result: ReturnType<typeof preferenceLoss> } {
  const graph = new Graph();
  const flat = tokens.flat();
  const [targets, pairs] = [flat.length, tokens.length / 2];
  const rowLoss = graph.input("rowLoss", "float32", [targets]);
  const inputs = preferenceInputs(graph, { targets, pairs }, options);
  const result = preferenceLoss({ loss: graph.input("nll", "float32", []), rowLoss }, inputs, options);
  const feeds = {
    rowLoss: Float32Array.from(flat, (value) => -value),
    nll: Float32Array.of(nll),
    targetRows: Int32Array.from(tokens.flatMap((row, index) => row.map(() => index))),
    completion: new Float32Array(targets).fill(1),
    lengths: Float32Array.from(tokens, (row) => row.length),
    pairWeights: new Float32Array(pairs).fill(1 / pairs),
    ...(options.kind === "dpo" ? { reference: Float32Array.from(reference) } : {}),
  };
  return { graph, feeds, result };
}

async function evaluate(
  device: Device,
  scored: Scored,
  options: PreferenceOptions,
): Promise<{ loss: number; pairLoss: number[]; margins: number[]; gradient: Float32Array }> {
  const { graph, feeds, result } = assemble(scored, options);
  for (const name of ["loss", "pairLoss", "margins"] as const) graph.output(name, result[name]);
  graph.output("gradient", differentiate(result.loss, [graph.inputs.get("rowLoss")!])[0]!);
  const program = await device.compile(graph);
  const { loss, pairLoss, margins, gradient } = await program.run(feeds);
  await program.dispose();
  return {
    loss: loss![0]!,
    pairLoss: [...pairLoss!],
    margins: [...margins!],
    gradient: gradient as Float32Array,
  };
}

const dpo = (loss: DpoOptions["loss"], change: Partial<DpoOptions> = {}): DpoOptions => ({
  kind: "dpo",
  loss,
  beta: 0.1,
  smoothing: 0,
  convention: "paper",
  ...change,
});
const ORPO: OrpoOptions = { kind: "orpo", beta: 0.1, nll: "full" };

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const logSigmoidOf = (x: number): number => -Math.log1p(Math.exp(-x));
const log1mexpOf = (x: number): number =>
  x < -Math.LN2 ? Math.log1p(-Math.exp(x)) : Math.log(-Math.expm1(x));

function draw(name: string, pairs: number): Scored {
  const random = stream(11, "preference", name);
  const tokens = Array.from({ length: 2 * pairs }, () =>
    Array.from({ length: 1 + random.integer(6) }, () => -0.05 - 3 * random.uniform()),
  );
  return { tokens, reference: tokens.map((row) => sum(row) + random.normal(0, 3)), nll: 2 };
}

/** The textbook forms in float64, without the rearrangements of the graph. */
function byHand({ tokens, reference, nll = 0 }: Scored, options: PreferenceOptions): number[] {
  const pairs = tokens.length / 2;
  return Array.from({ length: pairs }, (_, pair) => {
    const [chosen, rejected] = [pair, pair + pairs] as const;
    if (options.kind === "orpo") {
      const odds = [chosen, rejected].map((row) => {
        const l = sum(tokens[row]!) / tokens[row]!.length;
        return l - log1mexpOf(l);
      });
      return nll - options.beta * logSigmoidOf(odds[0]! - odds[1]!);
    }
    const { loss, beta, smoothing: e, convention } = options;
    const averaged = loss === "sigmoid_norm" || (loss === "ipo" && convention === "trl");
    const [r, s] = [chosen, rejected].map(
      (row) => (sum(tokens[row]!) - reference[row]!) / (averaged ? tokens[row]!.length : 1),
    ) as [number, number];
    const z = beta * (r - s);
    if (loss === "hinge") return Math.max(0, 1 - z);
    if (loss === "ipo") return (r - s - 1 / (2 * beta)) ** 2;
    if (loss === "robust") return (-(1 - e) * logSigmoidOf(z) + e * logSigmoidOf(-z)) / (1 - 2 * e);
    if (convention === "trl") return -logSigmoidOf(z);
    return -(1 - e) * logSigmoidOf(z) - e * logSigmoidOf(-z);
  });
}

const OBJECTIVES: Readonly<Record<string, PreferenceOptions>> = {
  "DPO, sigmoid": dpo("sigmoid"),
  "DPO, cDPO": dpo("sigmoid", { smoothing: 0.15 }),
  "DPO, sigmoid of TRL, which ignores the smoothing": dpo("sigmoid", { smoothing: 0.15, convention: "trl" }),
  "DPO, robust": dpo("robust", { smoothing: 0.2, beta: 0.4 }),
  "DPO, hinge": dpo("hinge", { beta: 0.3 }),
  "DPO, hinge of TRL, which ignores the smoothing": dpo("hinge", { smoothing: 0.2, convention: "trl" }),
  "DPO, ipo of the paper, by sums": dpo("ipo"),
  "DPO, ipo of TRL, by averages": dpo("ipo", { convention: "trl" }),
  "DPO, sigmoid_norm": dpo("sigmoid_norm", { beta: 2 }),
  "DPO, sigmoid_norm with smoothing": dpo("sigmoid_norm", { beta: 2, smoothing: 0.1 }),
  ORPO,
};

describe.each(DEVICES)("preference losses on the device $name", (device) => {
  it.each(Object.entries(OBJECTIVES))(
    "%s: value of the textbook form, gradient of tfjs",
    async (name, options) => {
      const scored = draw(name, 6);
      const got = await evaluate(device, scored, options);
      const expected = byHand(scored, options);
      expectClose([got.loss], [sum(expected) / expected.length], 2e-6, 1e-6, "loss");
      if (options.kind === "dpo") expectClose(got.pairLoss, expected, 2e-6, 2e-6, "losses of pairs");
      const { graph, feeds, result } = assemble(scored, options);
      const [gradient] = await gradientsByTfjs(graph, feeds, result.loss, ["rowLoss"]);
      expect(Math.max(...gradient!.map(Math.abs))).toBeGreaterThan(1e-3);
      expectClose(got.gradient, gradient!, 1e-5, 1e-6, "gradient");
    },
  );

  // Reference values of the published formulas, computed by PyTorch code of the peers.
  it("gives the peers' numbers for two pairs given by their sums", async () => {
    const rows = (lengths: readonly number[]): Scored => ({
      tokens: [-12, -20, -14, -19].map((total, row) =>
        Array.from({ length: lengths[row]! }, () => total / lengths[row]!),
      ),
      reference: [-13, -18, -13.5, -18.5],
    });
    const sigmoid = await evaluate(device, rows([1, 1, 1, 1]), dpo("sigmoid"));
    expectClose(sigmoid.pairLoss, [0.6209571, 0.7709571], 0, 2e-7);
    expectClose([sigmoid.loss], [0.6959571], 0, 2e-7);
    const robust = await evaluate(device, rows([1, 1, 1, 1]), dpo("robust", { smoothing: 0.1 }));
    expectClose(robust.pairLoss, [0.6022071, 0.7897071], 0, 2e-7);
    const ipo = await evaluate(device, rows([4, 8, 5, 6]), dpo("ipo", { convention: "trl" }));
    expectClose(ipo.pairLoss, [21.6225014, 26.6944427], 1e-6, 0);
    const odds = { tokens: [[-1.2], [-0.3], [-1.5], [-0.25]], reference: [], nll: 1.1 };
    const orpo = await evaluate(device, odds, ORPO);
    expectClose(orpo.margins, [0.4058999, -0.208466], 0, 5e-7);
    expectClose(orpo.pairLoss, [0.5106518, 0.8028026], 0, 5e-7);
    expectClose([orpo.loss], [1.1656728], 0, 5e-7);
  });

  it("starts where policy and reference policy agree: ln 2, hinge 1, ipo 1 / (4 beta^2)", async () => {
    const scored = draw("agree", 3);
    // Sums in the order and precision of the device: the agreement is exact.
    const reference = scored.tokens.map((row) =>
      row.reduce((total, value) => Math.fround(total + Math.fround(value)), 0),
    );
    const start = async (options: DpoOptions): Promise<number[]> =>
      (await evaluate(device, { ...scored, reference }, options)).pairLoss;
    for (const options of [
      dpo("sigmoid"),
      dpo("sigmoid", { smoothing: 0.3 }),
      dpo("robust", { smoothing: 0.3 }),
      dpo("sigmoid_norm", { beta: 5 }),
    ]) {
      expectClose(await start(options), [Math.LN2, Math.LN2, Math.LN2], 0, 1e-7, JSON.stringify(options));
    }
    expect(await start(dpo("hinge"))).toEqual([1, 1, 1]);
    expectClose(await start(dpo("ipo")), [25, 25, 25], 1e-6, 0);
  });

  it("robust without smoothing is sigmoid, and smoothing pulls a clear pair back", async () => {
    const scored = draw("robust", 4);
    const plain = await evaluate(device, scored, dpo("sigmoid"));
    expect((await evaluate(device, scored, dpo("robust"))).pairLoss).toEqual(plain.pairLoss);
    expect(await evaluate(device, scored, dpo("sigmoid", { smoothing: 0.2, convention: "trl" }))).toEqual(
      plain,
    );
    const clear = { tokens: [[-1], [-90]], reference: [-40, -40] };
    const at = async (smoothing: number): Promise<number> =>
      (await evaluate(device, clear, dpo("sigmoid", { beta: 1, smoothing }))).gradient[0]!;
    expect(await at(0)).toBeCloseTo(0, 12);
    expect(await at(0.2)).toBeCloseTo(-0.2, 6);
  });

  it("stays finite where a model is certain", async () => {
    const certain = { tokens: [[0, 0], [-60, -69], [-69], [0]], reference: [-1, -1, -1, -1], nll: 0 };
    for (const options of [ORPO, ...Object.values(OBJECTIVES)]) {
      const { loss, gradient } = await evaluate(device, certain, options);
      expect([loss, ...gradient].every(Number.isFinite), JSON.stringify(options)).toBe(true);
    }
  });

  it("keeps the accuracy of log-sigmoid and log1mexp over their whole range, and the kink of relu", async () => {
    const points = [-80, -30, -17, -5, -1, -0.7, -0.69, -0.3, -1e-2, -1e-3, -1e-5, -2e-6];
    const graph = new Graph();
    const x = graph.input("x", "float32", [points.length]);
    graph.output("log1mexp", log1mexp(x));
    graph.output("below", logSigmoid(x));
    graph.output(
      "above",
      logSigmoid(
        graph.constant(
          [points.length],
          points.map((point) => -point),
        ),
      ),
    );
    graph.output("relu", relu(graph.constant([3], [-1, 0, 2])));
    const program = await device.compile(graph);
    const rounded = Float32Array.from(points);
    const got = await program.run({ x: rounded });
    await program.dispose();
    const at = (f: (value: number) => number): number[] => Array.from(rounded, f);
    expectClose(got["log1mexp"]!, at(log1mexpOf), 1e-6, 1e-38, "log1mexp");
    expectClose(
      got["below"]!,
      at((value) => value - Math.log1p(Math.exp(value))),
      1e-6,
      0,
      "below 0",
    );
    expectClose(
      got["above"]!,
      at((value) => -Math.log1p(Math.exp(value))),
      1e-6,
      1e-38,
      "above 0",
    );
    expect([...got["relu"]!]).toEqual([0, 0, 2]);
  });
});

describe("options of a preference loss", () => {
  it("ORPO declares no reference policy", () => {
    const { graph } = assemble(draw("inputs", 2), ORPO);
    expect(graph.inputs.has("reference")).toBe(false);
    expect(assemble(draw("inputs", 2), dpo("sigmoid")).graph.inputs.has("reference")).toBe(true);
  });

  it.each([
    [dpo("sigmoid", { beta: 0 }), "beta: got 0, expected a finite number above 0."],
    [{ ...ORPO, beta: NaN }, "beta: got null, expected a finite number above 0."],
    [dpo("robust", { smoothing: 0.5 }), "smoothing: got 0.5, expected a number in [0, 0.5)."],
    [dpo("sigmoid", { smoothing: -0.1 }), "smoothing: got -0.1, expected a number in [0, 0.5)."],
    [dpo("hinge", { smoothing: 0.1 }), "smoothing of the loss hinge: got 0.1, expected 0."],
    [dpo("ipo", { smoothing: 0.1 }), "smoothing of the loss ipo: got 0.1, expected 0."],
    [dpo("hinges" as "hinge"), 'Unknown DPO loss: got "hinges"'],
  ])("%j is refused before anything is computed", (options, message) => {
    expect(() => assemble(draw("refused", 2), options)).toThrow(message);
  });
});
