import { LawbookError } from "../../core/errors.js";
import type { Device } from "../device.js";
import { onnxBytes } from "../onnx.js";
import { compileOn } from "../program.js";
import { nativeRuntime } from "./packages.js";

/** Native code on this machine's processor: fastest without a GPU; bytes repeat on one machine only. */
export const cpu: Device = {
  name: "cpu",
  determinism: "this-machine",
  compile: (graph, { threads = 1 } = {}) => {
    const runtime = nativeRuntime();
    if (runtime instanceof Error) {
      throw new LawbookError("environment", `The device cpu cannot be loaded: ${runtime.message}.`, {
        hint: "Use the device reference, which needs no native code.",
        cause: runtime,
      });
    }
    return compileOn(
      {
        Tensor: runtime.Tensor,
        create: (bytes) =>
          runtime.InferenceSession.create(bytes, {
            executionProviders: ["cpu"],
            graphOptimizationLevel: "basic", // above it, onnxruntime folds our transposes back into slower products
            intraOpNumThreads: threads,
            interOpNumThreads: 1,
            // The pattern is a plan of one block for all intermediate values, made after the first run and held beside the
            // memory of that run: a third more in all, and no faster.
            enableMemPattern: false,
            logSeverityLevel: 3,
          }),
        preallocates: true,
      },
      graph,
      onnxBytes(graph),
    );
  },
};
