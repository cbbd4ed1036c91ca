import { join } from "node:path";

import { LawbookError } from "../../core/errors.js";
import { exists, listFolder, readText } from "../../core/files.js";
import { packageFolder, providerFolder, TENSORFLOW_PACKAGE, tensorflowFolder } from "./packages.js";

/** Where the system tells of its hardware; another root in tests. */
export interface System {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  /** Folder that stands for `/`. */
  readonly root: string;
}

/** This machine. */
export const THIS_SYSTEM: System = { platform: process.platform, arch: process.arch, root: "/" };

/** Names of the NVIDIA GPUs that the kernel's driver lists; empty without the driver. Under WSL one without a name. */
export function nvidiaGpus({ root }: System): string[] {
  const folder = join(root, "proc/driver/nvidia/gpus");
  const named = listFolder(folder).map((address) => {
    const path = join(folder, address, "information");
    return (exists(path) ? /^Model:\s*(.+)$/m.exec(readText(path))?.[1] : undefined) ?? "NVIDIA GPU";
  });
  return named.length === 0 && exists(join(root, "dev/dxg")) ? ["GPU of Windows"] : named;
}

/** PCI vendors of display devices, hexadecimal, that are hardware and not a virtual machine's screen. */
export function displayVendors({ root }: System): string[] {
  const folder = join(root, "sys/class/drm");
  const vendors = listFolder(folder)
    .filter((name) => name.startsWith("renderD"))
    .map((name) => join(folder, name, "device/vendor"))
    .filter((path) => exists(path))
    .map((path) => readText(path).trim());
  return [...new Set(vendors)].filter((vendor) => !VIRTUAL_VENDORS.includes(vendor));
}

/** QEMU, virtio, VMware, VirtualBox, Hyper-V: without a GPU of their own. */
const VIRTUAL_VENDORS: readonly string[] = ["0x1234", "0x1af4", "0x15ad", "0x80ee", "0x1414"];

/** A Vulkan driver that a process has loaded. */
export interface VulkanDriver {
  readonly name: string;
  /** Computes on the processor: lavapipe, SwiftShader. */
  readonly software: boolean;
}

/** The Vulkan drivers in a process's memory map (`/proc/self/maps`), by the names of their libraries. */
export function vulkanDrivers(maps: string): VulkanDriver[] {
  const pattern = /\/lib(?:vulkan_([a-z0-9]+)|(GLX_nvidia|EGL_nvidia)|(vk_swiftshader))\.so/g;
  const names = [...maps.matchAll(pattern)].map(([, mesa, nvidia, swift]) =>
    mesa !== undefined ? mesa : nvidia !== undefined ? "nvidia" : swift!,
  );
  return [...new Set(names)].map((name) => ({ name, software: name === "lvp" || name === "vk_swiftshader" }));
}

/** What a GPU device lacks, seen from the files of this machine alone and without loading anything; undefined: it may work. */
export function missingPart(device: string, system: System = THIS_SYSTEM): string | undefined {
  const { platform, arch } = system;
  if (device === "cuda") {
    if (arch !== "x64" || platform !== "linux") return "CUDA needs Linux on x64";
    if (nvidiaGpus(system).length === 0) return "no NVIDIA driver is loaded";
    const folder = providerFolder();
    if (folder === undefined) return "onnxruntime-node is not installed";
    const library = join(folder, "libonnxruntime_providers_cuda.so");
    return exists(library)
      ? undefined
      : "onnxruntime-node lacks its CUDA part: run `lawbook device setup cuda`";
  }
  if (device === "tfjs-gpu") {
    if (arch !== "x64" || platform !== "linux") return "TensorFlow's GPU build needs Linux on x64";
    if (nvidiaGpus(system).length === 0) return "no NVIDIA driver is loaded";
    if (packageFolder(TENSORFLOW_PACKAGE) === undefined)
      return `${TENSORFLOW_PACKAGE} is not installed, it is optional`;
    return tensorflowFolder() === undefined
      ? `${TENSORFLOW_PACKAGE} lacks its native part: run \`lawbook device setup tfjs-gpu\``
      : undefined;
  }
  if (platform === "linux" && displayVendors(system).length === 0 && nvidiaGpus(system).length === 0)
    return "no GPU is listed by the kernel";
  return undefined;
}

/** Throws where a GPU device lacks a part, before anything heavy is loaded. */
export function requireParts(device: string): void {
  const missing = missingPart(device);
  if (missing === undefined) return;
  throw new LawbookError("environment", `The device ${device} cannot be used here: ${missing}.`, {
    hint: "`lawbook device` lists the devices; `device: auto` takes one that works.",
  });
}
