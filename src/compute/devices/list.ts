import { unknownName } from "../../core/errors.js";
import type { Device } from "../device.js";
import { cpu } from "./cpu.js";
import { nativeRuntime } from "./packages.js";
import { reference } from "./reference.js";

/** All devices, fastest first. */
export const DEVICES: readonly Device[] = [cpu, reference];

/** The device of a name; `auto` is the fastest usable one here. Throws `usage` for an unknown name. */
export function findDevice(name: string): Device {
  const chosen = name === "auto" ? deviceStates().find(({ usable }) => usable)!.name : name;
  const device = DEVICES.find((candidate) => candidate.name === chosen);
  if (device === undefined)
    throw unknownName("device", name, [...DEVICES.map((candidate) => candidate.name), "auto"]);
  return device;
}

/** Why a device can or cannot be used here. */
export interface DeviceState {
  readonly name: string;
  readonly determinism: Device["determinism"];
  readonly usable: boolean;
  readonly reason: string;
}

/** The devices of this machine, fastest first, each with the reason why it is or is not usable. */
export function deviceStates(): DeviceState[] {
  const native = nativeRuntime();
  return DEVICES.map(({ name, determinism }) =>
    name === "cpu" && native instanceof Error
      ? { name, determinism, usable: false, reason: `onnxruntime-node cannot be loaded: ${native.message}` }
      : { name, determinism, usable: true, reason: REASONS[name]! },
  );
}

const REASONS: Readonly<Record<string, string>> = {
  cpu: "native code on this processor; bytes repeat on this machine",
  reference: "WebAssembly without relaxed SIMD; the same bytes on every machine",
};
