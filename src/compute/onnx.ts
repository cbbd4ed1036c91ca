import protobuf from "protobufjs";

import type { ElementType, Graph, Shape, Tensor, Values } from "./graph.js";

// The part of onnx.proto (IR version 8) that a training step needs, by field number.
const schema = protobuf.Root.fromJSON({
  nested: {
    Attribute: {
      fields: {
        name: { type: "string", id: 1 },
        f: { type: "float", id: 2 },
        i: { type: "int64", id: 3 },
        s: { type: "bytes", id: 4 },
        ints: { rule: "repeated", type: "int64", id: 8, options: { packed: false } },
        type: { type: "int32", id: 20 },
      },
    },
    Node: {
      fields: {
        input: { rule: "repeated", type: "string", id: 1 },
        output: { rule: "repeated", type: "string", id: 2 },
        opType: { type: "string", id: 4 },
        attribute: { rule: "repeated", type: "Attribute", id: 5 },
        domain: { type: "string", id: 7 },
      },
    },
    TensorData: {
      fields: {
        dims: { rule: "repeated", type: "int64", id: 1, options: { packed: false } },
        dataType: { type: "int32", id: 2 },
        name: { type: "string", id: 8 },
        rawData: { type: "bytes", id: 9 },
      },
    },
    Dimension: { fields: { dimValue: { type: "int64", id: 1 } } },
    ShapeInfo: { fields: { dim: { rule: "repeated", type: "Dimension", id: 1 } } },
    TensorInfo: { fields: { elemType: { type: "int32", id: 1 }, shape: { type: "ShapeInfo", id: 2 } } },
    TypeInfo: { fields: { tensorType: { type: "TensorInfo", id: 1 } } },
    ValueInfo: { fields: { name: { type: "string", id: 1 }, type: { type: "TypeInfo", id: 2 } } },
    GraphBody: {
      fields: {
        node: { rule: "repeated", type: "Node", id: 1 },
        name: { type: "string", id: 2 },
        initializer: { rule: "repeated", type: "TensorData", id: 5 },
        input: { rule: "repeated", type: "ValueInfo", id: 11 },
        output: { rule: "repeated", type: "ValueInfo", id: 12 },
      },
    },
    OperatorSet: { fields: { domain: { type: "string", id: 1 }, version: { type: "int64", id: 2 } } },
    Model: {
      fields: {
        irVersion: { type: "int64", id: 1 },
        producerName: { type: "string", id: 2 },
        graph: { type: "GraphBody", id: 7 },
        opsetImport: { rule: "repeated", type: "OperatorSet", id: 8 },
      },
    },
  },
});
const modelType = schema.lookupType("Model");

const DATA_TYPES: Readonly<Record<ElementType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9 };
const FLOAT_ATTRIBUTE = 1;
const INT_ATTRIBUTE = 2;
const STRING_ATTRIBUTE = 3;
const INTS_ATTRIBUTE = 7;

/** An attribute of an ONNX node. Numbers are integers unless wrapped in `float`. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

/** What the `onnx` face of an operation writes with. */
export interface Emitter {
  /** Adds a node that fills the given outputs. `domain` defaults to ai.onnx. */
  node(
    type: string,
    inputs: readonly string[],
    outputs: readonly string[],
    attributes?: Readonly<Record<string, OnnxAttribute>>,
    domain?: "com.microsoft",
  ): void;
  /** A fresh name for an intermediate value. */
  temporary(): string;
  /** Name of an int64 constant of one axis. */
  integers(values: readonly number[]): string;
  /** Name of a float32 constant of no axes. */
  scalar(value: number): string;
  /** ONNX number of an element type. */
  dataType(type: ElementType): number;
}

/** The calls that the outputs depend on, in running order. */
export function liveCalls(graph: Graph): Graph["calls"] {
  const wanted = new Set<Tensor>(graph.outputs.values());
  const live: Graph["calls"] = [];
  for (const call of [...graph.calls].reverse()) {
    if (!call.outputs.some((output) => wanted.has(output))) continue;
    live.push(call);
    call.inputs.forEach((input) => wanted.add(input));
  }
  return live.reverse();
}

