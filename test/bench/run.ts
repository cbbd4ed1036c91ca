// Times of training steps, interleaved with the same steps in PyTorch where a Python with torch is found; prints Markdown.
// Usage: npm run bench [-- --sizes XS,S,M,L --methods full,lora,lora-moe,shared-a --rounds 12 --no-compile --no-hourly]
// One process per entry, asked in turn: live sessions in one process distort each other. A timing never fails a test.
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

import { STEP_METHODS, type StepMethod } from "../../src/commands/bench-step.js";
import { sleep } from "../../src/core/clock.js";
import type { SIZES } from "../../src/model/config.js";
import { dumpSetting } from "./dump.js";
import { findPython, findRevectorizer, median, Runner } from "./runner.js";

type Size = keyof typeof SIZES;

const root = resolve(import.meta.dirname, "../..");
const entry = join(import.meta.dirname, "entry.ts");
const peer = join(import.meta.dirname, "peer/step.py");
const { values: options } = parseArgs({
  options: {
    sizes: { type: "string", default: "XS,S,M,L" },
    methods: { type: "string", default: STEP_METHODS.join(",") },
    rounds: { type: "string", default: "12" },
    "no-compile": { type: "boolean", default: false },
    "no-hourly": { type: "boolean", default: false },
  },
});
const sizes = options.sizes.toLowerCase().split(",") as Size[];
const methods = options.methods.split(",") as StepMethod[];
const rounds = Number(options.rounds);
const python = findPython();
const revectorizer = findRevectorizer(root);
const scratch = mkdtempSync(join(tmpdir(), "lawbook-bench-"));

/** Updates of one run and steps that every process warms up with. */
const RUN_STEPS = 400;
const WARM_UP = 10;
const STEPS = 3;

const native = (size: Size, method: StepMethod, device: string, threads: number): Runner =>
  new Runner(`${device} ${threads}`, [
    process.execPath,
    "--import",
    "tsx",
    entry,
    size,
    method,
    device,
    String(threads),
  ]);

const revectorized = (size: Size, method: StepMethod): Runner =>
  new Runner("revectorized 1", [
    revectorizer!.path,
    "--experimental-wasm-revectorize",
    "--import",
    "tsx",
    entry,
    size,
    method,
    "reference",
    "1",
  ]);

const torch = (size: Size, method: StepMethod, mode: "eager" | "compile", threads: number): Runner =>
  new Runner(
    `${mode} ${threads}`,
    [(python as { path: string }).path, peer, join(scratch, `${size}-${method}`), mode, String(threads)],
    { OMP_NUM_THREADS: String(threads), TORCHINDUCTOR_CACHE_DIR: join(scratch, "inductor") },
  );

type Start = () => Runner;

/** Starts one process after the other, each warmed up alone, then asks them in turn. */
async function interleave(starts: readonly Start[]): Promise<Runner[]> {
  const runners: Runner[] = [];
  for (const start of starts) {
    const runner = start();
    await runner.warmUp(WARM_UP);
    runners.push(runner);
  }
  for (let round = 0; round < rounds; round++) {
    for (const runner of runners) {
      await sleep(20); // pools of the runner before stop spinning
      await runner.measure(STEPS);
    }
  }
  for (const runner of runners) runner.end();
  return runners;
}

interface Row {
  readonly size: Size;
  readonly method: StepMethod;
  readonly byName: ReadonlyMap<string, Runner>;
  /** Largest difference of the first losses to the device cpu. */
  readonly difference: number;
}

async function measure(size: Size, method: StepMethod): Promise<Row> {
  const compiles = !options["no-compile"] && ["full", "lora"].includes(method);
  const withTorch = "path" in python;
  if (withTorch) dumpSetting(join(scratch, `${size}-${method}`), size, method);
  const peers = (threads: number): Start[] => [
    ...(withTorch ? [() => torch(size, method, "eager", threads)] : []),
    ...(withTorch && compiles ? [() => torch(size, method, "compile", threads)] : []),
  ];
  const one = await interleave([
    () => native(size, method, "cpu", 1),
    () => native(size, method, "reference", 1),
    ...(revectorizer === undefined ? [] : [() => revectorized(size, method)]),
    ...peers(1),
  ]);
  const two = await interleave([() => native(size, method, "cpu", 2), ...peers(2)]);
  const runners = [...one, ...two];
  const [own] = runners;
  const difference = Math.max(
    ...runners.flatMap(({ losses }) => losses.map((loss, index) => Math.abs(loss - own!.losses[index]!))),
  );
  return { size, method, byName: new Map(runners.map((runner) => [runner.name, runner])), difference };
}

/** Smallest wall time: what other jobs of the machine disturb least. */
function best(runner: Runner | undefined): number | undefined {
  return runner === undefined ? undefined : Math.min(...runner.ms);
}

const ms = (value: number | undefined): string => (value === undefined ? "–" : value.toFixed(1));
const ratio = (a: number | undefined, b: number | undefined): string =>
  a === undefined || b === undefined ? "–" : (a / b).toFixed(2);
const seconds = (value: number): string => (value / 1000).toFixed(1);

