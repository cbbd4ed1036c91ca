import type { Graph, Tensor } from "../compute/graph.js";
import { add, divide, minimum, multiply, sqrt, subtract } from "../compute/ops/elementwise.js";
import { sumOfSquares } from "../compute/ops/reduce.js";
import { flatSize, MODEL_BALL, type ParameterGroup } from "./groups.js";

/** Constants of AdamW. */
export interface AdamW {
  /** Decay of the first moment, in [0, 1). */
  readonly beta1: number;
  /** Decay of the second moment, in [0, 1). */
  readonly beta2: number;
  /** Added to the root of the second moment, > 0. */
  readonly epsilon: number;
}

/** beta 0.9 and 0.95, epsilon 1e-8. */
export const ADAMW: AdamW = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };

/** Name of a state vector: parameters `p`, scaled moments `m` and `v` of a group. */
export function stateName(slot: "p" | "m" | "v", group: string): string {
  return `${slot}.${group}`;
}

/** Scales gradients so that their global norm is at most `limit`: g * min(1, limit / (norm + 1e-6)). */
export function clipGradients(
  gradients: readonly Tensor[],
  limit: number,
): { readonly norm: Tensor; readonly clipped: readonly Tensor[] } {
  const graph = gradients[0]!.graph;
  const norm = sqrt(gradients.map(sumOfSquares).reduce(add));
  if (limit === 0) return { norm, clipped: gradients };
  const factor = minimum(divide(graph.scalar(limit), add(norm, graph.scalar(1e-6))), graph.scalar(1));
  return { norm, clipped: gradients.map((gradient) => multiply(gradient, factor)) };
}

/** Part of a parameter group that its update needs. */
type UpdatedGroup = Pick<ParameterGroup, "name" | "ball" | "parameters">;

/** Largest norms that training may reach, > 0; undefined: no ball. */
export interface Radius {
  /** Of the distance of all trained model weights from their start. */
  readonly weights?: number | undefined;
  /** Of all trained weights of an adapter, from zero; in staged training of those of each expert. */
  readonly adapters?: number | undefined;
}

/**
 * Appends the AdamW update of every group and carries p, m and v. With a radius rho the new weights are then projected
 * onto a ball around c, the start of the run for model weights and 0 for adapters: p = c + (p - c) min(1, rho / |p - c|),
 * with one norm over all groups of a ball. Input `start.<group>`: c of model weights.
 */
export function appendUpdates(
  graph: Graph,
  groups: readonly UpdatedGroup[],
  gradients: readonly Tensor[],
  adam: AdamW,
  radius: Radius = {},
): void {
  const updated = groups.map(({ name }, index) => appendAdamW(graph, name, gradients[index]!, adam));
  for (const ball of new Set(groups.map((group) => group.ball))) {
    const own = [...groups.keys()].filter((index) => groups[index]!.ball === ball);
    const adapter = ball !== MODEL_BALL;
    const limit = adapter ? radius.adapters : radius.weights;
    const results =
      limit === undefined
        ? own.map((index) => updated[index]!)
        : project(
            own.map((index) => updated[index]!),
            adapter ? undefined : own.map((index) => startInput(graph, groups[index]!)),
            limit,
          );
    own.forEach((index, at) => graph.carry(stateName("p", groups[index]!.name), results[at]!));
  }
}

/** Name of the input that holds the start of a group's weights, where they must stay near it. */
export function startName(group: string): string {
  return `start.${group}`;
}

function startInput(graph: Graph, { name, parameters }: UpdatedGroup): Tensor {
  return graph.input(startName(name), "float32", [flatSize(parameters)]);
}

function project(points: readonly Tensor[], centers: readonly Tensor[] | undefined, limit: number): Tensor[] {
  const { graph } = points[0]!;
  const moves = points.map((point, index) =>
    centers === undefined ? point : subtract(point, centers[index]!),
  );
  const norm = sqrt(moves.map(sumOfSquares).reduce(add));
  const factor = minimum(divide(graph.scalar(limit), add(norm, graph.scalar(1e-12))), graph.scalar(1));
  return moves.map((move, index) => {
    const scaled = multiply(move, factor);
    return centers === undefined ? scaled : add(centers[index]!, scaled);
  });
}

/**
 * Appends the AdamW update of one group, on moments scaled by 1 / (1 - beta):
 * m' = beta1 m + g;  v' = beta2 v + g^2;  p' = keep p - rate m' / (sqrt(v') + epsilon).
 * `rate`, `epsilon` and `keep` are the step's inputs `rate.<group>`, `epsilon.<group>`, `keep.<group>`; see `adamwScalars`.
 * Carries m' and v'. -> p'. Deviation: the bias corrections sit in the scalars. Source: Loshchilov & Hutter 2019, algorithm 2.
 */
function appendAdamW(graph: Graph, group: string, gradient: Tensor, adam: AdamW): Tensor {
  const slot = (name: "p" | "m" | "v"): Tensor => graph.inputs.get(stateName(name, group))!;
  const scalar = (name: string): Tensor => graph.input(`${name}.${group}`, "float32", []);
  const first = add(multiply(slot("m"), graph.scalar(adam.beta1)), gradient);
  const second = add(multiply(slot("v"), graph.scalar(adam.beta2)), multiply(gradient, gradient));
  const update = divide(multiply(first, scalar("rate")), add(sqrt(second), scalar("epsilon")));
  graph.carry(stateName("m", group), first);
  graph.carry(stateName("v", group), second);
  return subtract(multiply(slot("p"), scalar("keep")), update);
}

/** The scalars of one group for step t, counted from 1. */
export interface AdamWScalars {
  readonly rate: number;
  readonly epsilon: number;
  readonly keep: number;
}

/**
 * With k = sqrt((1 - beta2) / (1 - beta2^t)): rate = lr (1 - beta1) / ((1 - beta1^t) k), epsilon' = epsilon / k,
 * keep = 1 - lr decay. Powers by repeated multiplication, so that the bits are the same everywhere.
 */
export function adamwScalars(adam: AdamW, step: number, lr: number, decay: number): AdamWScalars {
  let power1 = 1;
  let power2 = 1;
  for (let t = 0; t < step; t++) {
    power1 *= adam.beta1;
    power2 *= adam.beta2;
  }
  const k = Math.sqrt((1 - adam.beta2) / (1 - power2));
  return {
    rate: (lr * (1 - adam.beta1)) / ((1 - power1) * k),
    epsilon: adam.epsilon / k,
    keep: 1 - lr * decay,
  };
}
