import type { Device, Program } from "../../src/compute/device.js";
import type { Call, Graph, OperationFaces } from "../../src/compute/graph.js";

/** A device that compiles on another one, whose programs are spoiled. */
export function spoiled(
  device: Device,
  spoil: (program: Program, graph: Graph) => Partial<Program>,
  changes: Partial<Device> = {},
): Device {
  return {
    name: `spoiled ${device.name}`,
    determinism: device.determinism,
    ...changes,
    compile: async (graph, options) => {
      const program = await device.compile(graph, options);
      return { ...program, ...spoil(program, graph) };
    },
  };
}

/** A device on which one operation has another ONNX face. */
export function miscompiled(
  device: Device,
  name: string,
  onnx: (own: OperationFaces<unknown>) => OperationFaces<unknown>["onnx"],
): Device {
  return {
    name: `${device.name} with another ${name}`,
    determinism: device.determinism,
    compile: (graph, options) => device.compile(withFace(graph, name, onnx), options),
  };
}

/** The operation's results with the sign of the first output turned. */
export function negated({ onnx }: OperationFaces<unknown>): OperationFaces<unknown>["onnx"] {
  return (emit, inputs, outputs, call) => {
    const first = emit.temporary();
    onnx(emit, inputs, [first, ...outputs.slice(1)], call);
    emit.node("Neg", [first], [outputs[0]!]);
  };
}

function withFace(
  graph: Graph,
  name: string,
  onnx: (own: OperationFaces<unknown>) => OperationFaces<unknown>["onnx"],
): Graph {
  const calls = graph.calls.map((call): Call =>
    call.operation.name === name
      ? { ...call, operation: { ...call.operation, onnx: onnx(call.operation) } }
      : call,
  );
  return {
    inputs: graph.inputs,
    outputs: graph.outputs,
    carried: graph.carried,
    constants: graph.constants,
    calls,
  } as Graph;
}
