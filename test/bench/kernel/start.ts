// From the start of a kernel process to its first output, beside ipykernel and tslab where they are found.
// Usage: npm run bench:kernel [-- ROUNDS]
import { createRequire } from "node:module";
import { join } from "node:path";

import { textTable } from "../../../src/commands/table.js";
import { monotonicMs } from "../../../src/core/clock.js";
import { makeTemporaryFolder, remove } from "../../../src/core/files.js";
import { runProgram } from "../../../src/core/process.js";
import { launchKernel } from "../../../src/jupyter/index.js";
import { kernelArgv } from "../../../src/replay/client.js";

interface Peer {
  readonly name: string;
  readonly argv: readonly string[];
  /** A cell that writes one line. */
  readonly code: string;
  readonly infoMs: number[];
  readonly outputMs: number[];
}

/** The goal of this project for its own kernel, best round. */
const GOAL_MS = 1500;

const root = join(import.meta.dirname, "../../..");
const rounds = Number(process.argv[2] ?? 5);
const folder = makeTemporaryFolder("lawbook-bench");

/** Starts a kernel and takes the times of its first answer and of its first output. */
async function measure({ argv, code, infoMs, outputMs }: Peer): Promise<void> {
  const started = monotonicMs();
  const kernel = await launchKernel({ argv, cwd: folder, env: { ...process.env, LAWBOOK_HOME: folder } });
  infoMs.push(monotonicMs() - started);
  let first: number | undefined;
  await kernel.client.execute(code, {
    onMessage: ({ header }) => {
      if (header.msg_type === "stream") first ??= monotonicMs() - started;
    },
  });
  if (first === undefined) throw new Error(`${argv.join(" ")} wrote nothing.`);
  outputMs.push(first);
  await kernel.stop();
}

function peer(name: string, code: string, argv: readonly string[] | undefined): Peer[] {
  return argv === undefined ? [] : [{ name, code, argv, infoMs: [], outputMs: [] }];
}

function ipykernel(): readonly string[] | undefined {
  const own = join(root, ".lawbook/venv-jupyter/bin/python");
  const python = [process.env["LAWBOOK_PYTHON"] ?? own, own, "python3"].find(
    (name) => runProgram(name, ["-c", "import ipykernel"]).status === 0,
  );
  return python === undefined ? undefined : [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"];
}

function tslab(): readonly string[] | undefined {
  const require = createRequire(join(root, "kernel-ext/package.json"));
  const main = join(require.resolve("tslab/package.json"), "../bin/tslab");
  return [process.execPath, main, "kernel", "--config-path", "{connection_file}"];
}

const peers = [
  ...peer("lawbook", 'console.log("first")', kernelArgv()),
  ...peer("ipykernel", 'print("first")', ipykernel()),
  ...peer("tslab", 'console.log("first")', tslab()),
];
// Round by round, so that a load of the machine meets all alike.
for (let round = 0; round < rounds; round++) for (const each of peers) await measure(each);
remove(folder);

const best = (times: readonly number[]): number => Math.min(...times);
const median = (times: readonly number[]): number =>
  [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;
const shown = (ms: number): string => (ms / 1000).toFixed(2);
console.log(
  textTable(
    ["kernel", "first answer, best", "first output, best", "median"],
    peers.map(({ name, infoMs, outputMs }) => [
      name,
      ...[best(infoMs), best(outputMs), median(outputMs)].map(shown),
    ]),
  ),
);
const [own] = peers;
console.log(
  `seconds from the start of the process, ${rounds} rounds; goal of lawbook: ${shown(GOAL_MS)}, ${own !== undefined && best(own.outputMs) <= GOAL_MS ? "reached" : "missed"}`,
);
