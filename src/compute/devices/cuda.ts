import { LawbookError } from "../../core/errors.js";
import type { Device } from "../device.js";
import { onnxBytes } from "../onnx.js";
import { compileOn } from "../program.js";
import { requireParts } from "./hardware.js";
import { nativeRuntime } from "./packages.js";
import { openerOf, openPlaced, type Provider } from "./provider.js";

const CUDA: Provider = { name: "cuda", faces: {} };

/**
 * An NVIDIA GPU through onnxruntime-node's CUDA provider. No operation falls back to the processor. Carried state crosses
 * the bus at every step: the package keeps outputs on a GPU for WebGPU alone.
 */
export const cuda: Device = {
  name: "cuda",
  determinism: "tolerance",
  compile: async (graph) => {
    requireParts("cuda");
    const runtime = nativeRuntime();
    if (runtime instanceof Error) {
      throw new LawbookError("environment", `The device cuda cannot be loaded: ${runtime.message}.`, {
        cause: runtime,
      });
    }
    // Read when CUDA's libraries are loaded: products in full float32.
    process.env["NVIDIA_TF32_OVERRIDE"] ??= "0";
    const open = openerOf(runtime, CUDA);
    return compileOn(
      { Tensor: runtime.Tensor, create: () => openPlaced(open, CUDA, graph), preallocates: true },
      graph,
      onnxBytes(graph),
    );
  },
};
