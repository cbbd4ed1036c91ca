import { beforeAll, describe, expect, it, vi } from "vitest";

import { CASES } from "../../src/compute/conformance/cases/list.js";
import type { CheckGroup, CheckResult } from "../../src/compute/conformance/check.js";
import { caseChecks, caseGraph } from "../../src/compute/conformance/operations.js";
import { SCATTER_CHECKS, STATE_CHECKS } from "../../src/compute/conformance/programs.js";
import type { Device } from "../../src/compute/device.js";
import { cpu } from "../../src/compute/devices/cpu.js";
import { DEVICES, deviceState, GPU_DEVICES } from "../../src/compute/devices/list.js";
import { webRuntime } from "../../src/compute/devices/packages.js";
import { reference } from "../../src/compute/devices/reference.js";
import type { OperationFaces } from "../../src/compute/graph.js";
import { liveCalls, onnxBytes } from "../../src/compute/onnx.js";
import { negate } from "../../src/compute/ops/elementwise.js";
import { compileOn } from "../../src/compute/program.js";
import {
  checkDevice,
  DEVICE_CHECKS,
  type DeviceReport,
  TRAINING_CHECKS,
  TRAINING_NAMES,
} from "../../src/train/conformance.js";
import { miscompiled, negated, spoiled } from "../support/broken-device.js";
import { allOperations, declaredOperations } from "../support/operation-names.js";

const USABLE = [...GPU_DEVICES, ...DEVICES].filter((device) => deviceState(device).usable);
const NAMES = DEVICE_CHECKS.flatMap(({ checks }) => checks);

describe.each(USABLE)("the device $name", (device) => {
  let report: DeviceReport;
  beforeAll(async () => {
    report = await checkDevice(device);
  });

  it.each(NAMES)("%s", (name) => {
    const found = report.checks.filter((check) => check.name === name);
    expect(found).toHaveLength(1);
    expect(found[0]!.passed, found[0]!.detail).toBe(true);
  });

  it("says what was measured and passes only with all checks", () => {
    expect(report.checks.map(({ name }) => name)).toEqual(NAMES);
    expect(report.passed).toBe(report.checks.every(({ passed }) => passed));
    for (const { name, detail } of report.checks) expect(detail, name).not.toBe("");
  });
});

describe("the suite", () => {
  it("has every operation that src/compute/ops declares, and check names that differ", () => {
    const covered = new Set(CASES.flatMap((one) => liveCalls(caseGraph(one)).map(nameOf)));
    expect([...covered].sort()).toEqual([...new Set(allOperations())].sort());
    expect(covered.size).toBeGreaterThan(30);
    expect(new Set(NAMES).size).toBe(NAMES.length);
  });

  it("finds operations in source text however they are declared", () => {
    const text = `
      const one = operation<Record<string, never>>("one", {});
      const two = operation<{ readonly a: number; readonly b: readonly number[] }>("two", {});
      export const three: Binary = binary(
        "three", "Three");
      const four = operation("four", {});
      function operation<Attributes>(name: string) { reshape("none"); }`;
    expect(declaredOperations(text)).toEqual(["one", "two", "three", "four"]);
  });
});

/** The failed checks of some groups on a device. */
async function failures(device: Device, groups: readonly CheckGroup[], threads = 2): Promise<CheckResult[]> {
  const { checks, passed } = await checkDevice(device, { groups, threads });
  const failed = checks.filter((check) => !check.passed);
  expect(passed).toBe(failed.length === 0);
  return failed;
}

async function failedNames(device: Device, ...groups: readonly CheckGroup[]): Promise<string[]> {
  return (await failures(device, groups)).map(({ name }) => name);
}

function nameOf({ operation }: { readonly operation: { readonly name: string } }): string {
  return operation.name;
}

function casesOf(operation: string): typeof CASES {
  return CASES.filter((one) => liveCalls(caseGraph(one)).some((call) => nameOf(call) === operation));
}

