import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

import { sha256 } from "../../src/core/canonical.js";
import { LawbookError } from "../../src/core/errors.js";
import { balanceThenDiversity as law } from "../../src/laws/balance-then-diversity.js";
import { LOCK_PATH } from "../../src/replay/lock.js";
import type { ReplayOptions } from "../../src/replay/options.js";
import { replay } from "../../src/replay/replay.js";
import { type ReplayReport, reportText } from "../../src/replay/report.js";
import { acceptStudy } from "../../src/study/overview.js";
import { conclude } from "../../src/study/study.js";
import { notebookOfCells, type TemporaryProject, temporaryProject } from "../support/project.js";
import { PILOT_LIKE, plantedStudy } from "../support/records.js";

/** Every kind of output, and a value that comes from an earlier cell. */
const GOOD = notebookOfCells([
  'const words: string[] = ["model", "discipline"];\nconsole.log(words.join(" "));\nwords.length',
  'console.error("a warning");\n({ words, half: 1 / 2 })',
  { source: 'throw new RangeError("as expected")', tags: ["raises-exception"] },
  'import { display } from "tslab";\ndisplay.html("<b>bold</b>");\nprocess.env.TZ + process.env.LANG + (process.env.SECRET ?? "")',
]);
const study = `reports/${law.rule.law}`;
const facts = "datasets/facts/geography.jsonl";

let project: TemporaryProject;
let committed: Readonly<Record<string, string>>;

async function replayed(change: Partial<ReplayOptions> = {}): Promise<ReplayReport> {
  const data = { [facts]: sha256(project.read(facts)) };
  return replay({
    root: project.root,
    env: { ...process.env, SECRET: "of the person" },
    notebooks: [],
    accept: false,
    retrain: 0,
    cellTimeoutMs: 30_000,
    signal: new AbortController().signal,
    progress: () => {},
    inputs: { engine: 1, wasm: { file: "module.wasm", sha256: sha256("module") }, data, failures: [] },
    plannedSeconds: () => 1,
    trainAgain: () => Promise.reject(new Error("not asked for")),
    ...change,
  });
}

/** Exit codes and first lines of all failures. */
function said({ failures }: ReplayReport): string[] {
  return failures.map(({ exitCode, message }) => `${exitCode} ${message.split("\n")[0]}`);
}

beforeAll(async () => {
  project = temporaryProject();
  project.put("package-lock.json", "{}");
  project.put(facts, '{"subject":"France","answer":"Paris"}\n');
  project.put("notebooks/good.ipynb", GOOD);
  await acceptStudy(project.path(study), conclude(law, plantedStudy([101, 102, 103], PILOT_LIKE)));
  const report = await replayed({ accept: true });
  expect(reportText(report)).toContain("Accepted: commit the changed files.");
  committed = project.snapshot();
});
afterAll(() => project.remove());

/** Puts the project back to what was accepted, so that tests do not depend on each other. */
const accepted = new Map<string, Buffer>();
beforeEach(async () => {
  const { readFileSync, rmSync, writeFileSync } = await import("node:fs");
  if (accepted.size === 0)
    for (const name of Object.keys(committed)) accepted.set(name, readFileSync(project.path(name)));
  for (const name of Object.keys(project.snapshot())) if (!accepted.has(name)) rmSync(project.path(name));
  for (const [name, bytes] of accepted) writeFileSync(project.path(name), bytes);
  expect(project.snapshot()).toEqual(committed);
});

/** A replay of a project with something wrong in it must not change it further. */
async function replayUntouched(change: Partial<ReplayOptions> = {}): Promise<ReplayReport> {
  const before = project.snapshot();
  const report = await replayed(change);
  expect(project.snapshot()).toEqual(before);
  return report;
}

