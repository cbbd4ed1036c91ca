import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { sha256 } from "../../src/core/canonical.js";
import { LOCK_PATH } from "../../src/replay/lock.js";
import type { ReplayReport } from "../../src/replay/report.js";
import { notebookOfCells, type TemporaryProject, temporaryProject } from "../support/project.js";

const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));
const DATA = {
  "facts/geography.jsonl": '{"subject":"France","answer":"Paris"}\n',
  "models/xs/model.safetensors": "weights",
};
const notebook = "notebooks/small.ipynb";

let project: TemporaryProject;

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function lawbook(...words: readonly string[]): Ended {
  return spawnSync(process.execPath, [cli, ...words], { cwd: project.root, encoding: "utf8" });
}

/** `lawbook replay ... --json` of a project that it must leave as it is. */
function replayJson(...words: readonly string[]): ReplayReport {
  const before = project.snapshot();
  const { status, stdout, stderr } = lawbook("replay", ...words, "--json");
  expect(project.snapshot()).toEqual(before);
  expect(stdout, stderr).toMatch(/^\{/);
  const report = JSON.parse(stdout) as ReplayReport;
  expect(status).toBe(report.exitCode);
  return report;
}

function fill(): void {
  const files = Object.entries(DATA).map(([path, text]) => [
    path,
    { sha256: sha256(text), bytes: text.length },
  ]);
  project.put(
    "datasets/manifest.json",
    JSON.stringify({ format: 1, files: Object.fromEntries(files), packages: [] }),
  );
  for (const [path, text] of Object.entries(DATA)) project.put(`datasets/${path}`, text);
  project.put("package-lock.json", "{}");
}

let accepted: { notebook: string; lock: string };

beforeAll(() => {
  project = temporaryProject();
  fill();
  project.put(notebook, notebookOfCells(["const half: number = 1 / 2;\nhalf", "console.log(half * 4)"]));
  const { status, stdout, stderr } = lawbook("replay", "--accept");
  expect(status, stdout + stderr).toBe(0);
  accepted = { notebook: project.read(notebook), lock: project.read(LOCK_PATH) };
});
afterAll(() => project.remove());
beforeEach(() => {
  fill();
  project.put(notebook, accepted.notebook);
  project.put(LOCK_PATH, accepted.lock);
});

describe("lawbook replay, as a program", () => {
  it("passes on what it accepted, from any folder of the project, and prints the table", () => {
    const before = project.snapshot();
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, "replay"], {
      cwd: project.path("notebooks"),
      encoding: "utf8",
    });
    expect(status, stdout + stderr).toBe(0);
    expect(stdout).toMatch(/^data +datasets +same +2 files as in the manifest$/m);
    expect(stdout).toMatch(/^notebook +notebooks\/small\.ipynb +same +2 code cells$/m);
    expect(stdout).toMatch(/^retrain +any +skipped +no record/m);
    expect(stdout.trimEnd().endsWith("Everything is as committed.")).toBe(true);
    expect(project.snapshot()).toEqual(before);
  });

  it.each([
    ["a fact", "datasets/facts/geography.jsonl", "Paris", "Parix"],
    ["a checkpoint", "datasets/models/xs/model.safetensors", "weights", "weightz"],
  ])("ends with 30 and the name of %s that changed", (_, path, before, after) => {
    project.edit(path, before, after);
    const { exitCode, failures } = replayJson();
    expect(exitCode).toBe(30);
    expect(failures.map(({ message }) => message.split(":")[0])).toEqual([
      `${path} differs from the manifest`,
    ]);
  });

  it("ends with 30 where the manifest itself is damaged or changed", () => {
    project.put("datasets/manifest.json", project.read("datasets/manifest.json").replace("{", "["));
    expect(replayJson().failures[0]).toMatchObject({
      exitCode: 30,
      message: expect.stringContaining("manifest.json") as string,
    });
    fill();
    project.put("datasets/facts/geography.jsonl", "");
    const manifest = project.read("datasets/manifest.json");
    project.put(
      "datasets/manifest.json",
      manifest.replace(sha256(DATA["facts/geography.jsonl"]), sha256("")),
    );
    expect(replayJson().failures[0]?.message).toMatch(
      /^datasets\/facts\/geography\.jsonl differs from the lock/,
    );
  });

  it("ends with 20 and the cell of a changed output", () => {
    project.edit(notebook, '"2\\n"', '"3\\n"');
    const { exitCode, failures } = replayJson(notebook);
    expect(exitCode).toBe(20);
    expect(failures[0]?.message).toBe(
      "notebooks/small.ipynb, cell 2 (id c2), output 1, stdout differs from the committed one:\nline 1\n- 3\n+ 2",
    );
  });

  it("ends with 11 where a cell takes longer than --timeout", () => {
    project.edit(notebook, "console.log(half * 4)", "await new Promise(() => {})");
    expect(replayJson("--timeout", "1.5").failures[0]).toMatchObject({
      exitCode: 11,
      message: expect.stringMatching(
        /cell 2 \(id c2\) did not end within 1\.5 s\.\n.*--timeout SECONDS/,
      ) as string,
    });
  });

  it.each([
    [["replay", "--retrain", "-1"], /--retrain: got -1, expected a whole number of at least 0/],
    [["replay", "--retrain", "1.5"], /--retrain: got 1\.5/],
    [["replay", "--timeout", "0"], /--timeout: got 0, expected seconds above 0/],
  ])("refuses %j", (words, complaint) => {
    const { status, stdout, stderr } = lawbook(...words);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(complaint);
  });
});
