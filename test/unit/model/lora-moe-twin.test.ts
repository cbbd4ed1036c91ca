import { describe, expect, it } from "vitest";

import { Graph } from "../../../src/compute/graph.js";
import { multiply, silu } from "../../../src/compute/ops/elementwise.js";
import { product } from "../../../src/core/math.js";
import { stream } from "../../../src/core/random.js";
import { parametersOf } from "../../../src/model/config.js";
import { type MoeConfig, moeParameters, moeWeights, newMoe } from "../../../src/model/lora-moe.js";
import type { Routing } from "../../../src/model/routing.js";
import { expectClose } from "../../support/close.js";
import { noisy, SMALL, smallWeights, valuesOf } from "../../support/small-model.js";

type Vector = readonly number[];

const EXPERTS = 4;
const RANK = 2;
const ALPHA = 6;
const BLOCK = "model.layers.0.mlp";
const weights = smallWeights();

/** The mixture written down token by token, in float64. */
class Twin {
  constructor(
    readonly moe: MoeConfig,
    readonly adapter: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
  ) {}

  times(name: string, x: Vector): number[] {
    const { shape, data } = this.adapter.get(name) ?? weights.get(name)!;
    const [rows, columns] = shape as [number, number];
    return Array.from({ length: rows }, (_, i) => {
      let total = 0;
      for (let j = 0; j < columns; j++) total += data[i * columns + j]! * x[j]!;
      return total;
    });
  }

  /** Gates of one token; `taken` counts the tokens that each expert has. */
  gates(router: string, x: Vector, taken: number[]): number[] {
    const powers = this.times(router, x).map(Math.exp);
    const total = powers.reduce((a, b) => a + b, 0);
    const p = powers.map((power) => power / total);
    const order = [...p.keys()].sort((a, b) => p[b]! - p[a]!);
    const { routing } = this.moe;
    if (routing.kind === "dense") return p;
    if (routing.kind === "switch") {
      const [best] = order as [number];
      const free = taken[best]!++ < (routing.capacity ?? Infinity);
      return p.map((value, e) => (e === best && free ? value : 0));
    }
    const kept = new Set<number>();
    let mass = 0;
    for (const e of order) {
      if (routing.kind === "top-k" ? kept.size === routing.k : mass >= (routing as { p: number }).p) break;
      kept.add(e);
      mass += p[e]!;
    }
    return p.map((value, e) => (kept.has(e) ? value / mass : 0));
  }

  update(a: string, b: string, x: Vector): number[] {
    return this.times(`${b}.weight`, this.times(`${a}.weight`, x)).map((value) => (ALPHA / RANK) * value);
  }

  layer(layer: string, x: Vector, taken: number[]): number[] {
    const g = this.gates(`${layer}.lora_route.weight`, x, taken);
    const y = this.times(`${layer}.weight`, x);
    g.forEach((gate, e) => {
      const a = this.moe.kind === "shared-a" ? "lora_A" : `lora_A${e}`;
      const b = this.moe.kind === "shared-b" ? "lora_B" : `lora_B${e}`;
      this.update(`${layer}.${a}`, `${layer}.${b}`, x).forEach((value, i) => (y[i]! += gate * value));
    });
    return y;
  }

  /** A whole feed-forward block with the updates of expert e; none for `undefined`. */
  forward(e: number | undefined, x: Vector): number[] {
    const adapted = (name: string, input: Vector): number[] => {
      const y = this.times(`${BLOCK}.${name}.weight`, input);
      if (e === undefined) return y;
      const prefix = `${BLOCK}.${name}.experts.${e}`;
      const update = this.update(`${prefix}.lora_A`, `${prefix}.lora_B`, input);
      return y.map((value, i) => value + update[i]!);
    };
    const up = adapted("up_proj", x);
    const inner = adapted("gate_proj", x).map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!);
    return adapted("down_proj", inner);
  }

  block(x: Vector, taken: number[]): number[] {
    const g = this.gates(`${BLOCK}.moe_gate.weight`, x, taken);
    const rest = 1 - g.reduce((a, b) => a + b, 0);
    const parts = [
      ...g.map((gate, e) => [gate, this.forward(e, x)] as const),
      [rest, this.forward(undefined, x)] as const,
    ];
    return parts[0]![1].map((_, i) => parts.reduce((total, [share, y]) => total + share * y[i]!, 0));
  }
}

const ROUTINGS: readonly Routing[] = [
  { kind: "dense" },
  { kind: "top-k", k: 2 },
  { kind: "top-p", p: 0.5 },
  { kind: "switch" },
  { kind: "switch", capacity: 2 },
];
const TOKENS = 9;

describe.each(["lora-moe", "shared-a", "shared-b", "mixlora"] as const)("the graph of kind %s", (kind) => {
  it.each(ROUTINGS)("computes what its formula says, routed by %j", async (routing) => {
    const moe: MoeConfig = {
      kind,
      routing,
      experts: EXPERTS,
      rank: RANK,
      alpha: ALPHA,
      targets: "all-linear",
    };
    const adapter = noisy(newMoe(SMALL, moe, 3), 0.3);
    const draw = stream(4, "twin");
    const x = Array.from({ length: TOKENS }, () => Array.from({ length: SMALL.width }, () => draw.normal()));

    const graph = new Graph();
    const declare = ({ name, shape }: { name: string; shape: readonly number[] }) =>
      [name, graph.input(name, "float32", shape)] as const;
    const inputs = new Map(moeParameters(SMALL, moe).map(declare));
    const mixture = moeWeights(new Map(parametersOf(SMALL).map(declare)), inputs, moe);
    const rows = graph.input("x", "float32", [TOKENS, SMALL.width]);
    const layer = "model.layers.1.self_attn.k_proj";
    const y =
      kind === "mixlora"
        ? mixture.linear(
            `${BLOCK}.down_proj`,
            multiply(
              silu(mixture.linear(`${BLOCK}.gate_proj`, rows)),
              mixture.linear(`${BLOCK}.up_proj`, rows),
            ),
          )
        : mixture.linear(layer, rows);
    const feeds = Object.fromEntries(
      [...weights, ...adapter].map(([name, { data, shape }]) => {
        expect(data).toHaveLength(product(shape));
        return [name, data];
      }),
    );
    const [got] = await valuesOf(graph, { ...feeds, x: Float32Array.from(x.flat()) }, [y]);

    const twin = new Twin(moe, adapter);
    const taken = Array<number>(EXPERTS).fill(0);
    const expected = x.flatMap((row) =>
      kind === "mixlora" ? twin.block(row, taken) : twin.layer(layer, row, taken),
    );
    expectClose(got!, expected, 1e-5, 2e-5);
  });
});