describe("lawbook replay", () => {
  it("fills in outputs of a notebook without any, and they are what the cells gave", () => {
    const { cells } = JSON.parse(project.read("notebooks/good.ipynb")) as {
      cells: { outputs: Record<string, unknown>[] }[];
    };
    expect(cells.map(({ outputs }) => outputs.map((output) => output["output_type"]))).toEqual([
      ["stream", "execute_result"],
      ["stream", "execute_result"],
      ["error"],
      ["display_data", "execute_result"],
    ]);
    expect(cells[0]?.outputs[0]).toMatchObject({ name: "stdout", text: ["model discipline\n"] });
    expect(cells[3]?.outputs[1]).toMatchObject({
      data: { "text/plain": [expect.stringContaining("UTCC.UTF-8")] },
    });
    expect(project.read("notebooks/good.ipynb")).not.toContain("of the person");
  });

  it("passes twice, whatever the language and the time zone, and changes nothing", async () => {
    const here = await replayUntouched({ accept: true });
    expect(said(here)).toEqual([]);
    expect(here.exitCode).toBe(0);
    const env = {
      ...process.env,
      TZ: "Asia/Tokyo",
      LANG: "tr_TR.UTF-8",
      LC_ALL: "tr_TR.UTF-8",
      COLUMNS: "40",
      FORCE_COLOR: "3",
    };
    expect(said(await replayUntouched({ env }))).toEqual([]);
  });

  it("names notebook, cell and output of one changed byte (20)", async () => {
    project.edit("notebooks/good.ipynb", "model discipline\\n", "model Discipline\\n");
    const report = await replayUntouched();
    expect(report.exitCode).toBe(20);
    expect(report.failures[0]?.message).toContain(
      "notebooks/good.ipynb, cell 1 (id c1), output 1, stdout differs from the committed one:\nline 1\n- model Discipline\n+ model discipline",
    );
    expect(said(report)[1]).toMatch(/^31 notebooks\/good\.ipynb differs from the lock/);
  });

  it("takes a notebook that is no longer JSON for a changed output (20)", async () => {
    project.put("notebooks/good.ipynb", project.read("notebooks/good.ipynb").replace("{", "["));
    const report = await replayUntouched();
    expect(report.exitCode).toBe(20);
    expect(said(report)[0]).toMatch(/good\.ipynb.* is not JSON/);
  });

  it("names the cell that throws (10), and still compares the cells before it", async () => {
    project.edit("notebooks/good.ipynb", "({ words, half: 1 / 2 })", "({ words, half: nowhere() })");
    project.edit("notebooks/good.ipynb", "model discipline\\n", "model Discipline\\n");
    const report = await replayUntouched();
    expect(report.exitCode).toBe(10);
    expect(said(report)[0]).toMatch(/^10 notebooks\/good\.ipynb, cell 2 \(id c2\) failed: .*nowhere/);
    expect(said(report)[1]).toMatch(/^20 notebooks\/good\.ipynb, cell 1 \(id c1\), output 1, stdout/);
  });

  it("names the cell that kills the kernel (11)", async () => {
    project.edit(
      "notebooks/good.ipynb",
      "({ words, half: 1 / 2 })",
      'process.kill(process.pid, \\"SIGKILL\\")',
    );
    const report = await replayUntouched();
    expect(report.exitCode).toBe(11);
    expect(said(report)[0]).toMatch(
      /^11 notebooks\/good\.ipynb, cell 2 \(id c2\): The kernel process ended: signal SIGKILL/,
    );
  });

  it("names the cell that hangs (11)", async () => {
    project.edit("notebooks/good.ipynb", "({ words, half: 1 / 2 })", "await 0;\\nwhile (true) {}");
    const report = await replayUntouched({ cellTimeoutMs: 1500 });
    expect(report.exitCode).toBe(11);
    expect(said(report)[0]).toBe("11 notebooks/good.ipynb, cell 2 (id c2) did not end within 1.5 s.");
  });

  it("names a data file that differs from the lock (30), and runs nothing on it", async () => {
    project.edit(facts, "Paris", "Lyons");
    const report = await replayUntouched();
    expect(report.exitCode).toBe(30);
    expect(said(report)).toEqual([
      expect.stringMatching(/^30 datasets\/facts\/geography\.jsonl differs from the lock/),
    ]);
    expect(report.rows.find(({ kind }) => kind === "notebook")).toMatchObject({ state: "skipped" });
  });

  it("names a data file that differs from the manifest (30), beside a figure that differs (21)", async () => {
    project.put(`${study}/figure.svg`, project.read(`${study}/figure.svg`).replace("<svg", "<SVG"));
    const data = { [facts]: sha256(project.read(facts)) };
    const failures = [new LawbookError("data-differs", `${facts} differs from the manifest.`)];
    const inputs = { engine: 1, wasm: { file: "module.wasm", sha256: sha256("module") }, data, failures };
    const report = await replayUntouched({ inputs });
    expect(said(report).map((text) => text.slice(0, 2))).toEqual(["21", "30", "31"]);
  });

  it("names a changed record (24) and does not draw from it", async () => {
    const path = `${study}/records.jsonl`;
    project.put(
      path,
      project.read(path).replace(/"strict":0\.(\d)/, (_, d: string) => `"strict":0.${(Number(d) + 1) % 10}`),
    );
    const report = await replayUntouched();
    expect(report.exitCode).toBe(24);
    expect(said(report)[0]).toMatch(new RegExp(`^24 .*${path}, line \\d+ `));
    expect(report.rows.find(({ kind }) => kind === "figure")).toMatchObject({ state: "skipped" });
  });

  it("names a changed figure (21), a changed verdict (22) and a package that drifted (32), all at once", async () => {
    project.put(`${study}/figure.svg`, project.read(`${study}/figure.svg`).replace("<svg", "<SVG"));
    project.put(
      `${study}/verdict.json`,
      project.read(`${study}/verdict.json`).replace('"not a test"', '"supported"'),
    );
    project.put("package-lock.json", '{"other":1}');
    const report = await replayUntouched();
    expect(report.exitCode).toBe(21);
    expect(said(report)).toEqual([
      expect.stringMatching(/^21 reports\/\S+\/figure\.svg is not what its records give/),
      expect.stringMatching(/^22 reports\/\S+\/verdict\.json is not what its records give/),
      expect.stringMatching(/^31 reports\/\S+\/figure\.svg differs from the lock/),
      expect.stringMatching(/^31 reports\/\S+\/verdict\.json differs from the lock/),
      expect.stringMatching(/^32 package-lock\.json differs from the lock/),
    ]);
    expect(report.rows.find(({ kind }) => kind === "notebook")).toMatchObject({ state: "same" });
  });

  it("tells a cell that cannot be repeated by anyone (31) from one that changed (20)", async () => {
    project.edit("notebooks/good.ipynb", "({ words, half: 1 / 2 })", "Math.random()");
    const report = await replayUntouched();
    expect(report.exitCode).toBe(20);
    expect(said(report).filter((text) => text.startsWith("31"))).toContain(
      "31 notebooks/good.ipynb, cell 2 (id c2), output 2, text/plain is not deterministic, two runs gave:",
    );
  });

  it("names what a notebook did to the project (31)", async () => {
    const source = 'import { writeFileSync } from \\"node:fs\\";\\nwriteFileSync(\\"left.txt\\", \\"x\\");';
    project.edit("notebooks/good.ipynb", "({ words, half: 1 / 2 })", source);
    const report = await replayed();
    expect(said(report).filter((text) => text.startsWith("31"))[1]).toBe(
      "31 notebooks/good.ipynb created notebooks/left.txt: a replay must leave all files as they are.",
    );
  });

  it("says what is missing: a lock (32), a notebook (2)", async () => {
    const { rmSync } = await import("node:fs");
    rmSync(project.path(LOCK_PATH));
    const report = await replayUntouched({ notebooks: [project.path("notebooks/nowhere.ipynb")] });
    expect(
      said(report)
        .map((text) => text.slice(0, 2))
        .sort(),
    ).toEqual(["2 ", "32"]);
  });

  it("refuses a notebook of another language", async () => {
    project.edit("notebooks/good.ipynb", '"language": "typescript"', '"language": "python"');
    expect(said(await replayUntouched())[0]).toMatch(
      /good\.ipynb is for another kernel: got language "python"/,
    );
  });

  it("stops when interrupted, and leaves nothing behind", async () => {
    project.edit(
      "notebooks/good.ipynb",
      "({ words, half: 1 / 2 })",
      "await new Promise((r) => setTimeout(r, 1e6))",
    );
    const controller = new AbortController();
    const progress: ReplayOptions["progress"] = ({ done }) => {
      if (done === 1) setTimeout(() => controller.abort(), 500);
    };
    const before = project.snapshot();
    await expect(replayed({ signal: controller.signal, progress })).rejects.toMatchObject({
      code: "interrupted",
    });
    expect(project.snapshot()).toEqual(before);
  });
});

