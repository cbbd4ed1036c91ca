import { product } from "../../core/math.js";
import { stream } from "../../core/random.js";
import { Graph, type Shape, type Tensor, type Values } from "../graph.js";
import type { Plain } from "./plain.js";

/** An input of a case: float32 unless `integers` are given. */
export interface CaseInput {
  readonly shape: Shape;
  /** Values of an int32 input. */
  readonly integers?: readonly number[];
  /** Values of a float32 input; without them they are drawn from the normal distribution. */
  readonly values?: readonly number[];
  /** Draws in [0.5, 1.5) instead. */
  readonly positive?: boolean;
  /** Nobody asks for its gradient. */
  readonly constant?: boolean;
}

/** One operation on one set of inputs, with its naive twin. */
export interface OperationCase {
  /** The operation, then what is special about the case. */
  readonly name: string;
  readonly inputs: Readonly<Record<string, CaseInput>>;
  /** Outputs by the operation. */
  build(inputs: Readonly<Record<string, Tensor>>, graph: Graph): readonly Tensor[];
  /**
   * The same outputs from the operation's equation in float64 loops. `base` holds the unchanged inputs while gradients
   * are taken: what counts as a constant is computed from there.
   */
  twin(inputs: Readonly<Record<string, Plain>>, base: Readonly<Record<string, Plain>>): readonly Plain[];
  /** False where the operation has no gradient. */
  readonly differentiable?: boolean;
  /** Range of an output that need not be NaN because it is a choice, by output index. */
  readonly choices?: Readonly<Record<number, readonly [least: number, most: number]>>;
}

/** Name of output i of a case. */
export function outputName(index: number): string {
  return `y${index}`;
}

/** Name of the gradient of an input. */
export function gradientOutput(input: string): string {
  return `d.${input}`;
}

/** Draws the inputs of a case. Equal cases give equal feeds. */
export function caseFeeds({ name, inputs }: OperationCase): Record<string, Values> {
  const feeds: Record<string, Values> = {};
  for (const [key, { shape, integers, values, positive }] of Object.entries(inputs)) {
    const draw = stream(7, "conformance", name, key);
    const next = (): number => (positive === true ? 0.5 + draw.uniform() : draw.normal());
    feeds[key] =
      integers === undefined
        ? Float32Array.from(values ?? Array.from({ length: product(shape) }, next))
        : Int32Array.from(integers);
  }
  return feeds;
}

/** Builds the graph of a case without outputs, gradients or loss; `weights` are drawn for the loss. */
export function buildCase(one: OperationCase): {
  readonly graph: Graph;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: readonly Tensor[];
  readonly weights: readonly Float32Array[];
} {
  const graph = new Graph();
  const inputs: Record<string, Tensor> = {};
  for (const [key, { shape, integers }] of Object.entries(one.inputs))
    inputs[key] = graph.input(key, integers === undefined ? "float32" : "int32", shape);
  const outputs = one.build(inputs, graph);
  const weights = outputs.map(({ shape }, index) => {
    const draw = stream(7, "conformance", one.name, "weights", index);
    return Float32Array.from({ length: product(shape) }, () => draw.normal());
  });
  return { graph, inputs, outputs, weights };
}
