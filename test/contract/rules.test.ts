import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { canonicalJson } from "../../src/core/canonical.js";
import { armsBefore } from "../../src/laws/arms.js";
import { LAWS } from "../../src/laws/list.js";
import { pilotArms } from "../../src/laws/pilot.js";
import { committedModels, resolveTrain } from "../../src/runs/resolve.js";
import { openStore } from "../../src/runs/store.js";
import { pilotFiles, pilotFolder, readPilot } from "../../src/study/pilot.js";
import { recordsText } from "../../src/study/records.js";
import { temporaryProject, type TemporaryProject } from "../support/project.js";
import { PILOT_LIKE, plantedStudy } from "../support/records.js";
import { ruleOrder } from "../support/rule-order.js";

const root = resolve(import.meta.dirname, "../..");

describe.each(LAWS.map((law) => [law.rule.law, law] as const))("the law %s", (name, law) => {
  const folder = `reports/${name}`;

  it("has a rule that a test can follow", () => {
    const { rule } = law;
    expect(rule.seeds.length).toBeGreaterThanOrEqual(10);
    expect(rule.seeds.every((seed) => Number.isInteger(seed) && seed >= 1 && seed <= 99)).toBe(true);
    expect(new Set(rule.seeds).size).toBe(rule.seeds.length);
    expect(rule.sesoi).toBeGreaterThan(0);
    expect(JSON.parse(canonicalJson(rule))).toEqual(rule);
    for (const seed of [...rule.seeds, 101]) {
      const arms = law.arms(seed);
      for (const name of Object.values(rule.arms))
        expect(Object.keys(arms).some((arm) => arm === name || arm.startsWith(`${name}, `))).toBe(true);
      for (const request of Object.values(arms)) {
        expect(request.seed).toBe(seed);
        // A merge has no device: its bytes are the same everywhere.
        if (request.kind === "train") expect(request.device).toBe(rule.device);
      }
    }
    const requests = Object.values(law.arms(101)).map((request) => canonicalJson(request));
    expect(new Set(requests).size).toBe(requests.length);
  });

  it("asks in the words of its records, which hold nothing that is left open", () => {
    const store = openStore({ root, home: join(root, ".lawbook"), ignoreCommitted: true });
    const models = committedModels(root);
    const arms = { ...law.arms(1), ...law.grid?.(1), ...pilotArms(law.pilot, 101) };
    for (const [arm, request] of Object.entries(arms)) {
      if (request.kind !== "train" || armsBefore(request).length > 0 || !models.includes(request.model))
        continue;
      expect(resolveTrain(request, root, store).request, arm).toEqual(request);
    }
  });

  it.runIf(existsSync(join(root, folder)))("has its rule in its report, to the byte", () => {
    expect(readFileSync(join(root, folder, "rule.json"), "utf8")).toBe(`${canonicalJson(law.rule)}\n`);
  });

  const pilot = join(root, pilotFolder(law));
  it.runIf(existsSync(pilot))("has the settings that its pilot chose, and passed the gate", () => {
    const study = readPilot(root, law);
    expect(study.findings.passes).toBe(true);
    expect(study.findings.tuning.filter(({ inRule }) => !inRule)).toEqual([]);
    for (const [name, text] of Object.entries(pilotFiles(study)))
      expect(readFileSync(join(pilot, name), "utf8")).toBe(text);
  });

  it.runIf(existsSync(join(root, folder)))("had its rule committed before its runs", ({ skip }) => {
    const order = ruleOrder(root, folder);
    if (order.kind === "unknown") skip(order.reason);
    expect(order).toMatchObject({ kind: "before" });
  });
});

const gitVersion = spawnSync("git", ["--version"]);

describe.skipIf(gitVersion.status !== 0)("the order of rule and records", () => {
  const law = LAWS.find(({ rule: { number } }) => number === 1)!;
  const folder = `reports/${law.rule.law}`;
  const rule = `${canonicalJson(law.rule)}\n`;
  const ofLaw = recordsText(plantedStudy([1], PILOT_LIKE));
  const ofPilot = recordsText(plantedStudy([101], PILOT_LIKE));
  let project: TemporaryProject;

  beforeEach(() => {
    project = temporaryProject();
    git("init", "--quiet");
  });
  afterEach(() => project.remove());

  function git(...args: string[]): void {
    const identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"];
    const { status, stderr } = spawnSync("git", ["-C", project.root, ...identity, ...args], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(stderr);
  }
  function commit(files: Record<string, string>): void {
    for (const [name, text] of Object.entries(files)) project.put(`${folder}/${name}`, text);
    git("add", "-A");
    git("commit", "--quiet", "-m", "a step");
  }
  const order = (): string => ruleOrder(project.root, folder).kind;

  it("is right when the rule came first", () => {
    commit({ "rule.json": rule });
    project.put(`${folder}/records.jsonl`, ofLaw);
    expect(order()).toBe("before");
    commit({ "records.jsonl": ofLaw });
    expect(order()).toBe("before");
  });

  it("is right for pilot records before the rule, when law records came after it", () => {
    commit({ "records.jsonl": ofPilot });
    commit({ "rule.json": rule });
    expect(order()).toBe("unknown");
    commit({ "records.jsonl": ofLaw });
    expect(order()).toBe("before");
  });

  it("is violated when records came first, came together, or the rule changed after them", () => {
    commit({ "records.jsonl": ofLaw });
    project.put(`${folder}/rule.json`, rule);
    expect(order()).toBe("violated");
    commit({ "rule.json": rule });
    expect(order()).toBe("violated");
  });

  it("is violated when both came in one commit", () => {
    commit({ "rule.json": rule, "records.jsonl": ofLaw });
    expect(order()).toBe("violated");
  });

  it("is violated when the rule changed after its records", () => {
    commit({ "rule.json": rule.replace('"sesoi":0.1', '"sesoi":0.3') });
    commit({ "records.jsonl": ofLaw });
    commit({ "rule.json": rule });
    expect(order()).toBe("violated");
  });

  it("cannot be seen without history", () => {
    project.put(`${folder}/rule.json`, rule);
    project.put(`${folder}/records.jsonl`, ofLaw);
    expect(order()).toBe("unknown");
  });
});
