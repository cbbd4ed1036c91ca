import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { sha256 } from "../../core/canonical.js";
import { LawbookError, mismatch } from "../../core/errors.js";
import { readBytes } from "../../core/files.js";
import type { Device } from "../device.js";
import { REFERENCE_MODULE } from "../engine.js";
import { onnxBytes } from "../onnx.js";
import { compileOn } from "../program.js";
import { type OnnxRuntime, webRuntime } from "./packages.js";

let loaded: OnnxRuntime | undefined;
let threadsInUse = 0;

function loadRuntime(threads: number): OnnxRuntime {
  if (loaded === undefined) {
    const require = createRequire(import.meta.url);
    const entry = require.resolve(REFERENCE_MODULE.package);
    const path = join(dirname(entry), REFERENCE_MODULE.file);
    const bytes = readBytes(path);
    const digest = sha256(bytes);
    if (digest !== REFERENCE_MODULE.sha256) {
      throw new LawbookError(
        "environment",
        mismatch(
          `The WebAssembly module of the reference device is another one (${path})`,
          digest,
          REFERENCE_MODULE.sha256,
        ),
        { hint: `Install ${REFERENCE_MODULE.package} ${REFERENCE_MODULE.version} with npm ci.` },
      );
    }
    const runtime = webRuntime();
    runtime.env.wasm.wasmBinary = bytes;
    runtime.env.wasm.numThreads = threads;
    runtime.env.logLevel = "error";
    threadsInUse = threads;
    loaded = runtime;
  }
  return loaded;
}

/**
 * WebAssembly without relaxed SIMD, one pinned module, no graph optimisation: the same bytes on every machine.
 * The number of threads of a process is the one of its first program.
 */
export const reference: Device = {
  name: "reference",
  determinism: "everywhere",
  compile: (graph, { threads = 1 } = {}) => {
    const runtime = loadRuntime(threads);
    if (threads !== threadsInUse) {
      throw new LawbookError(
        "internal",
        mismatch("Threads of the reference device", threads, `${threadsInUse}, as at first`),
      );
    }
    return compileOn(
      {
        Tensor: runtime.Tensor,
        create: (bytes) =>
          runtime.InferenceSession.create(bytes, {
            executionProviders: ["wasm"],
            graphOptimizationLevel: "disabled",
            logSeverityLevel: 3,
          }),
        preallocates: false,
      },
      graph,
      onnxBytes(graph),
    );
  },
};
