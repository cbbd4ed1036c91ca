import { LawbookError } from "../../core/errors.js";
import type { Device } from "../device.js";
import { requireParts } from "./hardware.js";
import { nativeRuntime } from "./packages.js";
import { compileResident, openerOf, type Provider } from "./provider.js";
import { WEBGPU_FACES } from "./webgpu-faces.js";

const WEBGPU: Provider = { name: "webgpu", faces: WEBGPU_FACES, location: "gpu-buffer" };

/**
 * A GPU through onnxruntime-node's WebGPU provider: Vulkan on Linux, Metal on macOS, Direct3D 12 on Windows. No operation
 * falls back to the processor; carried state stays in the GPU's buffers.
 */
export const webgpu: Device = {
  name: "webgpu",
  determinism: "tolerance",
  compile: async (graph) => {
    requireParts("webgpu");
    const runtime = nativeRuntime();
    if (runtime instanceof Error) {
      throw new LawbookError("environment", `The device webgpu cannot be loaded: ${runtime.message}.`, {
        cause: runtime,
      });
    }
    return compileResident(runtime, openerOf(runtime, WEBGPU), WEBGPU, graph);
  },
};
