import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { deviceCommand } from "../../../src/commands/device.js";
import { cudaRequirements, unpackWheel } from "../../../src/commands/device-setup.js";
import { showExamined } from "../../../src/commands/device-report.js";
import { doctorCommand } from "../../../src/commands/doctor.js";
import type { CommandContext } from "../../../src/commands/command.js";
import { missingPart } from "../../../src/compute/devices/hardware.js";
import { listFiles, makeTemporaryFolder, readText } from "../../../src/core/files.js";
import { runProgram } from "../../../src/core/process.js";
import type { DeviceReport } from "../../../src/train/conformance.js";

const context: CommandContext = {
  cwd: ".",
  root: ".",
  home: ".",
  env: {},
  signal: new AbortController().signal,
  progress: () => {},
};

function run(...positionals: string[]): ReturnType<typeof deviceCommand.run> {
  return deviceCommand.run({ flags: {}, positionals }, context);
}

describe("lawbook device", () => {
  it("lists all devices with reasons, or one", async () => {
    const all = await run();
    expect(all.devices.map(({ name }) => name)).toEqual(["cuda", "tfjs-gpu", "webgpu", "cpu", "reference"]);
    const { text, exitCode } = await deviceCommand.show(all);
    expect(text).toContain(`auto: ${all.auto}`);
    for (const { reason } of all.devices) expect(text).toContain(reason);
    expect(exitCode).toBeUndefined();
    expect((await run("reference")).devices.map(({ name }) => name)).toEqual(["reference"]);
  });

  it.each([
    [["gpu"], 'Unknown device: got "gpu"'],
    [["cpu", "cuda"], "takes one name: got cpu and cuda"],
    [["setup"], "needs a device: tfjs-gpu or cuda"],
    [["setup", "cpu"], 'Unknown device with a set-up: got "cpu"'],
  ])("%j is one clear error", async (words, message) => {
    await expect(run(...words)).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining(message) as string,
    });
  });

  it("ends with 32 after a set-up that did not help", async () => {
    const finding = { usable: false, automatic: false, reason: "no NVIDIA driver is loaded" };
    const setup = { device: "tfjs-gpu", folder: "there", finding };
    const shown = await deviceCommand.show({ devices: [], auto: "cpu", setup });
    expect(shown.exitCode).toBe(32);
    expect(shown.text).toContain("Fetched for tfjs-gpu: there");
    const working = { ...setup, finding: { ...finding, usable: true } };
    expect((await deviceCommand.show({ devices: [], auto: "cpu", setup: working })).exitCode).toBeUndefined();
  });

  it("asks for the CUDA wheels that TensorFlow's metadata names, and for no others", () => {
    const metadata = [
      "Requires-Dist: numpy>=1.26.0",
      'Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
      "Requires-Dist: nvidia-cudnn-cu12 (<10.0,>=9.3) ; extra == 'and-cuda'",
      'Requires-Dist: nvidia-other; extra == "dev"',
    ].join("\n");
    expect(cudaRequirements(metadata)).toEqual([
      "nvidia-cublas-cu12<13.0,>=12.5.3.2",
      "nvidia-cudnn-cu12<10.0,>=9.3",
    ]);
  });
});

describe.skipIf(runProgram("python3", ["--version"]).status !== 0)("a wheel of TensorFlow", () => {
  it("gives its two libraries, the C headers and its metadata, and nothing else", async () => {
    const folder = makeTemporaryFolder("wheel-");
    const wheel = join(folder, "tensorflow-2.whl");
    const members = [
      "tensorflow/libtensorflow_cc.so.2",
      "tensorflow/libtensorflow_framework.so.2",
      "tensorflow/include/tensorflow/c/c_api.h",
      "tensorflow/include/xla/tsl/c/tsl_status.h",
      "tensorflow/include/tensorflow/core/framework/op.h",
      "tensorflow/python/x.py",
      "tensorflow-2.dist-info/METADATA",
    ];
    const pack =
      "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z: [z.writestr(n, n) for n in sys.argv[2:]]";
    expect(runProgram("python3", ["-c", pack, wheel, ...members]).status).toBe(0);
    await unpackWheel(wheel, join(folder, "out"), context);
    expect(listFiles(join(folder, "out"))).toEqual([
      "METADATA",
      "include/tensorflow/c/c_api.h",
      "include/xla/tsl/c/tsl_status.h",
      "lib/libtensorflow_cc.so.2",
      "lib/libtensorflow_framework.so.2",
    ]);
    expect(readText(join(folder, "out", "METADATA"))).toBe("tensorflow-2.dist-info/METADATA");
  });

  it("that is none is an error with what Python said", async () => {
    const folder = makeTemporaryFolder("wheel-");
    await expect(unpackWheel(join(folder, "none.whl"), folder, context)).rejects.toMatchObject({
      code: "environment",
      message: expect.stringContaining("No such file") as string,
    });
  });
});

describe("lawbook doctor --devices", () => {
  const report: DeviceReport = {
    device: "cpu",
    determinism: "this-machine",
    threads: 2,
    passed: true,
    checks: [
      { name: "add, rows: values", passed: true, detail: "close", measured: 2e-7, tolerance: 1e-5 },
      { name: "add, rows: gradients", passed: true, detail: "close", measured: 1e-6, tolerance: 5e-5 },
    ],
  };
  const state = {
    name: "cpu",
    determinism: "this-machine",
    usable: true,
    automatic: true,
    reason: "native",
  } as const;

  it("shows one row per operation with its worst figure, and ends with 0 when all passed", () => {
    const { text, exitCode } = showExamined([{ ...state, report }]);
    expect(exitCode).toBe(0);
    expect(text).toContain("cpu: 2 of 2 checks passed");
    expect(text).toMatch(/^add +2 +2 +2\.0e-7 +1\.0e-5$/m);
  });

  it("shows every failed check in full and ends with 31", () => {
    const checks = [...report.checks, { name: "relu: values", passed: false, detail: "got 1, expected 2" }];
    const { text, exitCode } = showExamined([{ ...state, report: { ...report, passed: false, checks } }]);
    expect(exitCode).toBe(31);
    expect(text).toContain("FAILED  relu: values\n        got 1, expected 2");
  });

  it("says why a device was not checked; that alone is no failure", () => {
    const { text, exitCode } = showExamined([{ ...state, name: "cuda", usable: false, reason: "no driver" }]);
    expect(text).toBe("cuda: not checked; no driver");
    expect(exitCode).toBe(0);
  });

  it.skipIf(missingPart("cuda") === undefined)(
    "refuses a named device that cannot be used here",
    async () => {
      const asked = doctorCommand.run({ flags: { device: "cuda" }, positionals: [] }, context);
      await expect(asked).rejects.toMatchObject({ code: "environment" });
      const unknown = doctorCommand.run({ flags: { device: "gpu" }, positionals: [] }, context);
      await expect(unknown).rejects.toMatchObject({ code: "usage" });
    },
  );
});
