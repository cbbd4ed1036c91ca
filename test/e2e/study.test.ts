import { mkdirSync, symlinkSync } from "node:fs";
import { resolve } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { canonicalJson } from "../../src/core/canonical.js";
import { armModel } from "../../src/laws/arms.js";
import { balanceThenDiversityUnder } from "../../src/laws/balance-then-diversity.js";
import { balanceThenDiversityRule as rule } from "../../src/laws/balance-then-diversity.rule.js";
import type { Law } from "../../src/laws/law.js";
import { newCheckpoint, writeCheckpoint } from "../../src/model/checkpoint.js";
import { SIZES } from "../../src/model/config.js";
import { execute } from "../../src/runs/execute.js";
import type { TrainRequest } from "../../src/runs/request.js";
import { resolveTrain, tokenizerFolder } from "../../src/runs/resolve.js";
import { openStore } from "../../src/runs/store.js";
import { addGrid, planStudy, runStudy, type StudyOptions } from "../../src/study/run.js";
import { STUDY_FILES, studyFiles } from "../../src/study/study.js";
import type { Executor } from "../../src/sweep/local.js";
import { temporaryProject, type TemporaryProject } from "../support/project.js";

/** Law 1 with trainings of three steps, from random weights: every part runs, nothing can be learnt. */
const tiny = balanceThenDiversityUnder({
  ...rule,
  settings: {
    training: {
      ...rule.settings.training,
      steps: 3,
      batch: 8,
      schedule: { kind: "constant", warmup: 0, floor: 0 },
    },
    small: { ...rule.settings.small, facts: 4, wordings: { copies: 1, diverse: 3 } },
    large: { facts: 6, wordings: 2 },
    control: { smallFacts: 6, largeWordings: 3 },
    grid: rule.settings.grid,
  },
});

let project: TemporaryProject;
let trained = 0;
const inThisProcess: Executor = async (runs, { root, home }) => {
  const store = openStore({ root, home, ignoreCommitted: true });
  const records = [];
  for (const run of runs) {
    const known = store.find(run.id);
    if (known === undefined) trained++;
    records.push(known ?? (await execute(run, { root, store })));
  }
  return records;
};

beforeAll(async () => {
  project = temporaryProject();
  mkdirSync(project.path("datasets/models"), { recursive: true });
  for (const name of ["embeddings", "facts", "templates", "tokenizer"]) {
    symlinkSync(resolve("datasets", name), project.path(`datasets/${name}`));
  }
  const model = newCheckpoint(SIZES.xs, 1, tokenizerFolder(project.root));
  await writeCheckpoint(project.path("datasets/models/xs-instruct"), model);
});
afterAll(() => project.remove());

describe("a study from requests to figure", () => {
  const study = (home: string): ReturnType<typeof runStudy> =>
    runStudy(tiny, [101], "pilot", { root: project.root, home: project.path(home), executor: inThisProcess });

  it("trains every arm, answers the second time from the store, and repeats a run to the byte in a new one", async () => {
    const first = await study("one");
    expect(trained).toBe(7);
    expect(first.verdict.word).toBe("not a test");
    expect(first.evidence.seeds).toEqual([101]);
    expect(first.evidence.arms.map(({ arm, consumed }) => [arm, consumed?.facts])).toContainEqual([
      "instruct",
      undefined,
    ]);
    expect(first.records.map(({ request }) => canonicalJson(request)).sort()).toEqual(
      planStudy(tiny.arms, [101])
        .flat()
        .map(({ request }) => canonicalJson(request))
        .sort(),
    );
    const files = await studyFiles(first);

    await study("one");
    expect(trained).toBe(7);

    const elsewhere = openStore({ root: project.root, home: project.path("two") });
    const balanced = canonicalJson(tiny.arms(101)["balanced"]);
    const record = first.records.find(({ request }) => canonicalJson(request) === balanced)!;
    const { outcome, result, resultSha256, ...run } = record;
    // As it comes back from records.jsonl, where canonical JSON has sorted the disciplines.
    const readBack = JSON.parse(canonicalJson(run.request)) as TrainRequest;
    const again = resolveTrain(readBack, project.root, elsewhere);
    expect(await execute(again, { root: project.root, store: elsewhere })).toEqual({
      ...run,
      outcome,
      result,
      resultSha256,
    });
    expect(Object.keys(files)).toEqual([...STUDY_FILES]);
    expect(new TextDecoder().decode(files["figure.svg"])).toContain("not a test (1 pilot seed");
  });

  it("trains no grid where only the compared arms are wanted", async () => {
    const [seed] = tiny.rule.settings.grid.seeds;
    expect(Object.keys(tiny.grid!(seed!)).length).toBeGreaterThan(0);
    const { records } = await runStudy(tiny, [seed!], "law", {
      root: project.root,
      home: project.path("four"),
      executor: inThisProcess,
      compared: true,
    });
    const requests = (all: readonly object[]): string[] =>
      all.map((request) => canonicalJson(request)).sort();
    expect(requests(records.map(({ request }) => request))).toEqual(
      requests(Object.values(tiny.arms(seed!))),
    );
  });

  describe("a grid beside arms on record", () => {
    const [seed] = tiny.rule.settings.grid.seeds;
    const arms = tiny.arms(seed!);
    const further: Law = {
      ...tiny,
      // The second starts from an arm, the first is one.
      grid: () => ({
        again: arms["balanced"]!,
        further: { ...(arms["balanced"] as TrainRequest), model: armModel("proportional") },
      }),
    };
    const place = (home: string): StudyOptions => ({
      root: project.root,
      home: project.path(home),
      executor: inThisProcess,
    });

    it("trains what is not on record, and the arms that it starts from", async () => {
      const compared = await runStudy(tiny, [seed!], "law", { ...place("five"), compared: true });
      const before = trained;
      const { records } = await addGrid({ ...compared, law: further }, place("six"));
      expect(trained - before).toBe(2);
      const known = new Set(compared.records.map(({ id }) => id));
      const added = records.filter(({ id }) => !known.has(id));
      expect(records.length).toBe(known.size + 1);
      expect((await addGrid({ ...compared, law: further }, place("six"), [])).records).toEqual(
        compared.records,
      );
      expect((await addGrid({ ...compared, records, law: further }, place("seven"))).records).toEqual(
        records,
      );
      expect(trained - before).toBe(2);
      const [parent] = added[0]!.inputs.parents;
      expect(records.find(({ id }) => id === parent)!.request).toMatchObject({
        data: (arms["proportional"] as TrainRequest).data,
      });
    });

    it("refuses an arm that gives another result than its record", async () => {
      const compared = await runStudy(tiny, [seed!], "law", { ...place("five"), compared: true });
      const records = compared.records.map((record) => ({ ...record, resultSha256: "0".repeat(64) }));
      const altered = { ...compared, law: further, records };
      await expect(addGrid(altered, place("six"))).rejects.toMatchObject({ code: "retrain-differs" });
    });
  });

  it("refuses a pilot on law seeds before anything is trained", async () => {
    const before = trained;
    for (const [seeds, purpose] of [
      [[1, 2, 3], "pilot"],
      [[101], "law"],
    ] as const) {
      await expect(
        runStudy(tiny, seeds, purpose, {
          root: project.root,
          home: project.path("three"),
          executor: inThisProcess,
        }),
      ).rejects.toMatchObject({ code: "usage" });
    }
    expect(trained).toBe(before);
  });
});
