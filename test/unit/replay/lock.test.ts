import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { sha256 } from "../../../src/core/canonical.js";
import { EXIT_CODES, type LawbookError } from "../../../src/core/errors.js";
import {
  compareLocks,
  type Environment,
  type Lock,
  LOCK_PATH,
  makeLock,
  readLock,
  writeLock,
} from "../../../src/replay/lock.js";

let root: string;

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

const environment: Environment = {
  engine: 1,
  wasm: { file: "runtime.wasm", sha256: sha256("module") },
  data: {
    "datasets/facts/geography.jsonl": sha256("geography"),
    "datasets/facts/biology.jsonl": sha256("biology"),
  },
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "lawbook-lock-"));
  put("package-lock.json", "{}");
  put("notebooks/00-tour.ipynb", "tour");
  put("notebooks/.ipynb_checkpoints/00-tour-checkpoint.ipynb", "old");
  put("reports/balance/figure.svg", "<svg/>");
  put("reports/balance/records.jsonl", "{}");
});
afterEach(() => rmSync(root, { recursive: true }));

function differences(now: Environment = environment): string[] {
  const locked = readLock(root);
  if (locked === undefined) throw new Error("no lock");
  return compareLocks(locked, makeLock(root, now)).map(({ code, name }) => `${EXIT_CODES[code]} ${name}`);
}

describe("the lock", () => {
  it("holds every file by its sha256, without itself and without copies", () => {
    writeLock(root, makeLock(root, environment));
    const lock = makeLock(root, environment);
    expect(Object.keys(lock.notebooks)).toEqual(["notebooks/00-tour.ipynb"]);
    expect(lock.notebooks["notebooks/00-tour.ipynb"]).toBe(sha256("tour"));
    expect(Object.keys(lock.reports)).toEqual([
      "reports/balance/figure.svg",
      "reports/balance/records.jsonl",
    ]);
    expect(Object.keys(lock.data)).toEqual([
      "datasets/facts/biology.jsonl",
      "datasets/facts/geography.jsonl",
    ]);
    expect(lock.packages).toEqual({ "package-lock.json": sha256("{}") });
  });

  it("is read as it was written, and written with the same bytes", () => {
    const lock = makeLock(root, environment);
    writeLock(root, lock);
    const bytes = readFileSync(join(root, LOCK_PATH), "utf8");
    expect(readLock(root)).toEqual(lock);
    writeLock(root, readLock(root) as Lock);
    expect(readFileSync(join(root, LOCK_PATH), "utf8")).toBe(bytes);
  });

  it("is silent about an unchanged project", () => {
    writeLock(root, makeLock(root, environment));
    expect(differences()).toEqual([]);
  });

  it.each<[what: string, change: () => void, now: Partial<Environment>, expected: string[]]>([
    ["a notebook", () => put("notebooks/00-tour.ipynb", "Tour"), {}, ["31 notebooks/00-tour.ipynb"]],
    ["a new notebook", () => put("notebooks/01.ipynb", ""), {}, ["31 notebooks/01.ipynb"]],
    [
      "a lost notebook",
      () => rmSync(join(root, "notebooks/00-tour.ipynb")),
      {},
      ["31 notebooks/00-tour.ipynb"],
    ],
    ["a report", () => put("reports/balance/figure.svg", "<svg />"), {}, ["31 reports/balance/figure.svg"]],
    ["a package", () => put("package-lock.json", "{ }"), {}, ["32 package-lock.json"]],
    ["the engine", () => {}, { engine: 2 }, ["32 engine"]],
    [
      "the module",
      () => {},
      { wasm: { file: "runtime.wasm", sha256: sha256("other") } },
      ["32 runtime.wasm"],
    ],
    [
      "data, one changed, one lost",
      () => {},
      { data: { "datasets/facts/geography.jsonl": sha256("Geography") } },
      ["30 datasets/facts/biology.jsonl", "30 datasets/facts/geography.jsonl"],
    ],
  ])("names %s that changed", (_, change, now, expected) => {
    writeLock(root, makeLock(root, environment));
    change();
    expect(differences({ ...environment, ...now })).toEqual(expected);
  });

  it("is absent without a file", () => {
    expect(readLock(root)).toBeUndefined();
  });

  it.each([
    ["no JSON", "{"],
    ["another version", JSON.stringify({ version: 2 })],
    ["a digest that is none", ""],
  ])("is refused when damaged: %s", (what, text) => {
    writeLock(root, makeLock(root, environment));
    const bytes = readFileSync(join(root, LOCK_PATH), "utf8");
    put(LOCK_PATH, what === "a digest that is none" ? bytes.replace(/"[0-9a-f]{64}"/, '"abc"') : text);
    try {
      readLock(root);
    } catch (error) {
      expect((error as LawbookError).code).toBe("environment");
      expect((error as LawbookError).message).toContain(LOCK_PATH);
      return;
    }
    throw new Error("was taken");
  });
});
