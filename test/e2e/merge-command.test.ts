import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { sleep } from "../../src/core/clock.js";
import { exists, listFolder, makeTemporaryFolder, remove, writeAtomic } from "../../src/core/files.js";
import { product } from "../../src/core/math.js";
import { runProgram, startProgram } from "../../src/core/process.js";
import type { Evaluation } from "../../src/commands/evaluate.js";
import type { Merged } from "../../src/commands/merge.js";
import type { RunRecord } from "../../src/runs/record.js";
import { checkpointDigest, openCheckpoint, writeModel } from "../../src/model/checkpoint.js";
import { configJson, type ModelConfig, parametersOf } from "../../src/model/config.js";

const root = join(import.meta.dirname, "../..");
const cli = join(root, "dist/cli.js");
const work = makeTemporaryFolder("lawbook-merge-e2e");
afterAll(() => remove(work));

/** 40 MB, so that a merge takes long enough to be killed. */
const config: ModelConfig = {
  vocabulary: 8000,
  width: 512,
  layers: 2,
  heads: 8,
  keyValueHeads: 8,
  headWidth: 64,
  feedForward: 1376,
  epsilon: 1e-5,
  theta: 10000,
  tied: true,
  maxPositions: 128,
};
const RECIPE = `merge_method: ties
base_model: ./base
models:
  - { model: ./a, parameters: { weight: 1, density: 0.4 } }
  - { model: ./b, parameters: { weight: 0.5, density: 0.4 } }
`;

beforeAll(async () => {
  for (const [index, name] of ["base", "a", "b"].entries()) {
    const tensors = parametersOf(config).map(({ name: tensor, shape }) => ({
      name: tensor,
      type: "F32" as const,
      shape,
      // Any numbers that differ between models and entries.
      content: () =>
        Float32Array.from({ length: product(shape) }, (_, i) => (((i * (7 + index)) % 1009) - 504) / 5e3),
    }));
    await writeModel(
      join(work, name),
      { configJson: configJson(config), tokenizerFolder: undefined },
      tensors,
    );
  }
  writeAtomic(join(work, "r.yml"), RECIPE);
});

const options = (cwd: string): { cwd: string; env: NodeJS.ProcessEnv } => ({
  cwd,
  env: { ...process.env, LAWBOOK_HOME: join(work, "home") },
});

describe("lawbook merge", () => {
  it("gives the same weights from another folder, in another time zone and language", () => {
    const there = join(work, "elsewhere");
    writeAtomic(join(there, "note"), "");
    const run = (cwd: string, recipe: string, out: string, env: NodeJS.ProcessEnv): unknown => {
      const { status, stdout, stderr } = runProgram(
        process.execPath,
        [cli, "merge", recipe, "--out", out, "--json"],
        {
          cwd,
          env: { ...options(cwd).env, ...env },
        },
      );
      expect({ status, stderr }).toMatchObject({ status: 0 });
      return (JSON.parse(stdout) as { weights: string }).weights;
    };
    const one = run(work, "r.yml", "one", {});
    expect(run(there, "../r.yml", "two", { TZ: "Asia/Tokyo", LANG: "tr_TR.UTF-8" })).toBe(one);
    expect(checkpointDigest(openCheckpoint(join(work, "one")))).toBe(one);
  });

  it.skipIf(process.platform === "win32")("leaves nothing on a disk that is full", () => {
    // A limit on the size of files stands for it; with the signal ignored, writing fails as on a full disk.
    const script = `trap '' XFSZ; ulimit -f 8000; exec "$0" "$@"`;
    const before = listFolder(work);
    const { status, stderr } = runProgram(
      "bash",
      ["-c", script, process.execPath, cli, "merge", "r.yml", "--out", "full"],
      options(work),
    );
    expect(status).toBe(2);
    expect(stderr).toMatch(/model\.safetensors cannot be written: EFBIG/);
    expect(listFolder(work)).toEqual(before);
  });

  it("leaves no folder of the final name when it is killed in the middle", async () => {
    const child = startProgram(process.execPath, [cli, "merge", "r.yml", "--out", "killed"], options(work));
    const temporary = (): string | undefined =>
      listFolder(work).find((name) => name.startsWith(".killed.") && listFolder(join(work, name)).length > 0);
    while (temporary() === undefined && child.exitCode === null) await sleep(2);
    child.kill("SIGKILL");
    while (child.exitCode === null && child.signalCode === null) await sleep(2);
    expect(child.signalCode).toBe("SIGKILL");
    expect(exists(join(work, "killed"))).toBe(false);
    expect(temporary()).toBeDefined();
    // The next merge to the same place takes away what the killed one left.
    const { status } = runProgram(
      process.execPath,
      [cli, "merge", "r.yml", "--out", "killed"],
      options(work),
    );
    expect(status).toBe(0);
    expect(listFolder(work).filter((name) => name.includes("killed"))).toEqual(["killed"]);
  });

  it("has one digest in the store and in a folder", () => {
    const merged = (...words: string[]): Merged =>
      JSON.parse(
        runProgram(process.execPath, [cli, "merge", "r.yml", ...words, "--json"], options(work)).stdout,
      ) as Merged;
    expect(merged().weights).toBe(merged("--out", "apart").weights);
  });

  it("is a run that can be evaluated, trained on, merged again and made again to equal digests", () => {
    const lawbook = (...args: readonly string[]): unknown => {
      const { status, stdout, stderr } = runProgram(
        process.execPath,
        [cli, ...args, "--json"],
        options(root),
      );
      expect({ status, stderr }).toMatchObject({ status: 0 });
      return JSON.parse(stdout) as unknown;
    };
    const slerp = (one: string, other: string): string => {
      const file = join(work, "slerp.yml");
      const models = [one, other].map((model) => `  - model: ${model}`).join("\n");
      writeAtomic(
        file,
        `merge_method: slerp\nbase_model: ${one}\nmodels:\n${models}\nparameters: { t: 0.3 }\n`,
      );
      return file;
    };
    const child = lawbook("merge", slerp("xs-base", "xs-instruct")) as Merged;
    expect(child.model).toMatch(/^run:[0-9a-f]{64}$/);
    // The same request in other words: no comment counts, and the second time it is read.
    expect(lawbook("merge", slerp("xs-base", "xs-instruct"))).toEqual(child);

    const short = child.model!.slice(0, 16);
    const grandchild = lawbook("merge", slerp(short, "xs-instruct")) as Merged;
    const record = lawbook("runs", grandchild.model!.slice(4)) as RunRecord;
    expect(record.inputs.parents).toEqual([child.model!.slice(4)]);
    expect(record.inputs.model).toEqual({ name: child.model, sha256: child.weights });
    expect(lawbook("retrain", grandchild.model!.slice(4))).toMatchObject({ equal: true });

    const { scores } = lawbook("evaluate", short, "--facts", "4", "--device", "reference") as Evaluation;
    expect(Object.keys(scores["t-recall"]!)).toHaveLength(5);
    const train = join(work, "train.yml");
    const data = "{ facts: { geography: 6 } }";
    writeAtomic(train, `model: ${short}\ndata: ${data}\nsteps: 2\nbatch: 4\nevaluate: { sets: [] }\n`);
    expect(lawbook("train", train)).toMatchObject({ inputs: { parents: [child.model!.slice(4)] } });
  });
});
