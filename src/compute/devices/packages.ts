import { createRequire } from "node:module";
import { join } from "node:path";

import type { InferenceSession, Tensor } from "onnxruntime-common";

import { exists } from "../../core/files.js";
import type { Tfjs } from "../graph.js";

/** What both onnxruntime packages export. */
export interface OnnxRuntime {
  readonly InferenceSession: typeof InferenceSession;
  readonly Tensor: typeof Tensor;
  readonly env: { logLevel?: string; readonly wasm: { numThreads?: number; wasmBinary?: Uint8Array } };
}

let native: OnnxRuntime | Error | undefined;

/** onnxruntime-node, or the reason why it cannot be loaded on this machine. */
export function nativeRuntime(): OnnxRuntime | Error {
  if (native === undefined) {
    try {
      native = createRequire(import.meta.url)("onnxruntime-node") as OnnxRuntime;
    } catch (cause) {
      native = cause as Error;
    }
  }
  return native;
}

/**
 * onnxruntime-web. Both packages register a backend named "cpu" with onnxruntime-common 1.30.0, where the first one stays
 * whatever its priority: loaded the other way round, the device cpu would silently run WebAssembly.
 */
export function webRuntime(): OnnxRuntime {
  nativeRuntime();
  return createRequire(import.meta.url)("onnxruntime-web") as OnnxRuntime;
}

/** Folder of an installed package, or undefined. */
export function packageFolder(name: string): string | undefined {
  const { paths } = createRequire(import.meta.url).resolve;
  return (paths(name) ?? [])
    .map((folder) => join(folder, name))
    .find((folder) => exists(join(folder, "package.json")));
}

/** Folder of onnxruntime-node's native libraries for this machine, or undefined. */
export function providerFolder(): string | undefined {
  const folder = packageFolder("onnxruntime-node");
  return folder === undefined ? undefined : join(folder, "bin", "napi-v6", process.platform, process.arch);
}

/** The npm package of TensorFlow's Node binding with GPU. */
export const TENSORFLOW_PACKAGE = "@tensorflow/tfjs-node-gpu";

/** Where the package looks for its native binding, below its folder. */
export const TENSORFLOW_BINDING: string = join("lib", "napi-v8", "tfjs_binding.node");

/** TensorFlow through tfjs. */
export interface TensorflowRuntime {
  readonly tf: Tfjs;
  readonly backend: "tensorflow";
  /** Does TensorFlow compute on a GPU? Where it finds none it computes on the processor without an error. */
  readonly usesGpu: boolean;
}

let tensorflow: TensorflowRuntime | Error | undefined;

/** @tensorflow/tfjs-node-gpu, or the reason why it cannot be loaded. Loads hundreds of megabytes: only when it is used. */
export function tensorflowRuntime(): TensorflowRuntime | Error {
  tensorflow ??= loadTensorflow();
  return tensorflow;
}

function loadTensorflow(): TensorflowRuntime | Error {
  const require = createRequire(import.meta.url);
  // Read when the library is loaded: not all of the GPU's memory at once, and products in full float32.
  process.env["TF_FORCE_GPU_ALLOW_GROWTH"] ??= "true";
  process.env["NVIDIA_TF32_OVERRIDE"] ??= "0";
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "1";
  // With several GPUs the binding puts tensors on the last one and computes on the first.
  process.env["CUDA_VISIBLE_DEVICES"] ??= "0";
  // The package calls two functions that Node 23 removed.
  const util = require("node:util") as Record<string, unknown>;
  util["isNullOrUndefined"] ??= (value: unknown) => value === null || value === undefined;
  util["isArray"] ??= Array.isArray;
  try {
    const tf = require("@tensorflow/tfjs-node-gpu") as Tfjs;
    const { isUsingGpuDevice } = tf.backend() as unknown as { isUsingGpuDevice?: boolean };
    return { tf, backend: "tensorflow", usesGpu: isUsingGpuDevice === true };
  } catch (cause) {
    return cause as Error;
  }
}

/** The folder of TENSORFLOW_PACKAGE whose binding is built, or undefined. */
export function tensorflowFolder(): string | undefined {
  const folder = packageFolder(TENSORFLOW_PACKAGE);
  return folder !== undefined && exists(join(folder, TENSORFLOW_BINDING)) ? folder : undefined;
}
