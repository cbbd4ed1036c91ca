import type { Tensor as TfTensor } from "@tensorflow/tfjs";

import { sha256 } from "../../core/canonical.js";
import { LawbookError } from "../../core/errors.js";
import { checkValues, type Device, type Feeds, type Program } from "../device.js";
import type { Call, Graph, Tensor, Tfjs, Values } from "../graph.js";
import { liveCalls, onnxBytes } from "../onnx.js";
import { requireParts } from "./hardware.js";
import { tensorflowRuntime } from "./packages.js";

/** tfjs with the backend that computes. */
export interface TfjsEngine {
  readonly tf: Tfjs;
  /** Name of a registered backend, for example `tensorflow` or `cpu`. */
  readonly backend: string;
}

/** What runs once more, and which tensors nobody reads after it. */
interface Step {
  readonly call: Call;
  readonly spent: readonly Tensor[];
}

/**
 * A program that executes a graph call by call through the tfjs faces of its operations. Constants and carried state stay
 * on the device; every other tensor is freed after the last call that reads it.
 */
export async function compileTfjs({ tf, backend }: TfjsEngine, graph: Graph): Promise<Program> {
  await select(tf, backend);
  const steps = plan(graph);
  const live = new Set(steps.flatMap(({ call }) => call.inputs).concat([...graph.outputs.values()]));
  const upload = (tensor: Tensor, values: Values): TfTensor =>
    // The plain CPU backend keeps the array that it is given.
    tf.tensor(values.slice(), [...tensor.shape], tensor.type as "float32" | "int32");
  const constants = new Map<Tensor, TfTensor>();
  for (const [tensor, values] of graph.constants)
    if (live.has(tensor)) constants.set(tensor, upload(tensor, values));
  const loaded = new Map<string, TfTensor>();
  const carriedOutputs = new Set(graph.carried.values());
  let running = false;
  let disposed = false;

  const compute = (inputs: Feeds): Map<string, TfTensor> => {
    const values = new Map<Tensor, TfTensor>(constants);
    const own = new Set<TfTensor>();
    try {
      for (const [name, tensor] of graph.inputs) {
        if (!live.has(tensor)) continue;
        const given = inputs[name];
        if (given !== undefined) {
          const fed = upload(tensor, checkValues(name, tensor, given));
          own.add(fed);
          values.set(tensor, fed);
          continue;
        }
        const kept = loaded.get(name);
        if (kept === undefined) throw new LawbookError("internal", `Input ${name} was given no values.`);
        values.set(tensor, kept);
      }
      for (const { call, spent } of steps) {
        const read = call.inputs.map((input) => values.get(input)!);
        const results = tf.tidy(() => [...call.operation.tfjs(tf, read, call)]);
        call.outputs.forEach((output, index) => {
          // A face may hand back what it was given, which then has two owners.
          const result = read.includes(results[index]!) ? tf.clone(results[index]!) : results[index]!;
          own.add(result);
          values.set(output, result);
        });
        for (const tensor of spent) {
          const value = values.get(tensor)!;
          if (own.delete(value)) value.dispose();
        }
      }
      const results = new Map(
        [...graph.outputs].map(([name, tensor]) => [name, tf.clone(values.get(tensor)!)]),
      );
      return results;
    } finally {
      own.forEach((value) => value.dispose());
    }
  };

  return {
    graphSha256: sha256(onnxBytes(graph)),
    load: (state) => {
      for (const [name, values] of Object.entries(state)) {
        const tensor = graph.inputs.get(name);
        if (tensor === undefined) throw new LawbookError("internal", `The graph has no input ${name}.`);
        loaded.get(name)?.dispose();
        loaded.set(name, upload(tensor, checkValues(name, tensor, values)));
      }
    },
    run: async (inputs) => {
      if (running || disposed)
        throw new LawbookError("internal", "A program runs once at a time and not after its end.");
      running = true;
      try {
        await select(tf, backend);
        const results = compute(inputs);
        for (const [name, next] of graph.carried) {
          loaded.get(name)?.dispose();
          loaded.set(name, results.get(next)!);
        }
        const returned: Record<string, Values> = {};
        for (const [name, result] of results) {
          if (carriedOutputs.has(name)) continue;
          returned[name] = ((await result.data()) as Values).slice();
          result.dispose();
        }
        return returned;
      } finally {
        running = false;
      }
    },
    state: async () => {
      const copies: Record<string, Float32Array> = {};
      for (const name of graph.carried.keys()) {
        const tensor = loaded.get(name);
        if (tensor === undefined)
          throw new LawbookError("internal", `Carried input ${name} was given no values.`);
        copies[name] = ((await tensor.data()) as Float32Array).slice();
      }
      return copies;
    },
    dispose: () => {
      disposed = true;
      for (const tensor of [...loaded.values(), ...constants.values()]) tensor.dispose();
      loaded.clear();
      constants.clear();
      return Promise.resolve();
    },
  };
}

/** The live calls, each with the tensors that are read by it for the last time, its own unread outputs included. */
function plan(graph: Graph): Step[] {
  const kept = new Set<Tensor>(graph.outputs.values());
  const steps: Step[] = [];
  for (const call of liveCalls(graph).reverse()) {
    const spent = [...new Set([...call.inputs, ...call.outputs])].filter((tensor) => !kept.has(tensor));
    spent.forEach((tensor) => kept.add(tensor));
    steps.push({ call, spent });
  }
  return steps.reverse();
}

async function select(tf: Tfjs, backend: string): Promise<void> {
  if (tf.getBackend() === backend) return;
  if (!(await tf.setBackend(backend))) {
    throw new LawbookError("environment", `The backend ${backend} of tfjs cannot be started.`);
  }
}

/** TensorFlow on an NVIDIA GPU through @tensorflow/tfjs-node-gpu, after `lawbook device setup tfjs-gpu`. */
export const tfjsGpu: Device = {
  name: "tfjs-gpu",
  determinism: "tolerance",
  compile: async (graph) => {
    requireParts("tfjs-gpu");
    const runtime = tensorflowRuntime();
    if (runtime instanceof Error) {
      throw new LawbookError("environment", `The device tfjs-gpu cannot be loaded: ${runtime.message}`, {
        cause: runtime,
      });
    }
    if (!runtime.usesGpu) {
      throw new LawbookError("environment", "TensorFlow computes on the processor, not on a GPU.", {
        hint: "`lawbook device` says why. Use the device cpu for the processor.",
      });
    }
    return compileTfjs(runtime, graph);
  },
};