describe("lawbook replay --accept", () => {
  it("accepts a changed cell with its lock, and the next replay passes", async () => {
    project.edit("notebooks/good.ipynb", 'words.join(\\" \\")', 'words.join(\\", \\")');
    expect((await replayed({ accept: true })).exitCode).toBe(0);
    expect(project.read("notebooks/good.ipynb")).toContain("model, discipline");
    expect(said(await replayUntouched())).toEqual([]);
  });

  it("writes no lock over a failure", async () => {
    project.put(`${study}/figure.svg`, "<svg/>");
    const report = await replayed({ accept: true });
    expect(report.exitCode).toBe(21);
    expect(project.snapshot()[LOCK_PATH]).toBe(committed[LOCK_PATH]);
  });

  it("refuses outputs that two runs do not share", async () => {
    project.edit("notebooks/good.ipynb", "({ words, half: 1 / 2 })", "Date.now()");
    const before = project.snapshot();
    expect((await replayed({ accept: true })).exitCode).toBe(31);
    expect(project.snapshot()).toEqual(before);
  });

  it("refuses outputs that show a folder of this machine", async () => {
    project.edit("notebooks/good.ipynb", "({ words, half: 1 / 2 })", "process.cwd()");
    const before = project.snapshot();
    expect(said(await replayed({ accept: true }))).toEqual([
      `31 notebooks/good.ipynb, cell 2 (id c2) shows a path of this machine: ${project.root}.`,
    ]);
    expect(project.snapshot()).toEqual(before);
  });

  it("keeps the outputs of a notebook that failed", async () => {
    project.edit("notebooks/good.ipynb", "({ words, half: 1 / 2 })", "nowhere()");
    const before = project.snapshot();
    expect((await replayed({ accept: true })).exitCode).toBe(10);
    expect(project.snapshot()).toEqual(before);
  });

  it("accepts one named notebook and leaves the rest of the lock as it was", async () => {
    project.put("notebooks/second.ipynb", notebookOfCells(["6 * 7"]));
    project.put("package-lock.json", '{"other":1}');
    const report = await replayed({ accept: true, notebooks: [project.path("notebooks/second.ipynb")] });
    expect(report.exitCode).toBe(0);
    const after = await replayUntouched();
    expect(said(after)).toEqual([expect.stringMatching(/^32 package-lock\.json differs from the lock/)]);
  });
});
