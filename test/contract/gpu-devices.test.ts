import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import * as tf from "@tensorflow/tfjs";
import type { InferenceSession } from "onnxruntime-common";
import { describe, expect, it } from "vitest";

import { caseFeeds } from "../../src/compute/conformance/case.js";
import { CASES } from "../../src/compute/conformance/cases/list.js";
import type { CheckGroup } from "../../src/compute/conformance/check.js";
import { caseGraph, OPERATION_CHECKS } from "../../src/compute/conformance/operations.js";
import { SCATTER_CHECKS, STATE_CHECKS } from "../../src/compute/conformance/programs.js";
import type { Device } from "../../src/compute/device.js";
import { cpu } from "../../src/compute/devices/cpu.js";
import { DEVICE_NAMES, deviceState, findDevice, GPU_DEVICES } from "../../src/compute/devices/list.js";
import { nativeRuntime, type OnnxRuntime, providerFolder } from "../../src/compute/devices/packages.js";
import { bytesWith, compileResident, openPlaced, type Provider } from "../../src/compute/devices/provider.js";
import { missingPart } from "../../src/compute/devices/hardware.js";
import { readFinding } from "../../src/compute/devices/probe.js";
import { selfCheck } from "../../src/compute/devices/self-check.js";
import { compileTfjs } from "../../src/compute/devices/tfjs.js";
import { WEBGPU_FACES } from "../../src/compute/devices/webgpu-faces.js";
import { Graph, operation } from "../../src/compute/graph.js";
import type { Emitter } from "../../src/compute/onnx.js";
import { liveCalls } from "../../src/compute/onnx.js";
import { add, multiply } from "../../src/compute/ops/elementwise.js";
import { argMax } from "../../src/compute/ops/reduce.js";
import { relu } from "../../src/compute/ops/relu.js";
import { runProgram } from "../../src/core/process.js";
import { checkDevice, DEVICE_CHECKS, startWeights, trainSmall } from "../../src/train/conformance.js";
import { miscompiled, negated } from "../support/broken-device.js";

const runtime = nativeRuntime() as OnnxRuntime;

/** The program of tfjs-gpu on the tfjs backend that is here. */
const tfjsCpu: Device = {
  name: "tfjs-cpu",
  determinism: "tolerance",
  compile: (graph) => compileTfjs({ tf, backend: "cpu" }, graph),
};

const WEBGPU: Provider = { name: "webgpu", faces: WEBGPU_FACES };

function openOnCpu(bytes: Uint8Array): Promise<InferenceSession> {
  return runtime.InferenceSession.create(bytes, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "basic",
  });
}

/** The nodes and the program of webgpu on the provider that is here. */
const webgpuOnCpu: Device = {
  name: "webgpu on the processor",
  determinism: "this-machine",
  compile: (graph) => compileResident(runtime, openOnCpu, WEBGPU, graph),
};

async function failures(device: Device, groups: readonly CheckGroup[]): Promise<string[]> {
  const { checks } = await checkDevice(device, { groups });
  return checks.filter(({ passed }) => !passed).map(({ name, detail }) => `${name}: ${detail}`);
}