describe("an operation that a device gets wrong is caught", () => {
  it.each([...new Set(allOperations())])("%s with its sign turned", async (operation) => {
    const device = miscompiled(cpu, operation, negated);
    const failed = await failures(device, casesOf(operation).map(caseChecks));
    expect(failed.length).toBeGreaterThan(0);
    for (const { detail } of failed) expect(detail).not.toContain("cannot be run");
  });

  const withRule = [
    ...new Set(CASES.flatMap((one) => caseGraph(one).calls.map(({ operation }) => operation))),
  ]
    .filter(
      ({ gradient, name }) => gradient !== undefined && !["chooseExperts", "withinCapacity"].includes(name),
    )
    .map((operation) => ({ name: operation.name, operation }));

  it.each(withRule)("$name with a gradient of the wrong sign", async ({ name, operation }) => {
    const right = operation.gradient!;
    const rule = vi
      .spyOn(operation as Required<OperationFaces<unknown>>, "gradient")
      .mockImplementation((call, outputGradients, needs) => {
        const gradients = right(call, outputGradients, needs);
        const turned = gradients.findIndex(
          (gradient, index) => gradient !== undefined && needs[index] === true,
        );
        // The rule of negate is a negation itself.
        return name === "negate"
          ? outputGradients
          : gradients.map((gradient, index) => (index === turned ? negate(gradient!) : gradient));
      });
    try {
      const own = casesOf(name).filter(({ differentiable }) => differentiable !== false);
      const failed = await failedNames(cpu, ...own.map(caseChecks));
      expect(failed.some((check) => check.endsWith("gradients"))).toBe(true);
      expect(failed.filter((check) => check.endsWith("values"))).toEqual([]);
    } finally {
      rule.mockRestore();
    }
  });

  it("a device whose results are all zeros", async () => {
    const zeros = spoiled(cpu, (program) => ({
      run: async (inputs) => {
        const results = await program.run(inputs);
        return Object.fromEntries(
          Object.entries(results).map(([name, values]) => [name, values.map(() => 0)]),
        );
      },
    }));
    const failed = await failedNames(zeros, ...DEVICE_CHECKS);
    for (const one of CASES.filter(({ name }) => !/log1mexp, nearly certain/.test(name)))
      expect(failed, one.name).toContain(`${one.name}: values`);
    expect(failed).toEqual(expect.arrayContaining([...SCATTER_CHECKS.checks, TRAINING_NAMES.learns]));
    expect(failed).toContain(TRAINING_NAMES.losses);
  });

  it("a device that shows NaN as a number", async () => {
    const hiding = spoiled(cpu, (program) => ({
      run: async (inputs) => {
        const results = await program.run(inputs);
        return Object.fromEntries(
          Object.entries(results).map(([name, values]) => [
            name,
            values.map((x) => (Number.isNaN(x) ? 0.5 : x)),
          ]),
        );
      },
    }));
    const failed = await failedNames(hiding, ...DEVICE_CHECKS);
    const shown = CASES.filter(({ choices, name }) => choices?.[0] === undefined || /softmax/.test(name));
    for (const { name } of shown) expect(failed, name).toContain(`${name}: NaN stays NaN`);
    expect(failed).toContain(TRAINING_NAMES.poisoned);
    expect(failed).toContain(TRAINING_NAMES.diverged);
    expect(failed.filter((name) => /values|gradients/.test(name))).toEqual([]);
  });

  it("a device that chooses outside of the range when it meets NaN", async () => {
    const astray = spoiled(cpu, (program) => ({
      run: async (inputs) => {
        const results = await program.run(inputs);
        const poisoned = Object.values(inputs).some((values) => values.some(Number.isNaN));
        return poisoned ? { ...results, y0: results["y0"]!.map(() => -1) } : results;
      },
    }));
    const failed = await failedNames(astray, ...casesOf("argMax").map(caseChecks));
    expect(failed).toEqual(["argMax, the first of equal ones: NaN stays NaN"]);
  });
});

