import type { Tensor as TfTensor } from "@tensorflow/tfjs";

import { sha256 } from "../core/canonical.js";
import { LawbookError } from "../core/errors.js";
import { product } from "../core/math.js";
import type { Emitter } from "./onnx.js";

/** Element types of tensors. Results are float32; ids, labels and positions are int32. */
export type ElementType = "float32" | "int32" | "int64" | "bool";

/** Sizes of the axes; every size is known when the graph is built. */
export type Shape = readonly number[];

/** What an operation says of an output before anything is computed. */
export interface TensorType {
  readonly type: ElementType;
  readonly shape: Shape;
}

/** A value that the graph will have: an input, a constant, or the output of a call. */
export interface Tensor extends TensorType {
  readonly graph: Graph;
  readonly id: number;
  /** The call that computes it; undefined for inputs and constants. */
  readonly call: Call | undefined;
}

/** One node of the graph: an operation applied to tensors. */
export interface Call<Attributes = unknown> {
  readonly operation: OperationFaces<Attributes>;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: Attributes;
}

/** The functional interface of tfjs, passed in so that no graph code loads it. */
export type Tfjs = typeof import("@tensorflow/tfjs");

/** The four faces of an operation. */
export interface OperationFaces<Attributes> {
  readonly name: string;
  /** Checks the inputs and gives the types of the outputs. */
  infer(inputs: readonly Tensor[], attributes: Attributes): readonly TensorType[];
  /**
   * More nodes: from the gradient of each output (undefined where it is zero) the gradient of each input.
   * `needs[i]` tells whether anybody wants the gradient of input i.
   */
  gradient?(
    call: Call<Attributes>,
    outputGradients: readonly (Tensor | undefined)[],
    needs: readonly boolean[],
  ): readonly (Tensor | undefined)[];
  /** Emits ONNX nodes that fill `outputs` from `inputs`. */
  onnx(emit: Emitter, inputs: readonly string[], outputs: readonly string[], call: Call<Attributes>): void;
  /** The same computation by tfjs, which differentiates it by itself. */
  tfjs(tf: Tfjs, inputs: readonly TfTensor[], call: Call<Attributes>): readonly TfTensor[];
}

/** Declares an operation. Calling the result appends a node to the graph of its first input and computes nothing. */
export function operation<Attributes>(
  name: string,
  faces: Omit<OperationFaces<Attributes>, "name">,
): (inputs: readonly Tensor[], attributes: Attributes) => readonly Tensor[] {
  const full: OperationFaces<Attributes> = { name, ...faces };
  return (inputs, attributes) => {
    const graph = inputs[0]?.graph;
    if (graph === undefined) throw new LawbookError("internal", `${name} needs at least one input.`);
    return graph.append(full, inputs, attributes);
  };
}

/** Values of a constant or an input, row-major. */
export type Values = Float32Array | Int32Array;

/** A typed builder of a static computation. Calls append nodes in an order in which they can run. */
export class Graph {
  readonly inputs: Map<string, Tensor> = new Map();
  readonly outputs: Map<string, Tensor> = new Map();
  /** Output name by input name: what a program feeds back from one run to the next. */
  readonly carried: Map<string, string> = new Map();
  readonly constants: Map<Tensor, Values> = new Map();
  readonly calls: Call[] = [];
  readonly #constantsByContent = new Map<string, Tensor>();
  #count = 0;

  /** A value that is fed at each run. */
  input(name: string, type: ElementType, shape: Shape): Tensor {
    if (this.inputs.has(name)) throw new LawbookError("internal", `The graph has an input ${name} already.`);
    const tensor = this.#tensor({ type, shape }, undefined);
    this.inputs.set(name, tensor);
    return tensor;
  }

  /** A value that is the same at each run; equal constants are one tensor. */
  constant(shape: Shape, values: Values | readonly number[]): Tensor {
    const data = Array.isArray(values) ? Float32Array.from(values) : (values as Values);
    if (data.length !== product(shape)) {
      throw new LawbookError("internal", `A constant of shape [${shape}] has ${data.length} values.`);
    }
    const type = data instanceof Int32Array ? "int32" : "float32";
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const content = `${type}[${shape}]${sha256(bytes)}`;
    let tensor = this.#constantsByContent.get(content);
    if (tensor === undefined) {
      tensor = this.#tensor({ type, shape }, undefined);
      this.#constantsByContent.set(content, tensor);
      this.constants.set(tensor, data);
    }
    return tensor;
  }

  /** A float32 constant of no axes. */
  scalar(value: number): Tensor {
    return this.constant([], [value]);
  }

  /** Names a tensor as a result. */
  output(name: string, tensor: Tensor): void {
    if (this.outputs.has(name))
      throw new LawbookError("internal", `The graph has an output ${name} already.`);
    this.outputs.set(name, tensor);
  }

  /** Names `next` as a result that becomes the input `name` of the following run. */
  carry(name: string, next: Tensor): void {
    const input = this.inputs.get(name);
    if (input === undefined || `${input.shape}` !== `${next.shape}`) {
      throw new LawbookError("internal", `${name} cannot be carried: no input of shape [${next.shape}].`);
    }
    this.output(`${name}.next`, next);
    this.carried.set(name, `${name}.next`);
  }

  /** Appends a call; used by `operation`. */
  append<Attributes>(
    faces: OperationFaces<Attributes>,
    inputs: readonly Tensor[],
    attributes: Attributes,
  ): readonly Tensor[] {
    for (const input of inputs) {
      if (input.graph !== this)
        throw new LawbookError("internal", `${faces.name} mixes tensors of two graphs.`);
    }
    const outputs: Tensor[] = [];
    const call: Call<Attributes> = { operation: faces, inputs, outputs, attributes };
    for (const type of faces.infer(inputs, attributes)) outputs.push(this.#tensor(type, call as Call));
    this.calls.push(call as Call);
    return outputs;
  }

  #tensor(type: TensorType, call: Call | undefined): Tensor {
    return { graph: this, id: this.#count++, type: type.type, shape: [...type.shape], call };
  }
}

/** Error of an operation that got shapes it cannot take. */
export function shapeError(name: string, inputs: readonly Tensor[], expected: string): LawbookError {
  const got = inputs.map(({ shape }) => `[${shape.join(", ")}]`).join(" and ");
  return new LawbookError("internal", `${name} cannot take these shapes: got ${got}, expected ${expected}.`);
}

/** Shape of an elementwise result by the broadcasting rule of NumPy and ONNX. */
export function broadcastShape(name: string, inputs: readonly Tensor[]): Shape {
  const rank = Math.max(...inputs.map(({ shape }) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = inputs.map(({ shape }) => shape[axis - rank + shape.length] ?? 1);
    const size = Math.max(...sizes);
    if (sizes.some((s) => s !== 1 && s !== size)) throw shapeError(name, inputs, "shapes that broadcast");
    return size;
  });
}
