import { describe, expect, it } from "vitest";

import { LawbookError } from "../../../src/core/errors.js";
import type { ReplayOptions } from "../../../src/replay/options.js";
import type { LawRecords } from "../../../src/replay/records.js";
import { ReportBuilder, type ReplayReport } from "../../../src/replay/report.js";
import { chooseRecords, retrainSome } from "../../../src/replay/retraining.js";
import type { RunRecord } from "../../../src/runs/record.js";
import type { RunDigests } from "../../../src/runs/retrain.js";
import { PILOT_LIKE, plantedStudy } from "../../support/records.js";

const records = plantedStudy([101, 102, 103], PILOT_LIKE);
const digests = ({ result, resultSha256 }: RunRecord): RunDigests => ({
  weights: String(result.weights),
  resultSha256,
});

/** Chooses and "trains" with a trainer that the test plays, to see what is asked of it and what is said of its answer. */
async function chosenBy(
  trainAgain: ReplayOptions["trainAgain"],
  {
    retrain = 1,
    seconds = (_: RunRecord): number => 1,
    of = records as readonly RunRecord[],
    laws = [{ law: "law", records: of }] as readonly LawRecords[],
  } = {},
): Promise<{ asked: RunRecord[]; report: ReplayReport }> {
  const asked: RunRecord[] = [];
  const report = new ReportBuilder();
  const options: ReplayOptions = {
    root: "/",
    env: {},
    notebooks: [],
    accept: false,
    retrain,
    cellTimeoutMs: 1,
    signal: new AbortController().signal,
    progress: () => {},
    inputs: { engine: 1, wasm: { file: "", sha256: "" }, data: {}, failures: [] },
    plannedSeconds: seconds,
    trainAgain: (record, home) => {
      asked.push(record);
      return trainAgain(record, home);
    },
  };
  await retrainSome(options, laws, "/home", report);
  return { asked, report: report.build() };
}

const equal: ReplayOptions["trainAgain"] = (record) =>
  Promise.resolve({ id: record.id, expected: digests(record), got: digests(record), equal: true });

describe("retrainSome", () => {
  it("reports equal digests", async () => {
    const { asked, report } = await chosenBy(equal);
    expect(asked).toHaveLength(1);
    expect(report).toMatchObject({ exitCode: 0, rows: [{ kind: "retrain", state: "same" }] });
  });

  it("fails with 23 and both digests where the bytes differ", async () => {
    const { asked, report } = await chosenBy((record) => {
      const got = { ...digests(record), weights: "another" };
      return Promise.resolve({ id: record.id, expected: digests(record), got, equal: false });
    });
    expect(report.exitCode).toBe(23);
    expect(report.failures[0]?.message).toContain(
      `Record ${asked[0]?.id}, trained again, gives other bytes:\n- weights `,
    );
    expect(report.failures[0]?.message).toContain("\n+ weights another");
  });

  it("keeps the code of what went wrong", async () => {
    const { report } = await chosenBy(() => Promise.reject(new LawbookError("engine", "Another engine.")));
    expect(report).toMatchObject({ exitCode: 32, rows: [{ state: "failed" }] });
  });

  it("never takes a record above the limit", async () => {
    const seconds = ({ id }: RunRecord): number => (id === records[4]?.id ? 119 : 120);
    const { asked } = await chosenBy(equal, { retrain: 5, seconds });
    expect(asked.map(({ id }) => id)).toEqual([records[4]?.id]);
  });

  it("counts the time of parents, each once", async () => {
    const [child, parent, grandparent] = records as [RunRecord, RunRecord, RunRecord];
    const family = [
      { ...child, inputs: { ...child.inputs, parents: [parent.id, grandparent.id] } },
      { ...parent, inputs: { ...parent.inputs, parents: [grandparent.id] } },
      grandparent,
    ];
    const ask = async (each: number): Promise<number> =>
      (await chosenBy(equal, { retrain: 9, seconds: () => each, of: family })).asked.length;
    expect([await ask(39), await ask(59), await ask(119), await ask(120)]).toEqual([3, 2, 1, 0]);
  });

  it("says so where no record is short enough, and asks for nothing where none is wanted", async () => {
    const none = await chosenBy(equal, { seconds: () => 1000 });
    expect(none.report.rows).toMatchObject([
      { state: "skipped", detail: "no record trains in less than 120 s" },
    ]);
    expect((await chosenBy(equal, { retrain: 0 })).report.rows).toEqual([]);
  });

  it("comes to the recipe after every law", async () => {
    const [first, ...others] = records;
    const laws = [
      { law: "recipe", records: others },
      { law: "variability", records: [first!] },
    ];
    for (let i = 0; i < 10; i++) expect((await chosenBy(equal, { laws })).asked).toEqual([first]);
    expect((await chosenBy(equal, { laws, retrain: 2 })).asked).toHaveLength(2);
  });

  it("does not always take the same one", async () => {
    const seen = new Set<string>();
    for (let i = 0; i < 40 && seen.size < 2; i++) seen.add((await chosenBy(equal)).asked[0]?.id ?? "");
    expect(seen.size).toBe(2);
  });
});

describe("chooseRecords", () => {
  const first = (): number => 0;

  it("takes from each law in turn", () => {
    expect(chooseRecords([["a1", "a2"], ["b1"], ["c1", "c2"]], [], 4, first)).toEqual([
      "a1",
      "b1",
      "c1",
      "a2",
    ]);
  });

  it("takes from the last group when each of the others had its turn", () => {
    expect(chooseRecords([["a1", "a2"], ["b1"]], ["z1", "z2"], 9, first)).toEqual([
      "a1",
      "b1",
      "z1",
      "a2",
      "z2",
    ]);
    expect(chooseRecords([["a1"], ["b1"]], ["z1"], 2, (n) => n - 1)).toEqual(["b1", "a1"]);
  });

  it("takes no record twice and no more than there are", () => {
    const chosen = chooseRecords([["a", "b"], [], ["c"]], [], 10, (n) => n - 1);
    expect([...chosen].sort()).toEqual(["a", "b", "c"]);
    expect(chooseRecords([], [], 3, first)).toEqual([]);
  });

  it("asks for a number below the number of choices", () => {
    const asked: number[] = [];
    chooseRecords([["a", "b", "c"], ["d"]], [], 2, (n) => {
      asked.push(n);
      return n - 1;
    });
    expect(asked).toEqual([2, 1, 1, 3]);
  });
});