/** The ONNX bytes of a graph: IR 8, opset 17 of ai.onnx and 1 of com.microsoft. Equal graphs give equal bytes. */
export function onnxBytes(graph: Graph): Uint8Array {
  const names = new Map<Tensor, string>();
  const nodes: object[] = [];
  const initializers: object[] = [];
  const shared = new Map<string, string>();
  let temporaries = 0;

  const addInitializer = (name: string, type: ElementType, shape: Shape, raw: Uint8Array): string => {
    initializers.push({ dims: [...shape], dataType: DATA_TYPES[type], name, rawData: raw });
    return name;
  };
  const share = (key: string, type: ElementType, shape: Shape, raw: () => Uint8Array): string => {
    let name = shared.get(key);
    if (name === undefined) {
      name = `c${shared.size}`;
      shared.set(key, name);
      addInitializer(name, type, shape, raw());
    }
    return name;
  };
  const emit: Emitter = {
    node: (opType, input, output, attributes = {}, domain) => {
      const attribute = Object.entries(attributes).map(([name, value]) => attributeMessage(name, value));
      nodes.push({ input, output, opType, attribute, ...(domain === undefined ? {} : { domain }) });
    },
    temporary: () => `t${temporaries++}`,
    integers: (values) =>
      share(`i${values.join(",")}`, "int64", [values.length], () =>
        bytesOf(BigInt64Array.from(values.map(BigInt))),
      ),
    scalar: (value) => share(`f${value}`, "float32", [], () => bytesOf(Float32Array.of(value))),
    dataType: (type) => DATA_TYPES[type],
  };

  for (const [name, tensor] of graph.inputs) names.set(tensor, name);
  const live = liveCalls(graph);
  const used = new Set([...live.flatMap((call) => call.inputs), ...graph.outputs.values()]);
  for (const [tensor, values] of graph.constants) {
    if (!used.has(tensor)) continue;
    names.set(tensor, addInitializer(`k${tensor.id}`, tensor.type, tensor.shape, bytesOf(values)));
  }
  const results = new Map([...graph.outputs].map(([name, tensor]) => [tensor, name]));
  for (const call of live) {
    for (const output of call.outputs) names.set(output, results.get(output) ?? `v${output.id}`);
    call.operation.onnx(
      emit,
      call.inputs.map((input) => names.get(input)!),
      call.outputs.map((output) => names.get(output)!),
      call,
    );
  }
  for (const [name, tensor] of graph.outputs)
    if (names.get(tensor) !== name) emit.node("Identity", [names.get(tensor)!], [name]);

  const message = modelType.fromObject({
    irVersion: 8,
    producerName: "lawbook",
    graph: {
      node: nodes,
      name: "graph",
      initializer: initializers,
      input: [...graph.inputs].filter(([, tensor]) => used.has(tensor)).map(valueMessage),
      output: [...graph.outputs].map(valueMessage),
    },
    opsetImport: [
      { domain: "", version: 17 },
      { domain: "com.microsoft", version: 1 },
    ],
  });
  return modelType.encode(message).finish();
}

function attributeMessage(name: string, value: OnnxAttribute): object {
  if (typeof value === "number") return { name, i: value, type: INT_ATTRIBUTE };
  if (typeof value === "string") return { name, s: new TextEncoder().encode(value), type: STRING_ATTRIBUTE };
  if ("float" in value) return { name, f: value.float, type: FLOAT_ATTRIBUTE };
  return { name, ints: [...value], type: INTS_ATTRIBUTE };
}

function valueMessage([name, tensor]: readonly [string, Tensor]): object {
  const dim = tensor.shape.map((dimValue) => ({ dimValue }));
  return { name, type: { tensorType: { elemType: DATA_TYPES[tensor.type], shape: { dim } } } };
}

function bytesOf(values: Values | BigInt64Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
