import { createRequire } from "node:module";

import type { InferenceSession, Tensor } from "onnxruntime-common";

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
