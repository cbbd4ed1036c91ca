import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";

import type { Arguments, CommandContext } from "../../../src/commands/command.js";
import { lawCommand } from "../../../src/commands/law.js";
import { canonicalJson } from "../../../src/core/canonical.js";
import { readBytes } from "../../../src/core/files.js";
import { balanceThenDiversity as law } from "../../../src/laws/balance-then-diversity.js";
import { conclude, STUDY_FILES, studyFiles } from "../../../src/study/study.js";
import { temporaryProject, type TemporaryProject } from "../../support/project.js";
import { PILOT_LIKE, plantedStudy } from "../../support/records.js";

const REPORT = "reports/balance-then-diversity";
let committed: Record<string, Uint8Array>;
let project: TemporaryProject;

beforeAll(async () => {
  committed = await studyFiles(conclude(law, plantedStudy(law.rule.seeds, PILOT_LIKE)));
});
beforeEach(() => {
  project = temporaryProject();
  for (const name of STUDY_FILES) project.put(`${REPORT}/${name}`, committed[name]!);
});
afterEach(() => project.remove());

const context = (): CommandContext => ({
  cwd: project.root,
  root: project.root,
  home: project.path(".lawbook"),
  env: {},
  signal: new AbortController().signal,
  progress: () => undefined,
});
const run = (flags: Arguments["flags"] = {}, positionals = ["1"]): ReturnType<typeof lawCommand.run> =>
  lawCommand.run({ flags, positionals }, context());

