import { join } from "node:path";

import { LawbookError } from "../core/errors.js";
import { listFolder, remove, writeAtomic } from "../core/files.js";
import { Graph } from "../compute/graph.js";
import { DEVICES, type DeviceState, deviceStates } from "../compute/devices/list.js";
import { ENGINE } from "../compute/engine.js";
import { linear } from "../compute/ops/matmul.js";
import { softmax } from "../compute/ops/softmax.js";
import { verify } from "../data/manifest.js";
import { command, type CommandContext, type CommandSpec, type Shown } from "./command.js";
import { type ExaminedDevice, examineDevices, showExamined } from "./device-report.js";
import { installedKernels, isNodeEnough, OLDEST_NODE } from "./kernel-check.js";
import { textTable } from "./table.js";

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly state: "fine" | "missing" | "broken";
  readonly detail: string;
}

/** What `lawbook doctor` looked at: the whole installation, or with `--devices` the devices alone. */
export type Examination =
  | { readonly kind: "installation"; readonly checks: readonly Check[] }
  | { readonly kind: "devices"; readonly devices: readonly ExaminedDevice[] };

/** `lawbook doctor`. */
export const doctorCommand: CommandSpec<Examination> = command({
  name: "doctor",
  summary: "Look whether everything that Lawbook needs is here and works",
  positionals: [],
  flags: [
    {
      name: "devices",
      kind: "boolean",
      description: "run the conformance suite on every usable device instead, below a minute",
    },
    {
      name: "device",
      kind: "string",
      placeholder: "NAME",
      description: "the conformance suite on this device alone",
    },
  ],
  examples: ["lawbook doctor", "lawbook doctor --json", "lawbook doctor --devices --device cpu"],
  run: async (args, context) => {
    const name = args.flags["device"] as string | undefined;
    if (args.flags["devices"] !== true && name === undefined)
      return { kind: "installation", checks: await examine(context) };
    return { kind: "devices", devices: await examineDevices(name, context) };
  },
  show: (result) => (result.kind === "devices" ? showExamined(result.devices) : showChecks(result.checks)),
});

function showChecks(checks: readonly Check[]): Shown {
  return {
    text: textTable(
      ["check", "state", "detail"],
      checks.map(({ name, state, detail }) => [name, state, detail]),
    ),
    json: checks,
    exitCode: checks.some(({ state }) => state === "broken") ? 32 : 0,
  };
}

async function examine(context: CommandContext): Promise<readonly Check[]> {
  const checks: Check[] = [nodeCheck(), { name: "engine", state: "fine", detail: `number ${ENGINE}` }];
  for (const state of deviceStates()) checks.push(await deviceCheck(state));
  checks.push(
    await attempt("datasets", () => {
      const differing = verify(context.root);
      if (differing.length > 0)
        throw new LawbookError(
          "data-differs",
          `${differing.length} files differ from the manifest, the first: ${differing[0]!.path}.`,
        );
      return "as the manifest says";
    }),
    await attempt("store", () => {
      const probe = join(context.home, ".doctor");
      writeAtomic(probe, "probe");
      remove(probe);
      return `${listFolder(join(context.home, "runs")).length} runs in ${context.home}`;
    }),
    ...(await kernelChecks(context)),
  );
  return checks;
}

function nodeCheck(): Check {
  const enough = isNodeEnough(process.versions.node);
  return {
    name: "node",
    state: enough ? "fine" : "broken",
    detail: `${process.version}${enough ? "" : `, expected at least ${OLDEST_NODE}`}`,
  };
}

async function deviceCheck({ name, determinism, usable, reason }: DeviceState): Promise<Check> {
  const check = `device ${name}`;
  const device = DEVICES.find((candidate) => candidate.name === name);
  if (!usable) return { name: check, state: "missing", detail: reason };
  // A GPU was checked in a process of its own.
  if (device === undefined) return { name: check, state: "fine", detail: reason };
  return attempt(check, async () => {
    const error = await selfCheck(device);
    return `bytes repeat ${determinism}; self-check differs by ${error.toExponential(1)}`;
  });
}

async function kernelChecks(context: CommandContext): Promise<Check[]> {
  const kernels = await installedKernels(context);
  if (kernels.length === 0)
    return [
      { name: "kernelspec", state: "missing", detail: "`lawbook kernel install` makes it known to Jupyter" },
    ];
  return kernels.map(({ folder, fault }) =>
    fault === undefined
      ? { name: "kernelspec", state: "fine", detail: `${folder}: its kernel starts and answers` }
      : { name: "kernelspec", state: "broken", detail: `${folder}: ${fault.split("\n").join(" ")}` },
  );
}

async function attempt(name: string, look: () => string | Promise<string>): Promise<Check> {
  try {
    return { name, state: "fine", detail: await look() };
  } catch (error) {
    return { name, state: "broken", detail: (error as Error).message.split("\n").join(" ") };
  }
}

/** Largest error of softmax(x W^T) on a small example against float64. */
async function selfCheck(device: (typeof DEVICES)[number]): Promise<number> {
  const graph = new Graph();
  const x = graph.input("x", "float32", [2, 3]);
  const w = graph.input("w", "float32", [2, 3]);
  graph.output("y", softmax(linear(x, w)));
  const program = await device.compile(graph);
  try {
    const results = await program.run({
      x: Float32Array.of(1, 2, 3, -1, 0, 1),
      w: Float32Array.of(0.5, -0.5, 0.25, 0, 1, -1),
    });
    // Logits (0.25, -1) and (-0.25, -1): the first share is 1 / (1 + e^-1.25) and 1 / (1 + e^-0.75).
    const expected = [0.7772998611746911, 0.2227001388253089, 0.679178699175393, 0.320821300824607];
    return Math.max(...expected.map((value, index) => Math.abs(value - results["y"]![index]!)));
  } finally {
    await program.dispose();
  }
}
