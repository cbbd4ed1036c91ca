import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { describe, expect, it } from "vitest";

import {
  displayVendors,
  missingPart,
  nvidiaGpus,
  requireParts,
  type System,
  vulkanDrivers,
} from "../../../src/compute/devices/hardware.js";
import { readFinding } from "../../../src/compute/devices/probe.js";
import { makeTemporaryFolder } from "../../../src/core/files.js";

function system(files: Readonly<Record<string, string>>, platform: NodeJS.Platform = "linux"): System {
  const root = makeTemporaryFolder("hardware-");
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), text);
  }
  return { platform, arch: "x64", root };
}

const NVIDIA = {
  "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA H100 PCIe\nIRQ: 16\n",
};

describe("the hardware", () => {
  it("reads NVIDIA's GPUs from its driver, by model", () => {
    expect(nvidiaGpus(system(NVIDIA))).toEqual(["NVIDIA H100 PCIe"]);
    expect(nvidiaGpus(system({}))).toEqual([]);
    expect(nvidiaGpus(system({ "dev/dxg": "" }))).toEqual(["GPU of Windows"]);
    expect(nvidiaGpus(system({ "proc/driver/nvidia/gpus/a/other": "" }))).toEqual(["NVIDIA GPU"]);
  });

  it("counts a display device of real hardware and not a virtual machine's", () => {
    const card = (vendor: string): Record<string, string> => ({
      "sys/class/drm/renderD128/device/vendor": `${vendor}\n`,
      "sys/class/drm/card0/device/vendor": "0x10de\n",
    });
    expect(displayVendors(system(card("0x1002")))).toEqual(["0x1002"]);
    expect(displayVendors(system(card("0x1af4")))).toEqual([]);
    expect(displayVendors(system({}))).toEqual([]);
  });

  it("tells software Vulkan drivers from real ones in a memory map", () => {
    const line = (file: string): string =>
      `7f00-7f01 r-xp 00000000 08:01 1 /usr/lib/x86_64-linux-gnu/${file}\n`;
    expect(vulkanDrivers(line("libvulkan.so.1.3.239"))).toEqual([]);
    expect(vulkanDrivers(line("libvulkan_lvp.so") + line("libvulkan_lvp.so"))).toEqual([
      { name: "lvp", software: true },
    ]);
    expect(vulkanDrivers(line("libvk_swiftshader.so"))[0]!.software).toBe(true);
    const real = vulkanDrivers(
      line("libvulkan_lvp.so") + line("libvulkan_radeon.so") + line("libGLX_nvidia.so.0"),
    );
    expect(real.filter(({ software }) => !software).map(({ name }) => name)).toEqual(["radeon", "nvidia"]);
  });

  it("says what a device lacks, from the first part on", () => {
    expect(missingPart("cuda", system({}, "darwin"))).toBe("CUDA needs Linux on x64");
    expect(missingPart("cuda", system({}))).toBe("no NVIDIA driver is loaded");
    expect(missingPart("tfjs-gpu", system({}, "win32"))).toContain("needs Linux");
    expect(missingPart("tfjs-gpu", system({}))).toBe("no NVIDIA driver is loaded");
    expect(missingPart("webgpu", system({}))).toBe("no GPU is listed by the kernel");
    expect(missingPart("webgpu", system(NVIDIA))).toBeUndefined();
    expect(missingPart("webgpu", system({}, "darwin"))).toBeUndefined();
  });

  it("refuses a device that lacks a part before it loads a library", () => {
    const missing = missingPart("cuda");
    if (missing === undefined) expect(() => requireParts("cuda")).not.toThrow();
    else expect(() => requireParts("cuda")).toThrow(`The device cuda cannot be used here: ${missing}.`);
  });
});

describe("what a probe's child says", () => {
  const finding = {
    usable: true,
    automatic: true,
    reason: "NVIDIA H100; self-check differs by at most 2.0e-7",
  };
  const ended = { status: 0, signal: null, stdout: "", stderr: "" };

  it("is its last line", () => {
    expect(readFinding({ ...ended, stdout: `noise\n${JSON.stringify(finding)}\n` })).toEqual(finding);
  });

  it("is completed by what the native library complained about", () => {
    const stdout = JSON.stringify({
      usable: false,
      automatic: true,
      reason: "The device cuda cannot be used",
    });
    const stderr =
      "[E:onnxruntime] Failed to load library /a/b.so with error: libcudnn.so.9: cannot open shared object file: No such file\nbye\n";
    expect(readFinding({ ...ended, stdout, stderr })).toEqual({
      usable: false,
      automatic: false,
      reason: "The device cuda cannot be used: libcudnn.so.9: cannot open shared object file: No such file",
    });
  });

  it("is a failure where the child died, was too slow, or said nothing", () => {
    const died = readFinding({ ...ended, status: null, signal: "SIGSEGV", stdout: JSON.stringify(finding) });
    expect(died).toMatchObject({ usable: false, automatic: false });
    expect(died.reason).toContain("SIGSEGV");
    expect(readFinding({ ...ended, status: null, signal: "SIGKILL" }).reason).toContain("SIGKILL");
    expect(readFinding(ended).usable).toBe(false);
    expect(readFinding({ ...ended, status: 1, stderr: "x".repeat(999) }).reason.length).toBeLessThan(241);
  });
});
