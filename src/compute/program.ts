import type { InferenceSession, Tensor as OrtTensor, TypedTensor } from "onnxruntime-common";

import { LawbookError } from "../core/errors.js";
import { product } from "../core/math.js";
import { sha256 } from "../core/canonical.js";
import { checkValues, type Feeds, type Program } from "./device.js";
import type { Graph, Tensor, Values } from "./graph.js";
import { overwritable } from "./in-place.js";

/** The part of an onnxruntime package that a program uses; the native and the WebAssembly package share it. */
export interface Runtime {
  readonly Tensor: typeof OrtTensor;
  create(bytes: Uint8Array): Promise<InferenceSession>;
  /** May outputs be written into tensors that we give? onnxruntime-web takes them and leaves them unfilled. */
  readonly preallocates: boolean;
}

/** Compiles a graph into a program on an onnxruntime package. */
export async function compileOn(runtime: Runtime, graph: Graph, bytes: Uint8Array): Promise<Program> {
  const session = await runtime.create(bytes);
  const wanted = new Set(session.inputNames);
  const inPlace = runtime.preallocates ? overwritable(graph) : new Set<string>();
  let current: Record<string, OrtTensor> = {};
  let spare: Record<string, OrtTensor> = {};
  let running = false;
  let disposed = false;

  const wrap = (name: string, tensor: Tensor, values: Values): OrtTensor =>
    new runtime.Tensor(
      tensor.type as "float32",
      checkValues(name, tensor, values) as Float32Array,
      tensor.shape,
    );
  const outputFetches = (): Record<string, OrtTensor | null> => {
    const fetches: Record<string, OrtTensor | null> = {};
    for (const name of graph.outputs.keys()) fetches[name] = null;
    if (!runtime.preallocates) return fetches;
    for (const [name, next] of graph.carried) {
      const own = current[name];
      if (inPlace.has(name) && own !== undefined) {
        fetches[next] = own;
        continue;
      }
      const { shape } = graph.inputs.get(name)!;
      spare[name] ??= new runtime.Tensor("float32", new Float32Array(product(shape)), shape);
      fetches[next] = spare[name];
    }
    return fetches;
  };

  return {
    graphSha256: sha256(bytes),
    load: (state: Feeds) => {
      for (const [name, values] of Object.entries(state)) {
        const tensor = graph.inputs.get(name);
        if (tensor === undefined) throw new LawbookError("internal", `The graph has no input ${name}.`);
        current[name] = wrap(name, tensor, graph.carried.has(name) ? values.slice() : values);
      }
    },
    run: async (inputs: Feeds) => {
      if (running || disposed)
        throw new LawbookError("internal", "A program runs once at a time and not after its end.");
      running = true;
      try {
        const feeds: Record<string, OrtTensor> = {};
        for (const [name, tensor] of graph.inputs) {
          if (!wanted.has(name)) continue;
          const values = inputs[name];
          const fed = values === undefined ? current[name] : wrap(name, tensor, values);
          if (fed === undefined) throw new LawbookError("internal", `Input ${name} was given no values.`);
          feeds[name] = fed;
        }
        const fetches = outputFetches();
        const results = await session.run(feeds, fetches);
        const returned: Record<string, Values> = {};
        const carriedOutputs = new Set(graph.carried.values());
        for (const name of graph.outputs.keys()) {
          if (!carriedOutputs.has(name)) returned[name] = (results[name] as TypedTensor<"float32">).data;
        }
        const previous = current;
        current = { ...previous };
        for (const [name, next] of graph.carried) {
          // onnxruntime-node returns a tensor that does not keep the buffer we gave it alive: hold on to ours.
          current[name] = fetches[next] ?? (results[next] as OrtTensor);
          if (runtime.preallocates && !inPlace.has(name)) spare[name] = previous[name]!;
        }
        return returned;
      } finally {
        running = false;
      }
    },
    state: () => {
      const copies: Record<string, Float32Array> = {};
      for (const name of graph.carried.keys()) {
        const tensor = current[name] as TypedTensor<"float32"> | undefined;
        if (tensor === undefined)
          throw new LawbookError("internal", `Carried input ${name} was given no values.`);
        copies[name] = tensor.data.slice();
      }
      return Promise.resolve(copies);
    },
    dispose: async () => {
      disposed = true;
      current = {};
      spare = {};
      await session.release();
    },
  };
}