describe("a program that a device runs wrongly is caught", () => {
  it("repeated rows that overwrite each other", async () => {
    const dropping = miscompiled(cpu, "scatterAddRows", () => (emit, [rows, updates], outputs, call) => {
      const [count, width] = call.inputs[1]!.shape as [number, number];
      const [size] = call.outputs[0]!.shape as [number, number];
      const [zero, column, index] = [emit.temporary(), emit.temporary(), emit.temporary()];
      emit.node("ConstantOfShape", [emit.integers([size, width])], [zero]);
      emit.node("Reshape", [rows!, emit.integers([count, 1])], [column]);
      emit.node("Expand", [column, emit.integers([count, width])], [index]);
      emit.node("ScatterElements", [zero, index, updates!], outputs, { axis: 0 });
    });
    expect(await failedNames(dropping, SCATTER_CHECKS)).toEqual(SCATTER_CHECKS.checks);
  });

  it("the race of ScatterND in onnxruntime, on two threads and not on one", async () => {
    const racing = miscompiled(cpu, "scatterAddRows", () => (emit, [rows, updates], outputs, call) => {
      const [count, width] = call.inputs[1]!.shape as [number, number];
      const [size] = call.outputs[0]!.shape as [number, number];
      const [zero, column, index] = [emit.temporary(), emit.temporary(), emit.temporary()];
      emit.node("ConstantOfShape", [emit.integers([size, width])], [zero]);
      emit.node("Reshape", [rows!, emit.integers([count, 1])], [column]);
      emit.node("Cast", [column], [index], { to: emit.dataType("int64") });
      emit.node("ScatterND", [zero, index, updates!], outputs, { reduction: "add" });
    });
    // On a busy machine the two threads do not always meet; the fixture above is the one that always does.
    let caught = 0;
    for (let attempt = 0; attempt < 25 && caught === 0; attempt++)
      caught = (await failures(racing, [SCATTER_CHECKS], 2)).length;
    expect(caught).toBeGreaterThan(0);
    expect(await failures(racing, [SCATTER_CHECKS], 1)).toEqual([]);
  });

  it("outputs given to onnxruntime-web, which leaves them unfilled", async () => {
    // Sets up the package with the checked module and two threads.
    await failedNames(reference, STATE_CHECKS);
    const runtime = webRuntime();
    const unfilled: Device = {
      name: "unfilled",
      determinism: "this-machine",
      compile: (graph) =>
        compileOn(
          {
            Tensor: runtime.Tensor,
            create: (bytes) =>
              runtime.InferenceSession.create(bytes, {
                executionProviders: ["wasm"],
                graphOptimizationLevel: "disabled",
              }),
            preallocates: true,
          },
          graph,
          onnxBytes(graph),
        ),
    };
    expect(await failedNames(unfilled, STATE_CHECKS)).toContain(
      "carried state: each run continues from the last",
    );
    const failed = await failedNames(unfilled, TRAINING_CHECKS);
    expect(failed).toContain(TRAINING_NAMES.losses);
    expect(failed).toContain(TRAINING_NAMES.learns);
  });

  it("state that is forgotten between runs", async () => {
    const forgetful = spoiled(cpu, (program) => {
      let loaded = {};
      return {
        load: (state) => {
          loaded = { ...loaded, ...state };
          program.load(state);
        },
        run: (inputs) => {
          program.load(loaded);
          return program.run(inputs);
        },
      };
    });
    const failed = await failedNames(forgetful, STATE_CHECKS, TRAINING_CHECKS);
    expect(failed).toContain("carried state: each run continues from the last");
    expect(failed).toContain(TRAINING_NAMES.losses);
  });

  it("state that is shown instead of copied", async () => {
    const sharing = spoiled(cpu, (program) => {
      let shown: Record<string, Float32Array> | undefined;
      return {
        run: async (inputs) => {
          const results = await program.run(inputs);
          const current = await program.state();
          for (const [name, values] of Object.entries(shown ?? {})) values.set(current[name]!);
          return results;
        },
        state: async () => (shown ??= await program.state()),
      };
    });
    expect(await failedNames(sharing, STATE_CHECKS)).toContain(
      "carried state: what is given is copied, what is returned stays",
    );
  });

  it("weights whose last bit differs from run to run", async () => {
    let draws = 0;
    const unsteady = spoiled(cpu, (program) => ({
      state: async () => {
        const state = await program.state();
        draws++;
        for (const values of Object.values(state)) values[0]! *= 1 + draws * 2 ** -23;
        return state;
      },
    }));
    expect(await failedNames(unsteady, TRAINING_CHECKS)).toEqual([TRAINING_NAMES.determinism]);
  });

  it("bytes of this machine that are promised everywhere", async () => {
    const boasting = spoiled(cpu, () => ({}), { determinism: "everywhere" });
    const failed = await failures(boasting, [TRAINING_CHECKS]);
    expect(failed.map(({ name }) => name)).toEqual([TRAINING_NAMES.determinism]);
    expect(failed[0]!.detail).toContain("twice the same bytes, but got");
  });

  it("losses a thousandth off, also where bytes are not promised", async () => {
    const drifting = spoiled(
      cpu,
      (program) => ({
        run: async (inputs) => {
          const results = await program.run(inputs);
          return "loss" in results ? { ...results, loss: results["loss"].map((x) => x * 1.001) } : results;
        },
      }),
      { determinism: "tolerance" },
    );
    expect(await failedNames(drifting, TRAINING_CHECKS)).toEqual([TRAINING_NAMES.losses]);
  });

  it("an operation that the device cannot compile, by name, without ending the suite", async () => {
    const unable: Device = {
      name: "unable",
      determinism: "tolerance",
      compile: (graph, options) =>
        graph.calls.some(({ operation }) => operation.name === "rotary")
          ? Promise.reject(new Error("No kernel for rotary."))
          : cpu.compile(graph, options),
    };
    const groups = [...casesOf("rotary"), ...casesOf("relu")].map(caseChecks);
    const failed = await failures(unable, groups);
    expect(failed.length).toBe(3);
    for (const { detail } of failed) expect(detail).toBe("cannot be run: No kernel for rotary.");
  });
});
