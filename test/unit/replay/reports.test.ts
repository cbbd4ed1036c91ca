import { rmSync } from "node:fs";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { EXIT_CODES } from "../../../src/core/errors.js";
import { balanceThenDiversity as law } from "../../../src/laws/balance-then-diversity.js";
import { checkFigures, checkOverview } from "../../../src/replay/figures.js";
import { readAllRecords } from "../../../src/replay/records.js";
import { acceptStudy } from "../../../src/study/overview.js";
import { conclude, writeStudy } from "../../../src/study/study.js";
import { type TemporaryProject, temporaryProject } from "../../support/project.js";
import { PILOT_LIKE, plantedStudy } from "../../support/records.js";

const name = law.rule.law;
const at = (file: string): string => `reports/${name}/${file}`;
let project: TemporaryProject;

beforeEach(async () => {
  project = temporaryProject();
  await writeStudy(project.path(`reports/${name}`), conclude(law, plantedStudy([101, 102, 103], PILOT_LIKE)));
});
afterEach(() => project.remove());

/** "24 where" for the damage that the records have. */
function damage(engine = 1): string[] {
  return readAllRecords(project.root, engine).flatMap(({ law: folder, failure }) =>
    failure === undefined ? [] : [`${EXIT_CODES[failure.code]} ${folder}: ${failure.message}`],
  );
}

describe("readAllRecords", () => {
  it("reads sound records of every study", () => {
    const [study, ...others] = readAllRecords(project.root, 1);
    expect(others).toEqual([]);
    expect(study).toMatchObject({ law: name });
    expect(study?.records).toHaveLength(21);
    expect(study?.failure).toBeUndefined();
  });

  it.each([
    [
      "a score",
      (line: string) =>
        line.replace(/"strict":0\.(\d)/, (_, digit: string) => `"strict":0.${(Number(digit) + 1) % 10}`),
    ],
    ["the seed", (line: string) => line.replace(/"seed":101/, '"seed":102')],
    [
      "a digit of the id",
      (line: string) => line.replace(/"id":"(.)/, (_, digit: string) => `"id":"${digit === "0" ? "1" : "0"}`),
    ],
    ["the outcome", (line: string) => line.replace('"finished"', '"finishes"')],
    ["a space", (line: string) => line.replace("{", "{ ")],
    ["a bracket", (line: string) => line.replace("{", "[")],
  ])("finds one changed byte: %s", (_, change) => {
    const lines = project.read(at("records.jsonl")).split("\n");
    const index = lines.findIndex((line) => change(line) !== line);
    lines[index] = change(lines[index] ?? "");
    project.put(at("records.jsonl"), lines.join("\n"));
    const found = damage();
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(new RegExp(`^24 ${name}: .*${at("records.jsonl")}, line ${index + 1} `));
    expect(found[0]).not.toContain(project.root);
  });

  it("does not let one damaged study hide the next", () => {
    project.put("reports/second/records.jsonl", "{}\n");
    project.put(at("records.jsonl"), project.read(at("records.jsonl")).slice(0, -10));
    expect(damage().map((text) => text.split(":")[0])).toEqual([`24 ${name}`, "24 second"]);
  });

  it("takes a study without records for damaged", () => {
    project.put("reports/empty/figure.json", "{}");
    expect(damage()).toEqual([
      expect.stringMatching(/^24 empty: There is no file reports\/empty\/records\.jsonl/),
    ]);
  });

  it("passes over a rule that waits for its runs", () => {
    project.put("reports/waiting/rule.json", "{}");
    expect(readAllRecords(project.root, 1).map(({ law: folder }) => folder)).toEqual([name]);
  });

  it("names another engine as what it is", () => {
    expect(damage(2)).toEqual([expect.stringMatching(/^32 .*is of engine 1, this is engine 2\./)]);
  });
});

describe("checkFigures", () => {
  const check = async (): Promise<string[]> =>
    (await checkFigures(project.root, name)).map(({ code, message }) => `${EXIT_CODES[code]} ${message}`);

  it("is silent about a study as it was written", async () => {
    expect(await check()).toEqual([]);
  });

  it("shows the value of a figure that was changed", async () => {
    project.put(at("figure.json"), project.read(at("figure.json")).replace(/"height":(\d+)/, '"height":1'));
    expect(await check()).toEqual([
      expect.stringMatching(
        /^21 reports\/\S+\/figure\.json is not what its records give:\n.*height\n- 1\n\+ \d+/,
      ),
    ]);
  });

  it("finds one changed byte of picture, drawing and verdict, all at once", async () => {
    const svg = project.read(at("figure.svg"));
    project.put(at("figure.svg"), svg.replace("<svg", "<svG"));
    project.put(at("verdict.json"), project.read(at("verdict.json")).replace('"not a test"', '"supported"'));
    project.put(at("figure.png"), new Uint8Array([1, 2, 3]));
    expect((await check()).map((text) => text.split(" is ")[0])).toEqual([
      `21 ${at("figure.svg")}`,
      `21 ${at("figure.png")}`,
      `22 ${at("verdict.json")}`,
    ]);
  });

  it("finds a changed byte that changes no value", async () => {
    project.put(at("figure.json"), `${project.read(at("figure.json"))} `);
    expect(await check()).toEqual([expect.stringMatching(/^21 .*figure\.json/)]);
  });

  it("finds a file that is missing", async () => {
    rmSync(project.path(at("figure.png")));
    expect(await check()).toEqual([expect.stringMatching(/^21 .*figure\.png is missing/)]);
  });

  it.each<[what: string, change: () => void, complaint: RegExp]>([
    [
      "changed",
      () => project.put(at("rule.json"), project.read(at("rule.json")).replace('"sesoi":', '"sesoi":0')),
      /^reports\/balance-then-diversity\/rule\.json holds no rule of the source/,
    ],
    [
      "missing",
      () => rmSync(project.path(at("rule.json"))),
      /^There is no file reports\/balance-then-diversity\/rule\.json/,
    ],
  ])("refuses a rule that is %s", async (_, change, complaint) => {
    change();
    await expect(check()).rejects.toMatchObject({
      code: "record-damaged",
      message: expect.stringMatching(complaint) as string,
    });
  });
});

describe("checkOverview", () => {
  beforeEach(async () => {
    await acceptStudy(
      project.path(`reports/${name}`),
      conclude(law, plantedStudy([101, 102, 103], PILOT_LIKE)),
    );
  });

  it("finds the page and the forest plot as the studies give them", async () => {
    expect(await checkOverview(project.root)).toEqual([]);
  });

  it("finds a changed page, a missing plot and a verdict that is not on the page", async () => {
    const page = project.read("reports/index.html");
    project.put("reports/index.html", page.replace("not a test", "supported"));
    rmSync(project.path("reports/forest-dark.png"));
    const found = await checkOverview(project.root);
    expect(found.map(({ code, data }) => `${code} ${String(data["file"])}`)).toEqual([
      "figure-differs index.html",
      "figure-differs forest-dark.png",
    ]);
  });
});