describe("the tfjs program", () => {
  it("passes the checks of operations, repeated rows and state, and leaves no tensor behind", async () => {
    await tf.setBackend("cpu");
    const before = tf.memory().numTensors;
    expect(await failures(tfjsCpu, [...OPERATION_CHECKS, SCATTER_CHECKS, STATE_CHECKS])).toEqual([]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("trains as the device cpu does", async () => {
    const options = { steps: 3, lr: 0.01, weights: startWeights() };
    const { losses } = await trainSmall(tfjsCpu, 1, options);
    const expected = (await trainSmall(cpu, 1, options)).losses;
    losses.forEach((loss, step) => expect(Math.abs(loss / expected[step]! - 1)).toBeLessThan(1e-5));
  });

  it("holds as many tensors after many runs as after one", async () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [3]);
    graph.carry("x", add(multiply(x, graph.scalar(2)), graph.input("k", "float32", [3])));
    graph.output("y", relu(x));
    const program = await tfjsCpu.compile(graph);
    program.load({ x: Float32Array.of(1, 2, 3) });
    const k = Float32Array.of(1, 1, 1);
    await program.run({ k });
    const held = tf.memory().numTensors;
    for (let run = 0; run < 30; run++) await program.run({ k });
    expect(tf.memory().numTensors).toBe(held);
    await program.dispose();
  });

  it("keeps what an operation hands back unchanged, and frees all after an error", async () => {
    const same = operation<Record<string, never>>("same", {
      infer: ([x]) => [{ type: "float32", shape: x!.shape }],
      onnx: (emit, inputs, outputs) => emit.node("Identity", inputs, outputs),
      tfjs: (_tf, [x]) => [x!],
    });
    const broken = operation<Record<string, never>>("broken", {
      infer: ([x]) => [{ type: "float32", shape: x!.shape }],
      onnx: (emit, inputs, outputs) => emit.node("Identity", inputs, outputs),
      tfjs: () => {
        throw new Error("no such kernel");
      },
    });
    const graph = new Graph();
    const x = graph.input("x", "float32", [2]);
    const y = same([x], {})[0]!;
    graph.output("y", add(add(y, y), x));
    const program = await tfjsCpu.compile(graph);
    for (let run = 0; run < 2; run++)
      expect([...(await program.run({ x: Float32Array.of(1, 2) }))["y"]!]).toEqual([3, 6]);
    await program.dispose();
    const failing = new Graph();
    failing.output("y", broken([relu(failing.input("x", "float32", [2]))], {})[0]!);
    const before = tf.memory().numTensors;
    const second = await tfjsCpu.compile(failing);
    await expect(second.run({ x: Float32Array.of(1, 2) })).rejects.toThrow("no such kernel");
    await second.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });

  it("says which input has no or wrong values", async () => {
    const graph = new Graph();
    graph.output("y", relu(graph.input("x", "float32", [2])));
    const program = await tfjsCpu.compile(graph);
    await expect(program.run({})).rejects.toThrow("Input x was given no values");
    await expect(program.run({ x: Float32Array.of(1) })).rejects.toThrow("Input x has 1 values, expected 2");
    expect(() => program.load({ z: Float32Array.of(1) })).toThrow("no input z");
    await program.dispose();
  });
});

describe("the program of a provider", () => {
  it("passes the whole suite with the nodes of webgpu, on the processor", async () => {
    expect(await failures(webgpuOnCpu, DEVICE_CHECKS)).toEqual([]);
  });

  it("names the operations that cannot be placed", async () => {
    const graph = new Graph();
    const x = graph.input("x", "float32", [3, 4]);
    graph.output("y", add(relu(x), x));
    graph.output("i", argMax(x));
    // A session without any provider and without fall-back places nothing.
    const nothing = (bytes: Uint8Array): Promise<InferenceSession> =>
      runtime.InferenceSession.create(bytes, {
        executionProviders: [],
        logSeverityLevel: 4,
        extra: { session: { disable_cpu_ep_fallback: "1" } },
      });
    await expect(openPlaced(nothing, { name: "nowhere", faces: {} }, graph)).rejects.toThrow(
      "The device nowhere cannot place these operations: add, argMax, relu.",
    );
    // One that lacks a single kernel refuses what needs it, and that alone is named.
    const lacking = async (bytes: Uint8Array): Promise<InferenceSession> => {
      if (Buffer.from(bytes).includes("ArgMax")) return nothing(bytes);
      return openOnCpu(bytes);
    };
    await expect(openPlaced(lacking, { name: "almost", faces: {} }, graph)).rejects.toThrow(
      "The device almost cannot place these operations: argMax.",
    );
  });

  it("does not call another failure a matter of placement", async () => {
    const graph = new Graph();
    graph.output("y", relu(graph.input("x", "float32", [2])));
    const absent = (): Promise<InferenceSession> => Promise.reject(new Error("No supported adapters\n"));
    await expect(openPlaced(absent, WEBGPU, graph)).rejects.toThrow(
      "The device webgpu cannot be used: No supported adapters",
    );
  });
});

/** What the ONNX faces of a graph's operations write, with the operation that does. */
function nodesOf(graph: Graph, faces: Provider["faces"]): { operation: string; type: string; to: unknown }[] {
  const nodes: { operation: string; type: string; to: unknown }[] = [];
  for (const call of liveCalls(graph)) {
    let count = 0;
    const emit: Emitter = {
      node: (type, _inputs, _outputs, attributes = {}) =>
        nodes.push({ operation: call.operation.name, type, to: attributes["to"] }),
      temporary: () => `t${count++}`,
      integers: (values) => `i${values.join()}`,
      scalar: (value) => `f${value}`,
      dataType: (type) => ({ float32: 1, int32: 6, int64: 7, bool: 9 })[type],
    };
    const names = (tensors: readonly unknown[]): string[] => tensors.map((_, index) => `x${index}`);
    (faces[call.operation.name] ?? call.operation.onnx)(emit, names(call.inputs), names(call.outputs), call);
  }
  return nodes;
}

describe.skipIf(process.platform !== "linux" || process.arch !== "x64")("the nodes of webgpu", () => {
  const library = readFileSync(join(providerFolder()!, "libonnxruntime.so.1")).toString("latin1");
  const kernels = new Set(
    [...library.matchAll(/N11onnxruntime(?:7contrib)?6webgpu\d+([A-Za-z]+)E/g)].map(([, name]) => name),
  );
  const used = CASES.flatMap((one) => nodesOf(caseGraph(one), WEBGPU_FACES));

  it("all have kernels in the library that is installed", () => {
    expect(kernels.has("MatMul") && !kernels.has("FusedMatMul")).toBe(true);
    const without = used.filter(({ type }) => !kernels.has(type));
    expect(without).toEqual([]);
    expect(used.length).toBeGreaterThan(200);
  });

  it("give no int64, which the provider leaves to the processor", () => {
    const wide = used.filter(
      ({ type, to }) => to === 7 || ["ArgMax", "TopK", "Shape", "Size"].includes(type),
    );
    expect(wide).toEqual([]);
  });

  it("would be refused as the operations write them for the processor", () => {
    const plain = CASES.flatMap((one) => nodesOf(caseGraph(one), {}));
    const without = plain.filter(({ type }) => !kernels.has(type)).map(({ type }) => type);
    expect([...new Set(without)].sort()).toEqual(
      expect.arrayContaining(["ConstantOfShape", "FusedMatMul", "ReduceL2"]),
    );
  });
});

describe("the self-check before `auto` takes a device", () => {
  it("passes where all is right and says how close", async () => {
    const { worst, failed } = await selfCheck(cpu);
    expect(failed).toBeUndefined();
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(1e-5);
  });

  it.each(["matmul", "softmax", "rmsNorm", "linearCrossEntropy", "scatterAddRows", "rotary", "gatherRows"])(
    "fails where %s is wrong",
    async (operation) => {
      expect((await selfCheck(miscompiled(cpu, operation, negated))).failed).toBeDefined();
    },
  );

  it("is printed by the child as one line of JSON", () => {
    const script = fileURLToPath(new URL("../../src/compute/devices/probe-child.ts", import.meta.url));
    const finished = runProgram(process.execPath, ["--import", "tsx", script, "webgpu"], {
      timeoutMs: 60_000,
    });
    const finding = readFinding(finished);
    expect(finished.status).toBe(0);
    const missing = missingPart("webgpu");
    if (missing === undefined) expect(finding.reason).not.toBe("");
    else expect(finding).toMatchObject({ usable: false, reason: expect.stringContaining(missing) as string });
  });
});

describe("the GPU devices here", () => {
  it("are known by name, and one that cannot be used says so before anything runs", async () => {
    expect(DEVICE_NAMES).toEqual(["cuda", "tfjs-gpu", "webgpu", "cpu", "reference"]);
    for (const device of GPU_DEVICES) {
      expect(findDevice(device.name)).toBe(device);
      const { usable, automatic, reason } = deviceState(device);
      expect(reason, device.name).not.toBe("");
      if (usable) continue;
      expect(automatic).toBe(false);
      const graph = new Graph();
      graph.output("y", relu(graph.input("x", "float32", [2])));
      await expect(device.compile(graph)).rejects.toMatchObject({ code: "environment" });
    }
  });

  it("write other bytes only where a face is replaced", () => {
    const graph = new Graph();
    graph.output("y", relu(graph.input("x", "float32", [2])));
    expect(bytesWith(graph, WEBGPU_FACES)).toEqual(bytesWith(graph, {}));
    const one = CASES.find(({ name }) => name.startsWith("rotary"))!;
    expect(bytesWith(caseGraph(one), WEBGPU_FACES)).not.toEqual(bytesWith(caseGraph(one), {}));
    expect(Object.keys(caseFeeds(one))).toContain("positions");
  });
});
