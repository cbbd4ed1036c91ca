import { exists, readText } from "../../core/files.js";
import type { Device } from "../device.js";
import { cuda } from "./cuda.js";
import { nvidiaGpus, THIS_SYSTEM, vulkanDrivers } from "./hardware.js";
import type { Finding } from "./probe.js";
import { selfCheck } from "./self-check.js";
import { tfjsGpu } from "./tfjs.js";
import { webgpu } from "./webgpu.js";

// A child of `probe`: checks one device and prints what it found as a line of JSON.

async function look(device: Device): Promise<Finding> {
  const { worst, failed } = await selfCheck(device);
  if (failed !== undefined)
    return { usable: false, automatic: false, reason: `its self-check failed at ${failed}` };
  // The drivers are loaded now.
  const { real, name } = adapterOf(device);
  const check = `self-check differs by at most ${worst.toExponential(1)}`;
  return real
    ? { usable: true, automatic: true, reason: `${name}; ${check}` }
    : { usable: true, automatic: false, reason: `${name}, so \`auto\` passes it over; ${check}` };
}

function adapterOf({ name: device }: Device): { readonly real: boolean; readonly name: string } {
  if (device !== "webgpu") return { real: true, name: nvidiaGpus(THIS_SYSTEM).join(", ") };
  if (process.platform === "darwin") return { real: true, name: "Metal" };
  if (process.platform !== "linux" || !exists("/proc/self/maps"))
    return { real: false, name: "whether the adapter is a real one cannot be told here" };
  const drivers = vulkanDrivers(readText("/proc/self/maps"));
  const names = drivers.map(({ name }) => name).join(", ");
  return drivers.some(({ software }) => !software)
    ? { real: true, name: `Vulkan drivers: ${names}` }
    : { real: false, name: `only software drivers are loaded (${names})` };
}

function tell(finding: Finding): void {
  // A native library may hold the process open, or end it badly on the way out.
  process.stdout.write(`${JSON.stringify(finding)}\n`, () => process.exit(0));
}

const device = [cuda, tfjsGpu, webgpu].find(({ name }) => name === process.argv[2]);

look(device!).then(tell, (error: unknown) =>
  tell({ usable: false, automatic: false, reason: (error as Error).message.split("\n")[0]! }),
);