describe("lawbook law N", () => {
  it("recomputes the verdict from committed records and writes nothing", async () => {
    const before = project.snapshot();
    const study = await run();
    const { json, text, display } = await lawCommand.show(study);
    const report = JSON.parse(project.read(`${REPORT}/verdict.json`));
    expect(json).toMatchObject({
      law: "balance-then-diversity",
      number: 1,
      n: 10,
      verdict: "supported",
      effect: report.verdict.effect,
      interval: report.verdict.interval,
      p: report.verdict.p,
      adjustedP: report.verdict.adjustedP,
      control: { mean: report.evidence.control.mean, failed: false },
    });
    expect(json).toHaveProperty("arms", report.evidence.arms);
    expect(text).toContain("● Law 1, Balance-then-Diversity: supported (10 seeds)");
    for (const part of [
      "Holm-adjusted = 0.008",
      "control",
      "small discipline alone",
      "large disciplines lose",
    ]) {
      expect(text).toContain(part);
    }
    expect(canonicalJson(display!["application/vnd.vegalite.v5+json"])).toBe(
      project.read(`${REPORT}/figure.json`).trimEnd(),
    );
    expect(Buffer.from(display!["image/png"] as string, "base64").equals(committed["figure.png"]!)).toBe(
      true,
    );
    expect(project.snapshot()).toEqual(before);
  });

  it("tells an arm's score from its strict and its lenient accuracy, and seeds by what they rotate", async () => {
    const study = await run();
    const [first] = study.evidence.arms;
    const interval = { low: 0.46, high: 0.54 };
    const arm = { ...first!, mean: 0.5, interval, strict: 0.07, lenient: 0.61, majority: 0.27 };
    const { text } = await lawCommand.show({ ...study, evidence: { ...study.evidence, arms: [arm] } });
    const lines = text.split("\n").map((line) => line.trim().split(/ {2,}/));
    const heading = lines.find(([word]) => word === "arm")!;
    expect(heading.slice(1, 6)).toEqual(["score", "95 % interval", "strict", "lenient", "majority"]);
    const row = lines[lines.indexOf(heading) + 1]!;
    expect(row.slice(0, 6)).toEqual([arm.arm, "0.50", "[0.46, 0.54]", "0.07", "0.61", "0.27"]);
    expect(text).toMatch(/seeds +1, 3, 5, 7, 9 \((\w+)\), 2, 4, 6, 8, 10 \((?!\1)\w+\)\n/);
  });

  it("judges some of the seeds, and calls nine not a test", async () => {
    const { verdict, records } = await run({ seeds: "1-9" });
    expect(verdict.word).toBe("not a test");
    const requests = Array.from({ length: 9 }, (_, index) =>
      Object.values({ ...law.arms(index + 1), ...law.grid!(index + 1) }),
    ).flat();
    expect(records).toHaveLength(new Set(requests.map((request) => canonicalJson(request))).size);
  });

  it("writes with --accept what is drawn from the records", async () => {
    await run({ accept: true });
    const accepted = project.snapshot();
    for (const name of STUDY_FILES)
      expect(Buffer.from(committed[name]!).equals(readBytes(project.path(`${REPORT}/${name}`))), name).toBe(
        true,
      );
    for (const name of ["figure.svg", "figure.png", "verdict.json", "../index.html", "../forest.svg"])
      project.put(`${REPORT}/${name}`, "damaged");
    await run({ accept: true });
    expect(project.snapshot()).toEqual(accepted);
  });

  it("adds a grid on the seeds that have one, counted from the first law seed", async () => {
    const whole = await run();
    expect(await run({ grid: true, seeds: "1" })).toEqual(whole);
    const path = `${REPORT}/records.jsonl`;
    const point = canonicalJson(law.grid!(1)["wordings 2, balanced+diversity"]);
    const lines = project.read(path).split("\n");
    const fewer = lines.filter((line) => !line.includes(point));
    expect(fewer).toHaveLength(lines.length - 1);
    project.put(path, fewer.join("\n"));
    expect(await run({ grid: true, seeds: "9,10" })).toEqual(await run());
    // Nothing can be trained in this project: it has no models.
    await expect(run({ grid: true, seeds: "1" })).rejects.toThrow(/xs-instruct/);
    await expect(run({ grid: true, seeds: "101,102" })).rejects.toThrow(/without committed records/);
  });

  it("says how to begin where there is no report", async () => {
    project.remove();
    project = temporaryProject();
    await expect(run()).rejects.toThrow(/There is no file .*rule\.json[\s\S]*--fresh --accept/);
  });

  it("names a damaged record", async () => {
    project.put(`${REPORT}/records.jsonl`, project.read(`${REPORT}/records.jsonl`).replace('"chance":0.25', '"chance":0.24')); // prettier-ignore
    await expect(run()).rejects.toMatchObject({ code: "record-damaged", exitCode: 24 });
  });

  it.each([
    [{ seeds: "1,101" }, /Seeds of a law run.*got \[1,101\]/],
    [{ grid: true }, /--grid: got "--fresh beside it"/],
    [{ seeds: "11" }, /a count from 1 to 10/],
    [{ seeds: "0" }, /a count from 1 to 10/],
    [{ seeds: "1,2,11" }, /distinct seeds of the rule/],
    [{ seeds: "2,2" }, /distinct seeds of the rule/],
    [{ seeds: "five" }, /expected a count, or a list/],
    [{ seeds: "1-" }, /expected a count, or a list/],
    [{ seeds: "3-1" }, /Seeds of a pilot run|Seeds of a law run/],
    [{ seeds: "1-9999999" }, /expected a count, or a list/],
    [{ jobs: 0 }, /--jobs: got 0, expected a whole number/],
    [{ jobs: 1.5 }, /--jobs/],
  ])("refuses %j before anything runs", async (flags, message) => {
    const before = project.snapshot();
    await expect(run({ fresh: true, accept: true, ...flags })).rejects.toThrow(message);
    await expect(run({ fresh: true, ...flags })).rejects.toMatchObject({ code: "usage" });
    expect(project.snapshot()).toEqual(before);
  });

  it("refuses an unknown law and seeds without records", async () => {
    await expect(run({}, ["7"])).rejects.toThrow(
      /Unknown law: got "7", expected one of 0 \(variability\), 1 \(balance-then-diversity\)/,
    );
    await expect(run({ seeds: "101" })).rejects.toThrow(/Seeds without committed records: got \[101\]/);
    // A count below ten asks for pilot seeds, and these records are of law seeds.
    await expect(run({ seeds: "3" })).rejects.toThrow(/got \[101,102,103\]/);
  });
});
