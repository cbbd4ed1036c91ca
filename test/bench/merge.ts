// Seconds and peak memory of merging two models of half a gigabyte, beside mergekit where a Python with it is found.
// Usage: npm run build && npx tsx test/bench/merge.ts [--layers 7] [--rounds 2]   (LAWBOOK_PYTHON names the Python)
// One process for each merge, in turn; a timing never fails a test.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { textTable } from "../../src/commands/table.js";
import { monotonicMs, sleep } from "../../src/core/clock.js";
import { product } from "../../src/core/math.js";
import { bitStream } from "../../src/core/random.js";
import { openCheckpoint, writeModel } from "../../src/model/checkpoint.js";
import { configJson, type ModelConfig, parametersOf } from "../../src/model/config.js";
import { readStored, type TensorToWrite } from "../../src/model/safetensors.js";
import { median } from "./runner.js";

const { values: options } = parseArgs({
  options: { layers: { type: "string", default: "7" }, rounds: { type: "string", default: "2" } },
});
const root = resolve(import.meta.dirname, "../..");
const scratch = mkdtempSync(join(tmpdir(), "lawbook-bench-merge-"));

const config: ModelConfig = {
  vocabulary: 32_000,
  width: 1024,
  layers: Number(options.layers),
  heads: 16,
  keyValueHeads: 16,
  headWidth: 64,
  feedForward: 2816,
  epsilon: 1e-5,
  theta: 10_000,
  tied: true,
  maxPositions: 256,
};
const parameters = parametersOf(config);
const size = parameters.reduce((sum, { shape }) => sum + product(shape), 0);

/** Uniform values of deviation near 0.02; models other than the base are a tenth of that away from it. */
async function generate(name: string): Promise<void> {
  const fill = (data: Float32Array, of: string, scale: number): void => {
    const bits = bitStream(1, "bench", of);
    for (let i = 0; i < data.length; i++) data[i]! += bits() * scale;
  };
  const tensors = parameters.map(({ name: tensor, shape }): TensorToWrite => ({
    name: tensor,
    type: "F32",
    shape,
    content: () => {
      const data = new Float32Array(product(shape));
      fill(data, tensor, 1.6e-11);
      if (name !== "base") fill(data, `${name}/${tensor}`, 1.6e-12);
      return data;
    },
  }));
  await writeModel(
    join(scratch, name),
    { configJson: configJson(config), tokenizerFolder: undefined },
    tensors,
  );
}

const at = (name: string): string => JSON.stringify(join(scratch, name));
const RECIPES: Readonly<Record<string, string>> = {
  linear: `merge_method: linear
models:
  - { model: ${at("a")}, parameters: { weight: 0.6 } }
  - { model: ${at("b")}, parameters: { weight: 0.4 } }
`,
  slerp: `merge_method: slerp
base_model: ${at("a")}
models: [{ model: ${at("a")} }, { model: ${at("b")} }]
parameters: { t: 0.4 }
`,
  ties: `merge_method: ties
base_model: ${at("base")}
models:
  - { model: ${at("a")}, parameters: { weight: 0.6 } }
  - { model: ${at("b")}, parameters: { weight: 0.4 } }
parameters: { density: 0.3 }
`,
};

interface Usage {
  readonly seconds: number;
  /** Peak resident memory, megabytes of 10^6 bytes. */
  readonly peak: number;
}

/** Runs a program to its end; the peak is read from the system while it runs. */
async function use(file: string, args: readonly string[]): Promise<Usage> {
  const start = monotonicMs();
  const child = spawn(file, args, { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (text: Buffer) => (errors += text.toString()));
  let [peak, code]: [number, number | null | undefined] = [0, undefined];
  child.on("exit", (status) => (code = status));
  while (code === undefined) {
    await sleep(20);
    peak = Math.max(peak, highWater(child.pid!));
  }
  if (code !== 0) throw new Error(`${file} ended with ${code}:\n${errors}`);
  return { seconds: (monotonicMs() - start) / 1000, peak };
}

function highWater(pid: number): number {
  try {
    const [, kilobytes = "0"] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return (Number(kilobytes) * 1024) / 1e6;
  } catch {
    return 0; // it has just ended, or the system has no /proc
  }
}

/** `mergekit-yaml` of the Python that LAWBOOK_PYTHON names. */
function findMergekit(): string | undefined {
  const python = process.env["LAWBOOK_PYTHON"] ?? "python3";
  const script = "import mergekit, sys; print(sys.executable)";
  const { status, stdout } = spawnSync(python, ["-c", script], { encoding: "utf8" });
  return status === 0 ? join(dirname(stdout.trim()), "mergekit-yaml") : undefined;
}

/** Largest difference of two merged models, over their first tensors. */
function difference(one: string, other: string): number {
  const [a, b] = [one, other].map((folder) => openCheckpoint(folder).stored.tensors) as [
    ReturnType<typeof openCheckpoint>["stored"]["tensors"],
    ReturnType<typeof openCheckpoint>["stored"]["tensors"],
  ];
  let most = 0;
  for (const { name } of parameters.slice(1, 6)) {
    const [x, y] = [a, b].map((tensors) => readStored(tensors.get(name)!).data) as [
      Float32Array,
      Float32Array,
    ];
    x.forEach((value, i) => (most = Math.max(most, Math.abs(value - y[i]!))));
  }
  return most;
}

try {
  for (const name of ["base", "a", "b"]) await generate(name);
  const mergekit = findMergekit();
  if (mergekit === undefined)
    console.log("No mergekit beside it: name a Python that has one in LAWBOOK_PYTHON.\n");
  const rows: string[][] = [];
  for (const [name, recipe] of Object.entries(RECIPES)) {
    const file = join(scratch, `${name}.yml`);
    writeFileSync(file, recipe);
    const [own, peer]: [Usage[], Usage[]] = [[], []];
    const [out, theirs] = [join(scratch, "out"), join(scratch, "peer")];
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const folder of [out, theirs]) rmSync(folder, { recursive: true, force: true });
      own.push(await use(process.execPath, [join(root, "dist/cli.js"), "merge", file, "--out", out]));
      if (mergekit !== undefined)
        peer.push(await use(mergekit, [file, theirs, "--no-copy-tokenizer", "--quiet"]));
    }
    const cells = (usages: readonly Usage[]): string[] =>
      usages.length === 0
        ? ["", ""]
        : [
            median(usages.map(({ seconds }) => seconds)).toFixed(1),
            Math.max(...usages.map(({ peak }) => peak)).toFixed(0),
          ];
    rows.push([
      name,
      ...cells(own),
      ...cells(peer),
      peer.length === 0 ? "" : difference(out, theirs).toExponential(1),
    ]);
  }
  console.log(
    `Node ${process.version}: two models of ${(size * 4e-9).toFixed(2)} GB, median of ${options.rounds} rounds\n`,
  );
  console.log(textTable(["method", "seconds", "peak MB", "mergekit s", "mergekit MB", "difference"], rows));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