function markdown(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [line(header), line(header.map((_, at) => (at < 2 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

function printSteps(rows: readonly Row[]): void {
  const columns = [
    "cpu 1",
    "eager 1",
    "compile 1",
    "reference 1",
    "revectorized 1",
    "cpu 2",
    "eager 2",
    "compile 2",
  ];
  const titles = [
    "cpu",
    "eager",
    "compile",
    "reference",
    "reference, revectorized",
    "cpu, 2 threads",
    "eager, 2 threads",
    "compile, 2 threads",
  ];
  console.log("\nMilliseconds of a step, smallest wall time.\n");
  console.log(
    markdown(
      ["size", "method", ...titles],
      rows.map(({ size, method, byName }) => [
        size.toUpperCase(),
        method,
        ...columns.map((name) => ms(best(byName.get(name)))),
      ]),
    ),
  );
  console.log("\nRatios; below 1 is faster than the other.\n");
  console.log(
    markdown(
      [
        "size",
        "method",
        "cpu / eager",
        "cpu / compile",
        "reference / eager",
        "revectorized / eager",
        "cpu / eager, 2 threads",
        "to our full",
        "to our LoRA",
        "largest difference of a loss",
      ],
      rows.map(({ size, method, byName, difference }) => {
        const time = (name: string): number | undefined => best(byName.get(name));
        const ours = (other: StepMethod): number | undefined =>
          best(rows.find((row) => row.size === size && row.method === other)?.byName.get("cpu 1"));
        return [
          size.toUpperCase(),
          method,
          ratio(time("cpu 1"), time("eager 1")),
          ratio(time("cpu 1"), time("compile 1")),
          ratio(time("reference 1"), time("eager 1")),
          ratio(time("revectorized 1"), time("eager 1")),
          ratio(time("cpu 2"), time("eager 2")),
          ratio(time("cpu 1"), ours("full")),
          ratio(time("cpu 1"), ours("lora")),
          difference.toExponential(1),
        ];
      }),
    ),
  );
}

function printStarts(rows: readonly Row[]): void {
  console.log(
    "\nSeconds from weights in memory to the end of the first step; in brackets from the start of the process.\n",
  );
  const columns = ["cpu 1", "reference 1", "eager 1", "compile 1"];
  console.log(
    markdown(
      ["size", "method", "cpu", "reference", "PyTorch eager", "PyTorch compile"],
      rows.map(({ size, method, byName }) => [
        size.toUpperCase(),
        method,
        ...columns.map((name) => {
          const runner = byName.get(name);
          return runner === undefined
            ? "–"
            : `${seconds(runner.firstStepMs)} (${seconds(runner.sinceStartMs)})`;
        }),
      ]),
    ),
  );
}

/** Runs of 400 steps in an hour, with as many single-threaded processes as there are cores. */
async function printRunsPerHour(): Promise<void> {
  const size = sizes.includes("s") ? "s" : sizes[0]!;
  const cores = cpus().length;
  const kinds: (readonly [string, (method: StepMethod) => Runner])[] = [
    ["cpu", (method) => native(size, method, "cpu", 1)],
    ["reference", (method) => native(size, method, "reference", 1)],
  ];
  if ("path" in python) kinds.push(["PyTorch eager", (method) => torch(size, method, "eager", 1)]);
  const rows: string[][] = [];
  for (const method of methods) {
    const cells: string[] = [];
    for (const [, start] of kinds) {
      const runners = Array.from({ length: cores }, () => start(method));
      await Promise.all(runners.map((runner) => runner.warmUp(WARM_UP)));
      await Promise.all(runners.map((runner) => runner.measure(30)));
      const runMs = median(
        runners.map((runner) => runner.sinceStartMs + (RUN_STEPS - 1) * median(runner.ms)),
      );
      cells.push(((cores * 3_600_000) / runMs).toFixed(0));
      runners.forEach((runner) => runner.end());
    }
    rows.push([size.toUpperCase(), method, ...cells]);
  }
  console.log(
    `\nRuns of ${RUN_STEPS} steps in an hour, ${cores} single-threaded processes on ${cores} cores.\n`,
  );
  console.log(markdown(["size", "method", ...kinds.map(([name]) => name)], rows));
}

const rows: Row[] = [];
try {
  for (const size of sizes) {
    for (const method of methods) {
      rows.push(await measure(size, method));
      console.error(`${size.toUpperCase()} ${method}: done`);
    }
  }
  const peerName = "path" in python ? `PyTorch ${python.torch}` : `no PyTorch: ${python.reason}`;
  console.log(
    `${cpus()[0]!.model}, ${cpus().length} cores, Node ${process.version}, ${peerName}, ${new Date().toISOString().slice(0, 10)}.` +
      ` A step: 32 rows of 28 tokens on average in lines of 96, 6 tokens of each learnt; AdamW, gradient norm clipped to 1.` +
      (revectorizer === undefined ? "" : ` Revectorized: Node ${revectorizer.version}.`),
  );
  printSteps(rows);
  printStarts(rows);
  if (!options["no-hourly"]) await printRunsPerHour();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
process.exit(0);
