import { unknownName } from "../../core/errors.js";
import type { Device } from "../device.js";
import { cpu } from "./cpu.js";
import { cuda } from "./cuda.js";
import { nativeRuntime } from "./packages.js";
import { probe } from "./probe.js";
import { reference } from "./reference.js";
import { tfjsGpu } from "./tfjs.js";
import { webgpu } from "./webgpu.js";

/** The devices that need no GPU, fastest first. */
export const DEVICES: readonly Device[] = [cpu, reference];

/** The devices that need one, in the order in which `auto` tries them. */
export const GPU_DEVICES: readonly Device[] = [cuda, tfjsGpu, webgpu];

const ALL: readonly Device[] = [...GPU_DEVICES, ...DEVICES];

/** Names of all devices, usable here or not. */
export const DEVICE_NAMES: readonly string[] = ALL.map(({ name }) => name);

/**
 * The device of a name; `auto` is the first one here that computes right, and of GPUs only a real one. Throws `usage` for
 * an unknown name. A device that is named is not looked at: it says what it lacks when it compiles.
 */
export function findDevice(name: string): Device {
  if (name === "auto") return ALL.find((device) => deviceState(device).automatic)!;
  const device = ALL.find((candidate) => candidate.name === name);
  if (device === undefined) throw unknownName("device", name, [...DEVICE_NAMES, "auto"]);
  return device;
}

/** Why a device can or cannot be used here. */
export interface DeviceState {
  readonly name: string;
  readonly determinism: Device["determinism"];
  readonly usable: boolean;
  /** May `auto` choose it? */
  readonly automatic: boolean;
  readonly reason: string;
}

/** The devices of this machine in the order in which `auto` tries them, each with the reason why it is or is not usable. */
export function deviceStates(): DeviceState[] {
  return ALL.map(deviceState);
}

/** What this machine says of a device. */
export function deviceState(device: Device): DeviceState {
  const { name, determinism } = device;
  if (GPU_DEVICES.includes(device)) return { name, determinism, ...probe(name) };
  const native = nativeRuntime();
  if (device === cpu && native instanceof Error) {
    const reason = `onnxruntime-node cannot be loaded: ${native.message}`;
    return { name, determinism, usable: false, automatic: false, reason };
  }
  return { name, determinism, usable: true, automatic: true, reason: REASONS[name]! };
}

const REASONS: Readonly<Record<string, string>> = {
  cpu: "native code on this processor; bytes repeat on this machine",
  reference: "WebAssembly without relaxed SIMD; the same bytes on every machine",
};
