import { join } from "node:path";

import { afterEach, describe, expect, it } from "vitest";

import { exists, makeTemporaryFolder, readText, remove, writeAtomic } from "../../../src/core/files.js";
import { makeRecord, recordLine, runId, type RunRecord } from "../../../src/runs/record.js";
import { parseTrainRequest } from "../../../src/runs/schema.js";
import { openStore } from "../../../src/runs/store.js";

const root = makeTemporaryFolder("lawbook-store");
afterEach(() => remove(root));
const home = join(root, "home");
const OBSERVED = {
  startedAt: "2026-01-01T00:00:00.000Z",
  durationMs: 1,
  node: "v20",
  platform: "linux-x64",
  peakMemoryMb: 1,
};

function record(seed: number): RunRecord {
  const request = parseTrainRequest({ model: "xs-instruct", data: { facts: { biology: 60 } }, seed });
  const run = {
    engine: 1,
    request,
    inputs: { model: { name: "xs-instruct", sha256: "0" }, data: {}, parents: [] },
  };
  return makeRecord({ id: runId(run), ...run }, "finished", {
    graph: "g",
    weights: "w",
    loss: 1,
    curve: [1],
    tokens: 1,
    parameters: 1,
    consumed: {},
    scores: {},
  });
}

describe("the store", () => {
  it("creates nothing before the first write, and finds what was written by id and prefix", () => {
    const store = openStore({ root, home });
    expect(store.list()).toEqual([]);
    expect(exists(home)).toBe(false);
    const one = record(1);
    writeAtomic(join(store.folder(one.id), "checkpoint/state.safetensors"), "x");
    store.write(one, OBSERVED);
    expect(store.find(one.id)).toEqual(one);
    expect(store.find(one.id.slice(0, 8))).toEqual(one);
    expect(store.find("00000000")).toBeUndefined();
    expect(exists(join(store.folder(one.id), "checkpoint"))).toBe(false);
  });

  it("refuses prefixes that are short or fit several", () => {
    const store = openStore({ root, home });
    expect(() => store.find("abc")).toThrow('Run id: got "abc", expected at least 8');
    expect(() => store.find("../../etc/passwd")).toThrow("Run id");
    const ids = ["a", "b"].map((tail) => `${"12345678"}${tail.repeat(56)}`);
    ids.forEach((id) => writeAtomic(join(store.folder(id), "record.json"), "{}"));
    expect(() => store.find("12345678")).toThrow("Several runs start with 12345678");
  });

  it("has committed records below its own, unless told to leave them out", () => {
    const [own, committed] = [record(1), record(2)];
    writeAtomic(join(root, "reports/law/records.jsonl"), `${recordLine(committed)}\n`);
    const store = openStore({ root, home });
    store.write(own, OBSERVED);
    expect(
      store
        .list()
        .map(({ id }) => id)
        .sort(),
    ).toEqual([own.id, committed.id].sort());
    expect(store.find(committed.id)).toEqual(committed);
    expect(openStore({ root, home, ignoreCommitted: true }).find(committed.id)).toBeUndefined();
  });

  it("leaves a run without a record out: it was killed before its end", () => {
    const store = openStore({ root, home });
    writeAtomic(join(store.folder(record(1).id), "checkpoint/state.safetensors"), "x");
    expect(store.list()).toEqual([]);
    expect(store.find(record(1).id)).toBeUndefined();
  });

  it.each([
    ["a score", (line: string) => line.replace('"loss":1', '"loss":2'), "resultSha256"],
    ["a setting", (line: string) => line.replace('"steps":400', '"steps":401'), "its id"],
    ["the digest", (line: string) => line.replace(/"resultSha256":"./, '"resultSha256":"-'), "resultSha256"],
    ["its shape", () => "[]", "holds no record"],
  ])("notices when %s of a record was changed, and names the file and line", (_, change, message) => {
    const path = join(root, "reports/law/records.jsonl");
    const lines = [record(1), record(2)].map(recordLine);
    const changed = change(lines[1]!);
    expect(changed).not.toBe(lines[1]);
    writeAtomic(path, `${lines[0]!}\n${changed}\n`);
    const read = (): unknown => openStore({ root, home }).list();
    expect(read).toThrow(message);
    expect(read).toThrow(`${path}, line 2`);
    expect(readText(path)).toContain(lines[0]);
  });
});
