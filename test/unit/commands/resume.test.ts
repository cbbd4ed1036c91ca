import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import {
  dropRequest,
  findOpenRun,
  keepRequest,
  openRunIds,
  type ResolvedTraining,
} from "../../../src/commands/open-runs.js";
import { makeTemporaryFolder, remove, writeAtomic } from "../../../src/core/files.js";
import { openStore } from "../../../src/runs/store.js";

const home = makeTemporaryFolder("open-runs");
afterAll(() => remove(home));
const store = openStore({ root: home, home });
const training = (id: string): ResolvedTraining =>
  ({ id, request: { steps: 7 } }) as unknown as ResolvedTraining;
const A = "aaaaaaaa".padEnd(64, "1");
const B = "aaaaaaaa".padEnd(64, "2");

describe("trainings that are not finished", () => {
  it("are found by a unique prefix until they are finished or forgotten", () => {
    expect(openRunIds(store)).toEqual([]);
    expect(() => findOpenRun(store, "aaaaaaaa")).toThrow(
      "No training aaaaaaaa was begun and not finished.\nThere is none to go on with.",
    );
    keepRequest(store, training(B));
    keepRequest(store, training(A));
    expect(openRunIds(store)).toEqual([A, B]);
    expect(findOpenRun(store, "aaaaaaaa1")).toEqual(training(A));
    expect(() => findOpenRun(store, "aaaaaaaa")).toThrow(`Several runs start with aaaaaaaa: ${A}, ${B}.`);
    expect(() => findOpenRun(store, "bbbbbbbb")).toThrow(/Open: aaaaaaaa1111, aaaaaaaa2222\.$/);
    writeAtomic(join(store.folder(A), "record.json"), "{}");
    expect(openRunIds(store)).toEqual([B]);
    dropRequest(store, training(B));
    dropRequest(store, training(B));
    expect(openRunIds(store)).toEqual([]);
  });

  it.each(["", "aaaa", "../../etc", "AAAAAAAA", "aaaaaaa/"])("refuses the id %j", (id) => {
    expect(() => findOpenRun(store, id)).toThrow("Run id: got");
  });

  it("refuses a request that is not that of its folder", () => {
    keepRequest(store, training(B));
    writeAtomic(join(store.folder(B), "request.json"), JSON.stringify(training(A)));
    expect(() => findOpenRun(store, "aaaaaaaa2")).toThrow(`request.json: id: got "${A}"`);
  });
});
