import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { canonicalJson, contentId, sha256 } from "../../../src/core/canonical.js";
import {
  listFolder,
  makeTemporaryFolder,
  readText,
  remove,
  sha256File,
  writeAtomic,
} from "../../../src/core/files.js";
import { balanceThenDiversity as law } from "../../../src/laws/balance-then-diversity.js";
import type { RunRecord } from "../../../src/runs/record.js";
import { closeUnderParents, sortRecords } from "../../../src/runs/record.js";
import { readRecords, recordsText } from "../../../src/study/records.js";
import { conclude, readStudy, STUDY_FILES, studyFiles, writeStudy } from "../../../src/study/study.js";
import { PILOT_LIKE, plantedRecord, plantedStudy } from "../../support/records.js";

const records = plantedStudy([101, 102, 103], PILOT_LIKE);
let folder: string;
let scratch: string;

beforeAll(async () => {
  scratch = makeTemporaryFolder("lawbook-study");
  folder = join(scratch, "balance-then-diversity");
  await writeStudy(folder, conclude(law, records));
});
afterAll(() => remove(scratch));

describe("a study folder", () => {
  it("holds its six files, byte-stable, and says not a test for a pilot", async () => {
    expect(listFolder(folder)).toEqual([...STUDY_FILES].sort());
    const again = await studyFiles(conclude(law, [...records].reverse()));
    for (const name of STUDY_FILES) expect(sha256(again[name])).toBe(sha256File(join(folder, name)));
    const { verdict, evidence } = JSON.parse(readText(join(folder, "verdict.json")));
    expect(verdict.word).toBe("not a test");
    expect(evidence.rule).toBe(contentId(law.rule));
    expect(evidence.records).toBe(sha256File(join(folder, "records.jsonl")));
    expect(readText(join(folder, "figure.svg"))).toContain("not a test (3 pilot seeds");
  });

  it("is drawn anew from rule and records alone", async () => {
    const alone = join(scratch, "alone");
    for (const name of ["rule.json", "records.jsonl"]) {
      writeAtomic(join(alone, name), readText(join(folder, name)));
    }
    const files = await studyFiles(readStudy(alone));
    for (const name of STUDY_FILES) expect(sha256(files[name])).toBe(sha256File(join(folder, name)));
  });

  it("changes evidence, verdict and figure with one record", async () => {
    const changed = records.map((record, index) =>
      index === 2 ? plantedRecord(record.request, () => 0.3) : record,
    );
    const files = await studyFiles(conclude(law, changed));
    for (const name of [
      "records.jsonl",
      "verdict.json",
      "figure.json",
      "figure.svg",
      "figure.png",
    ] as const) {
      expect(sha256(files[name]), name).not.toBe(sha256File(join(folder, name)));
    }
  });

  it("leaves nothing behind when a study cannot be drawn", async () => {
    const study = conclude(law, records);
    await expect(writeStudy(join(scratch, "bad"), { ...study, figure: {} })).rejects.toThrow(/Vega-Lite/);
    expect(listFolder(scratch)).not.toContain("bad");
    expect(listFolder(scratch).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});

describe("damage", () => {
  const text = recordsText(records);
  const damagedBy = (change: (lines: string[]) => string): (() => unknown) => {
    const place = join(scratch, "damaged");
    writeAtomic(join(place, "rule.json"), readText(join(folder, "rule.json")));
    writeAtomic(join(place, "records.jsonl"), change(text.trimEnd().split("\n")));
    return () => readStudy(place);
  };
  const edit = (line: number, from: string | RegExp, to: string) => (lines: string[]) => {
    expect(lines[line - 1]).toMatch(from);
    lines[line - 1] = lines[line - 1]!.replace(from, to);
    return `${lines.join("\n")}\n`;
  };

  it.each([
    ["a digit", edit(4, '"chance":0.25', '"chance":0.250'), /records.jsonl, line 4 is not canonical JSON/],
    ["a score", edit(4, '"chance":0.25', '"chance":0.26'), /records.jsonl, line 4 is damaged: resultSha256/],
    ["a seed", edit(7, /"seed":10\d/, '"seed":109'), /line 7 is damaged: its id/],
    ["an id", edit(2, /"id":"./, '"id":"x'), /line 2 is damaged: its id/],
    ["a digest", edit(2, /"resultSha256":"./, '"resultSha256":"x'), /line 2 is damaged: resultSha256/],
    ["a space", edit(9, /,/, ", "), /line 9 is not canonical/],
    ["the outcome", edit(3, '"outcome":"finished"', '"outcome":"finishes"'), /line 3 has an unknown outcome/],
    ["a bracket", edit(5, /^\{/, "["), /line 5 is not JSON/],
    ["a whole line", edit(5, /^.*$/, "null"), /line 5 holds no record/],
    ["the order", (lines: string[]) => `${[...lines].reverse().join("\n")}\n`, /line 2 is out of order/],
    ["a repetition", (lines: string[]) => `${lines[0]}\n${lines.join("\n")}\n`, /line 2 is out of order/],
    ["the end", (lines: string[]) => lines.join("\n"), /line 21 does not end with a line break/],
  ])("of %s is found and named", (_, change, message) => {
    const read = damagedBy(change);
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ code: "record-damaged", exitCode: 24 }));
  });

  it("of the rule is found and named", () => {
    for (const [from, to] of [
      ['"sesoi":0.1', '"sesoi":0.2'],
      ["{", ""],
      ['"law":"b', '"law":"x'],
    ] as const) {
      // prettier-ignore
      const place = join(scratch, "rule-damaged");
      writeAtomic(join(place, "rule.json"), readText(join(folder, "rule.json")).replace(from, to));
      writeAtomic(join(place, "records.jsonl"), text);
      expect(() => readStudy(place)).toThrow(/rule.json holds no rule of the source/);
      expect(() => readStudy(place)).toThrow(expect.objectContaining({ code: "record-damaged" }));
    }
  });

  it("names what is missing", () => {
    expect(() => readStudy(join(scratch, "nowhere"))).toThrow(/There is no file .*rule.json/);
    expect(damagedBy((lines) => `${lines.slice(1).join("\n")}\n`)).toThrow(/is incomplete/);
  });
});

describe("records", () => {
  const child = (parent: string): RunRecord =>
    plantedRecord({ ...records[0]!.request, model: `run:${parent}` }, () => 0.5, { parents: [parent] });

  it("are closed under parents, each once", () => {
    const [parent] = records as [RunRecord];
    const middle = child(parent.id);
    const leaf = child(middle.id);
    const store = new Map([parent, middle].map((record) => [record.id, record]));
    const closed = closeUnderParents([leaf, leaf], (id) => store.get(id));
    expect(closed).toEqual(sortRecords([leaf, middle, parent]));
    expect(() => closeUnderParents([leaf], () => undefined)).toThrow(/no record of run/);
  });

  it("with a parent left out are damaged", () => {
    const path = join(scratch, "orphan.jsonl");
    const leaf = child("f".repeat(64));
    writeAtomic(path, recordsText([leaf]));
    expect(() => readRecords(path)).toThrow(/line 1 names a parent that is not in the file/);
  });

  it("survive a round trip", () => {
    const path = join(scratch, "round.jsonl");
    writeAtomic(path, recordsText(records));
    expect(canonicalJson(readRecords(path))).toBe(canonicalJson(sortRecords(records)));
  });
});
