import { describe, expect, it } from "vitest";

import { canonicalJson } from "../../../src/core/canonical.js";
import { smallDiscipline as smallUnder } from "../../../src/laws/balance-then-diversity-arms.js";
import { balanceThenDiversity as law } from "../../../src/laws/balance-then-diversity.js";
import type { RunRecord } from "../../../src/runs/record.js";
import {
  type Discipline,
  DISCIPLINES,
  type FactsData,
  type TrainRequest,
} from "../../../src/runs/request.js";
import { parseTrainRequest } from "../../../src/runs/schema.js";
import { PILOT_LIKE, plantedRecord, plantedStudy } from "../../support/records.js";

const armsOf = (seed: number): Readonly<Record<string, TrainRequest>> =>
  law.arms(seed) as Record<string, TrainRequest>;
const arms = armsOf(101);
const smallDiscipline = (seed: number): Discipline => smallUnder(law.rule, seed);
const data = (arm: string): FactsData => arms[arm]!.data as FactsData;

describe("the runs of one seed", () => {
  it("are three arms, two control arms and two reference models", () => {
    expect(Object.keys(arms)).toEqual([
      "proportional",
      "balanced",
      "balanced+diversity",
      "balanced, control",
      "balanced+diversity, control",
      "small discipline alone",
      "instruct",
    ]);
  });

  it("rotate the small discipline over geography and biology", () => {
    expect([1, 2, 3, 101, 102].map(smallDiscipline)).toEqual([
      "geography",
      "biology",
      "geography",
      "geography",
      "biology",
    ]);
    expect((armsOf(2)["balanced"]!.data as FactsData).facts).toMatchObject({ biology: 60, geography: 240 });
  });

  it.each(["proportional", "balanced", "balanced, control"])("have 48 rows to 1 in %s", (arm) => {
    const { facts, wordings } = data(arm);
    for (const large of DISCIPLINES.filter((one) => one !== "geography")) {
      expect((facts[large]! * wordings[large]!) / (facts.geography! * wordings.geography!)).toBe(48);
    }
  });

  it("have the same steps, batch and schedule in every trained arm, and none in the untouched model", () => {
    const { instruct, ...trained } = arms;
    expect(instruct!.steps).toBe(0);
    const cost = Object.values(trained).map(({ steps, batch, tokens, optimizer, schedule, method, model }) =>
      canonicalJson({ steps, batch, tokens, optimizer, schedule, method, model }),
    );
    expect(new Set(cost).size).toBe(1);
  });

  it("are whole requests: reading one fills nothing in", () => {
    for (const request of Object.values(arms)) {
      expect(canonicalJson(parseTrainRequest(request))).toBe(canonicalJson(request));
    }
  });

  it("differ between treatment and comparator in wordings and sampler alone", () => {
    for (const [treatment, comparator] of [
      ["balanced+diversity", "balanced"],
      ["balanced+diversity, control", "balanced, control"],
    ] as const) {
      const { facts, wordings, sampler } = data(comparator);
      expect({
        ...arms[comparator],
        data: { facts, wordings: { ...wordings, geography: 16 }, sampler: { ...sampler, diversity: true } },
      }).toEqual(arms[treatment]);
    }
  });
});

describe("the grid", () => {
  const grid = law.grid!(1) as Record<string, TrainRequest>;

  it("belongs to some of the seeds, and is found with a seed that has all of it", () => {
    expect(Object.keys(law.grid!(3))).toEqual(Object.keys(grid));
    expect(law.grid!(4)).toEqual({});
    const records = plantedStudy([1], PILOT_LIKE);
    expect(law.evidence(records).grids.map(({ name }) => name)).toEqual(["rows", "wordings", "facts"]);
    const last = records.find(
      ({ request }) => canonicalJson(request) === canonicalJson(grid["facts 120, balanced"]),
    );
    expect(law.evidence(records.filter((record) => record !== last)).grids).toEqual([]);
  });

  it("meets the compared arms at the imbalance of the claim", () => {
    const compared = armsOf(1);
    expect(canonicalJson(grid["rows 48, balanced+diversity"])).toBe(
      canonicalJson(compared["balanced+diversity"]),
    );
    expect(canonicalJson(grid["rows 48, proportional"])).toBe(canonicalJson(compared["proportional"]));
    expect(canonicalJson(grid["facts 60, balanced"])).toBe(canonicalJson(compared["balanced"]));
  });

  it.each([1, 4, 12, 48])("has %i rows of a large discipline for each of the small one", (rows) => {
    const { facts, wordings } = grid[`rows ${rows}, proportional`]!.data as FactsData;
    expect((facts.biology! * wordings.biology!) / (facts.geography! * wordings.geography!)).toBe(rows);
  });

  it("gives diversity without balance the shares of the copies", () => {
    const { sampler, wordings } = grid["rows 12, diversity"]!.data as FactsData;
    expect(wordings.geography).toBe(16);
    expect(sampler.weights!.biology! / sampler.weights!.geography!).toBe(12);
  });
});

