import type { InferenceSession, Tensor as OrtTensor, TypedTensor } from "onnxruntime-common";

import { sha256 } from "../../core/canonical.js";
import { LawbookError } from "../../core/errors.js";
import { checkValues, type Feeds, type Program } from "../device.js";
import { type Call, Graph, type OperationFaces, type Tensor, type Values } from "../graph.js";
import { liveCalls, onnxBytes } from "../onnx.js";
import type { OnnxRuntime } from "./packages.js";

/** ONNX faces that stand in for an operation's own, by operation name. */
export type Faces = Readonly<Record<string, OperationFaces<unknown>["onnx"]>>;

/** An execution provider of onnxruntime-node that computes on a GPU. */
export interface Provider {
  readonly name: string;
  /** Operations that the provider has no kernel for in their usual form. */
  readonly faces: Faces;
  /** Where carried outputs stay between runs; undefined: in the processor's memory. */
  readonly location?: "gpu-buffer";
}

/** Opens a session for the ONNX bytes of a graph. */
export type Opener = (bytes: Uint8Array, graph: Graph) => Promise<InferenceSession>;

/** Opens sessions on a provider with CPU fall-back switched off. */
export function openerOf(runtime: OnnxRuntime, { name, location }: Provider): Opener {
  return (bytes, graph) => {
    const carried = new Set(graph.carried.values());
    const places = [...graph.outputs.keys()].map((output) => [
      output,
      carried.has(output) ? location : "cpu",
    ]);
    return runtime.InferenceSession.create(bytes, {
      executionProviders: [name],
      // Higher levels fuse nodes into kernels that exist on the processor alone.
      graphOptimizationLevel: "basic",
      logSeverityLevel: 4,
      extra: { session: { disable_cpu_ep_fallback: "1" } },
      ...(location === undefined ? {} : { preferredOutputLocation: Object.fromEntries(places) as Places }),
    });
  };
}

type Places = Readonly<Record<string, "cpu" | "gpu-buffer">>;

/** The bytes of a graph in which some operations have other ONNX faces. */
export function bytesWith(graph: Graph, faces: Faces): Uint8Array {
  const calls = graph.calls.map((call): Call => {
    const onnx = faces[call.operation.name];
    return onnx === undefined ? call : { ...call, operation: { ...call.operation, onnx } };
  });
  const { inputs, outputs, carried, constants } = graph;
  return onnxBytes({ inputs, outputs, carried, constants, calls } as Graph);
}

/** Opens a session for a graph. Where nodes cannot be placed on the provider, throws with the names of their operations. */
export async function openPlaced(open: Opener, provider: Provider, graph: Graph): Promise<InferenceSession> {
  try {
    return await open(bytesWith(graph, provider.faces), graph);
  } catch (cause) {
    const message = (cause as Error).message.trim();
    const unplaced = isPlacement(cause) ? await unplacedOperations(open, provider, graph) : [];
    throw new LawbookError(
      "environment",
      unplaced.length > 0
        ? `The device ${provider.name} cannot place these operations: ${unplaced.join(", ")}.`
        : `The device ${provider.name} cannot be used: ${message}`,
      { hint: "`lawbook device` says what can be used; the device cpu runs every operation.", cause },
    );
  }
}

function isPlacement(error: unknown): boolean {
  return /fallback to CPU EP has been explicitly disabled/.test((error as Error).message);
}

/** Names of the operations of a graph that the provider cannot place, each tried alone. */
async function unplacedOperations(open: Opener, { faces }: Provider, graph: Graph): Promise<string[]> {
  const tried = new Map<string, boolean>();
  const unplaced = new Set<string>();
  for (const call of liveCalls(graph)) {
    const key = `${call.operation.name} ${JSON.stringify(call.attributes)} ${call.inputs.map(({ shape }) => shape.length)}`;
    if (tried.has(key)) continue;
    let fails = false;
    try {
      const single = alone(graph, call);
      await (await open(bytesWith(single, faces), single)).release();
    } catch (error) {
      fails = isPlacement(error);
    }
    tried.set(key, fails);
    if (fails) unplaced.add(call.operation.name);
  }
  return [...unplaced].sort();
}

