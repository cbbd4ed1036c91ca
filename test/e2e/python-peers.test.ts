import { join, resolve } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { reference } from "../../src/compute/devices/reference.js";
import { makeTemporaryFolder, remove, writeAtomic } from "../../src/core/files.js";
import { runProgram } from "../../src/core/process.js";
import { logits } from "../../src/evaluate/logits.js";
import { readAdapterFolder } from "../../src/model/adapter-folder.js";
import { readCheckpoint } from "../../src/model/checkpoint.js";

const root = resolve(import.meta.dirname, "../..");
const python = process.env["LAWBOOK_PYTHON"] ?? "python3";
const script = join(root, "test/support/peer-logits.py");
const hasPeers = runProgram(python, ["-c", "import torch, transformers, peft"]).status === 0;
const reason = hasPeers
  ? ""
  : ` (skipped: ${python} has no torch, transformers and peft; LAWBOOK_PYTHON names one)`;

const work = makeTemporaryFolder("lawbook-peers");
afterAll(() => remove(work));
const base = join(root, "datasets/models/xs-instruct");
const IDS = [5, 700, 1200, 33, 2047, 256, 91, 1003, 480, 12];

/** Roundings of float32 in another order of sums; logits reach 20. */
const TOLERANCE = 1e-4;

function peerLogits(model: string, ...rest: readonly string[]): number[][] {
  const { status, stdout, stderr } = runProgram(python, [script, model, JSON.stringify(IDS), ...rest]);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as number[][];
}

async function ownLogits(model: string, adapter?: string): Promise<number[][]> {
  const checkpoint = readCheckpoint(model);
  if (adapter === undefined) return logits(reference, checkpoint, IDS);
  return logits(reference, { ...checkpoint, adapter: readAdapterFolder(adapter, checkpoint.config) }, IDS);
}

function largestDifference(a: readonly number[][], b: readonly number[][]): number {
  return Math.max(...a.flatMap((row, at) => row.map((value, id) => Math.abs(value - b[at]![id]!))));
}

/** Trains a few steps at a rate that moves the logits, and writes the outcome to a folder. */
function train(name: string, method: string, ...flags: readonly string[]): string {
  const file = join(work, `${name}.yml`);
  writeAtomic(
    file,
    [
      "model: xs-instruct",
      "data: {facts: {geography: 20}, wordings: {else: 2}, sampler: {kind: balanced}}",
      "steps: 6",
      "batch: 8",
      "optimizer: {lr: 0.02}",
      "schedule: {warmup: 0}",
      "evaluate: {sets: []}",
      "device: reference",
      `method: ${method}`,
    ].join("\n"),
  );
  const out = join(work, name);
  const { status, stderr } = runProgram(
    process.execPath,
    [join(root, "dist/cli.js"), "train", file, "--out", out, ...flags],
    { cwd: root, env: { ...process.env, LAWBOOK_HOME: join(work, "home") } },
  );
  if (status !== 0) throw new Error(stderr);
  return out;
}

describe.skipIf(!hasPeers)(`transformers${reason}`, () => {
  it.each(["xs-base", "xs-instruct", "s-base", "s-instruct"])("loads %s: the same logits", async (name) => {
    const model = join(root, "datasets/models", name);
    expect(largestDifference(await ownLogits(model), peerLogits(model))).toBeLessThan(TOLERANCE);
  });

  it.each([
    ["whole", []],
    ["in bfloat16", ["--dtype", "bfloat16"]],
    ["in float16 and shards", ["--dtype", "float16", "--shard-size", "300KB"]],
  ] as const)("loads a model that was trained here, written %s", async (name, flags) => {
    const model = train(`model ${name}`, "{kind: full}", ...flags);
    expect(largestDifference(await ownLogits(model), peerLogits(model))).toBeLessThan(TOLERANCE);
  });
});

const WRITTEN: readonly (readonly [string, string])[] = [
  ["queries and values", "{kind: lora, rank: 4, alpha: 8, targets: [q_proj, v_proj]}"],
  ["all linear layers, dropout", "{kind: lora, rank: 8, alpha: 16, targets: all-linear, dropout: 0.2}"],
  ["DoRA", "{kind: lora, rank: 4, alpha: 8, targets: all-linear, dora: true}"],
  ["rsLoRA", "{kind: lora, rank: 8, alpha: 8, targets: all-linear, rsLora: true}"],
  [
    "patterns of ranks and alphas",
    '{kind: lora, rank: 4, alpha: 8, targets: all-linear, rankPattern: {down_proj: 2}, alphaPattern: {"layers.1.self_attn.q_proj": 3}}',
  ],
  [
    "modules trained whole",
    "{kind: lora, rank: 4, alpha: 8, targets: [q_proj, v_proj], modulesToSave: [norm, layers.4.mlp.down_proj]}",
  ],
];

const READ: readonly (readonly [string, object])[] = [
  ["queries and values", { r: 4, lora_alpha: 8, target_modules: ["q_proj", "v_proj"] }],
  ["all linear layers", { r: 8, lora_alpha: 16, target_modules: "all-linear", lora_dropout: 0.1 }],
  [
    "a regular expression",
    { r: 2, lora_alpha: 4, target_modules: ".*layers\\.[0-2]\\.mlp\\.(up|down)_proj" },
  ],
  ["DoRA", { r: 4, lora_alpha: 8, target_modules: "all-linear", use_dora: true }],
  [
    "rsLoRA with patterns",
    {
      r: 4,
      lora_alpha: 8,
      target_modules: "all-linear",
      use_rslora: true,
      rank_pattern: { down_proj: 2 },
      alpha_pattern: { "layers.1.self_attn.q_proj": 3 },
    },
  ],
  [
    "modules trained whole",
    { r: 4, lora_alpha: 8, target_modules: ["q_proj"], modules_to_save: ["norm", "layers.4.mlp.down_proj"] },
  ],
];

describe.skipIf(!hasPeers)(`PEFT${reason}`, () => {
  it.each(WRITTEN)("loads an adapter that was trained here: %s", async (name, method) => {
    const adapter = train(`adapter ${name}`, method);
    const own = await ownLogits(base, adapter);
    expect(largestDifference(own, await ownLogits(base))).toBeGreaterThan(0.1);
    expect(largestDifference(own, peerLogits(base, adapter))).toBeLessThan(TOLERANCE);
  });

  it.each(READ)("writes an adapter that loads here: %s", async (name, config) => {
    const adapter = join(work, `peft ${name}`);
    const theirs = peerLogits(base, adapter, JSON.stringify(config));
    const own = await ownLogits(base, adapter);
    expect(largestDifference(own, await ownLogits(base))).toBeGreaterThan(0.1);
    expect(largestDifference(own, theirs)).toBeLessThan(TOLERANCE);
  });
});