describe("evidence", () => {
  const records = plantedStudy([101, 102, 103], PILOT_LIKE);
  const evidence = law.evidence(records);

  it("finds each arm's scores by the request, in any order of records", () => {
    expect(law.evidence([...records].reverse())).toEqual(evidence);
    expect(evidence.seeds).toEqual([101, 102, 103]);
    expect(evidence.units).toEqual(["geography", "biology", "geography"]);
    const diverse = evidence.arms.find(({ arm }) => arm === "balanced+diversity")!;
    expect(diverse.values).toEqual(
      [101, 102, 103].map((seed) => {
        const request = canonicalJson(law.arms(seed)["balanced+diversity"]);
        const record = records.find((one) => canonicalJson(one.request) === request)!;
        return record.result.scores["t-recall"]![smallDiscipline(seed)]!.strict;
      }),
    );
    expect(evidence.primary.values).toEqual(
      diverse.values.map(
        (value, index) => value - evidence.arms.find(({ arm }) => arm === "balanced")!.values[index]!,
      ),
    );
  });

  it("reports what was fed of the small discipline, nothing for the untouched model", () => {
    const fed = Object.fromEntries(evidence.arms.map(({ arm, consumed }) => [arm, consumed]));
    expect(fed["balanced"]).toEqual({ facts: 60, wordings: 120, rows: 2560, maxRepeats: 5, vendi: 20 });
    expect(fed["balanced, control"]).toMatchObject({ facts: 120 });
    expect(fed["instruct"]).toBeNull();
  });

  it("compares the large disciplines as a macro mean", () => {
    const large = evidence.secondary.find(({ name }) => name.startsWith("large"))!;
    const [diverse, proportional] = ["balanced+diversity", "proportional"].map((arm) => {
      const request = canonicalJson(law.arms(101)[arm]);
      const scores = records.find((one) => canonicalJson(one.request) === request)!.result.scores[
        "t-recall"
      ]!;
      const four = ["mathematics", "chemistry", "biology", "medicine"] as const;
      return four.reduce((total, one) => total + scores[one]!.strict, 0) / 4;
    });
    expect(large.values[0]).toBeCloseTo(diverse! - proportional!, 12);
  });

  it("changes with any one record", () => {
    const before = canonicalJson(evidence);
    records.forEach((record, index) => {
      const other = plantedRecord(record.request, () => 0.5);
      const changed = [...records.slice(0, index), other, ...records.slice(index + 1)];
      expect(canonicalJson(law.evidence(changed))).not.toBe(before);
    });
  });

  it("counts a diverged run as 0 and names it", () => {
    const broken = records.map((record): RunRecord =>
      canonicalJson(record.request) === canonicalJson(law.arms(102)["balanced+diversity"])
        ? { ...record, outcome: "diverged", result: { ...record.result, scores: {} } }
        : record,
    );
    const { arms: scored, diverged } = law.evidence(broken);
    expect(scored.find(({ arm }) => arm === "balanced+diversity")!.values[1]).toBe(0);
    expect(diverged).toHaveLength(1);
  });

  it("refuses an incomplete seed, a missing score, mixed base models and foreign records", () => {
    expect(() => law.evidence(records.slice(1))).toThrow(
      /Seed 101 is incomplete: got no record of "proportional"/,
    );
    const noScore = records.map((record) => ({ ...record, result: { ...record.result, scores: {} } }));
    expect(() => law.evidence(noScore)).toThrow(/scores.t-recall/);
    const mixed = records.map((record, index) => (index === 3 ? { ...record, engine: 2 } : record));
    expect(() => law.evidence(mixed)).toThrow(/one engine, and one model of each name/);
    const twice = [...records, plantedRecord(records[0]!.request, () => 0.1, { engine: 2 })];
    expect(() => law.evidence(twice)).toThrow(/Two records answer the same request/);
    const foreign = plantedRecord({ ...records[0]!.request, steps: 7 }, () => 0.1);
    expect(() => law.evidence([foreign])).toThrow(/No record belongs to this law/);
  });

  it("sums cost as tokens times parameters", () => {
    const each = 400 * 32 * 28 * 382_656;
    expect(evidence.cost).toEqual({ runs: 21, tokenParameters: 18 * each });
  });
});