/** A graph of one call. */
function alone(graph: Graph, { operation, inputs, attributes }: Call): Graph {
  const single = new Graph();
  const fed = inputs.map((input, index): Tensor => {
    const values = graph.constants.get(input);
    return values === undefined
      ? single.input(`x${index}`, input.type, input.shape)
      : single.constant(input.shape, values);
  });
  single.append(operation, fed, attributes).forEach((output, index) => single.output(`y${index}`, output));
  return single;
}

/**
 * Compiles a graph on a provider whose carried outputs stay in the device's buffers. They are read back through a session
 * of Identity nodes: `getData()` on a WebGPU buffer ends the process in onnxruntime-node 1.30.0.
 */
export async function compileResident(
  runtime: Pick<OnnxRuntime, "Tensor">,
  open: Opener,
  provider: Provider,
  graph: Graph,
): Promise<Program> {
  const session = await openPlaced(open, provider, graph);
  const read = graph.carried.size === 0 ? undefined : await openPlaced(open, provider, readerOf(graph));
  const wanted = new Set(session.inputNames);
  const kept = new Map<string, OrtTensor>();
  const carriedOutputs = new Set(graph.carried.values());
  let running = false;
  let disposed = false;

  const wrap = (name: string, values: Values): OrtTensor => {
    const tensor = graph.inputs.get(name);
    if (tensor === undefined) throw new LawbookError("internal", `The graph has no input ${name}.`);
    const { type, shape } = tensor;
    return new runtime.Tensor(type as "float32", checkValues(name, tensor, values) as Float32Array, shape);
  };
  const keep = (name: string, tensor: OrtTensor): void => {
    kept.get(name)?.dispose();
    kept.set(name, tensor);
  };

  return {
    graphSha256: sha256(onnxBytes(graph)),
    load: (state: Feeds) => {
      for (const [name, values] of Object.entries(state)) keep(name, wrap(name, values.slice()));
    },
    run: async (inputs: Feeds) => {
      if (running || disposed)
        throw new LawbookError("internal", "A program runs once at a time and not after its end.");
      running = true;
      try {
        const feeds: Record<string, OrtTensor> = {};
        for (const name of graph.inputs.keys()) {
          if (!wanted.has(name)) continue;
          const values = inputs[name];
          const fed = values === undefined ? kept.get(name) : wrap(name, values);
          if (fed === undefined) throw new LawbookError("internal", `Input ${name} was given no values.`);
          feeds[name] = fed;
        }
        const results = await session.run(feeds);
        for (const [name, next] of graph.carried) keep(name, results[next] as OrtTensor);
        const returned: Record<string, Values> = {};
        for (const name of graph.outputs.keys()) {
          if (!carriedOutputs.has(name)) returned[name] = (results[name] as TypedTensor<"float32">).data;
        }
        return returned;
      } finally {
        running = false;
      }
    },
    state: async () => {
      const feeds: Record<string, OrtTensor> = {};
      for (const name of graph.carried.keys()) {
        const tensor = kept.get(name);
        if (tensor === undefined)
          throw new LawbookError("internal", `Carried input ${name} was given no values.`);
        feeds[name] = tensor;
      }
      const copies: Record<string, Float32Array> = {};
      if (read === undefined) return copies;
      const results = await read.run(feeds);
      for (const name of graph.carried.keys())
        copies[name] = (results[copyName(name)] as TypedTensor<"float32">).data.slice();
      return copies;
    },
    dispose: async () => {
      disposed = true;
      kept.forEach((tensor) => tensor.dispose());
      kept.clear();
      await session.release();
      await read?.release();
    },
  };
}

function copyName(name: string): string {
  return `${name}.copy`;
}

function readerOf(graph: Graph): Graph {
  const reader = new Graph();
  for (const name of graph.carried.keys()) {
    const { type, shape } = graph.inputs.get(name)!;
    reader.output(copyName(name), reader.input(name, type, shape));
  }
  return reader;
}
