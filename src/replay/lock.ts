import { join } from "node:path";

import { z } from "zod";

import { type ErrorCode, LawbookError, mismatch } from "../core/errors.js";
import { exists, listFiles, readJson, sha256File, writeAtomic } from "../core/files.js";

/** Where the lock lies, from the root of the project. */
export const LOCK_PATH = "reports/replay.lock.json";

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const digests = z.record(z.string(), digest);
const lockSchema = z.strictObject({
  version: z.literal(1),
  engine: z.int().positive(),
  wasm: z.strictObject({ file: z.string(), sha256: digest }),
  packages: digests,
  data: digests,
  notebooks: digests,
  reports: digests,
});

/** sha256 by path from the root. */
export type Digests = Readonly<Record<string, string>>;

/** What the lock holds of the machine and of the inputs, found by the caller. */
export interface Environment {
  /** Number of the engine. */
  readonly engine: number;
  /** The WebAssembly module of the reference device as it lies on this machine. */
  readonly wasm: { readonly file: string; readonly sha256: string };
  /** Every entry of the manifest of datasets and models. */
  readonly data: Digests;
}

/** Everything that a replay depends on, by content. */
export interface Lock extends Environment {
  readonly version: 1;
  /** Package locks. */
  readonly packages: Digests;
  readonly notebooks: Digests;
  /** All files of `reports/` but the lock itself. */
  readonly reports: Digests;
}

/** One thing that is not as the lock says. */
export interface LockDifference {
  readonly code: ErrorCode;
  /** Path, or the name of a part of the environment. */
  readonly name: string;
  readonly message: string;
}

/** The lock of the project as it is now. */
export function makeLock(root: string, environment: Environment): Lock {
  const { engine, wasm, data } = environment;
  const hashAll = (paths: readonly string[]): Digests =>
    Object.fromEntries(paths.map((path) => [path, sha256File(join(root, path))]));
  const below = (folder: string): string[] =>
    listFiles(join(root, folder)).map((path) => `${folder}/${path}`);
  return {
    version: 1,
    engine,
    wasm: { file: wasm.file, sha256: wasm.sha256 },
    packages: hashAll(["package-lock.json"].filter((path) => exists(join(root, path)))),
    data: Object.fromEntries(Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1))),
    notebooks: hashAll(below("notebooks").filter(isNotebook)),
    reports: hashAll(below("reports").filter((path) => path !== LOCK_PATH)),
  };
}

/** Reads the lock; undefined where there is none. Throws `environment` where it is damaged. */
export function readLock(root: string): Lock | undefined {
  const path = join(root, LOCK_PATH);
  if (!exists(path)) return undefined;
  let value: unknown;
  try {
    value = readJson(path);
  } catch (cause) {
    throw damaged((cause as Error).message, cause);
  }
  const { success, data, error } = lockSchema.safeParse(value);
  if (!success)
    throw damaged(error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; "), error);
  return data;
}

/** Writes the lock in one move. */
export function writeLock(root: string, lock: Lock): void {
  writeAtomic(join(root, LOCK_PATH), `${JSON.stringify(lock, null, 2)}\n`);
}

/** Names everything that is not as locked: data (30), files of the replay (31), engine, module and packages (32). */
export function compareLocks(locked: Lock, now: Lock): LockDifference[] {
  const differences: LockDifference[] = [];
  if (locked.engine !== now.engine) {
    const message = mismatch("The engine is another one than in the lock", now.engine, String(locked.engine));
    differences.push({ code: "engine", name: "engine", message });
  }
  if (locked.wasm.file !== now.wasm.file || locked.wasm.sha256 !== now.wasm.sha256) {
    const message = `${now.wasm.file} differs from the lock: ${gotExpected(now.wasm.sha256, locked.wasm.sha256)}`;
    differences.push({ code: "environment", name: now.wasm.file, message });
  }
  return [
    ...differences,
    ...compareDigests(locked.packages, now.packages, "environment"),
    ...compareDigests(locked.data, now.data, "data-differs"),
    ...compareDigests(locked.notebooks, now.notebooks, "determinism"),
    ...compareDigests(locked.reports, now.reports, "determinism"),
  ];
}

/** Is this the path of a notebook, not of a copy that Jupyter keeps? */
export function isNotebook(path: string): boolean {
  return path.endsWith(".ipynb") && !path.split("/").includes(".ipynb_checkpoints");
}

function compareDigests(locked: Digests, now: Digests, code: ErrorCode): LockDifference[] {
  const paths = [...new Set([...Object.keys(locked), ...Object.keys(now)])].sort();
  return paths.flatMap((name) => {
    const expected = locked[name];
    const got = now[name];
    if (got === expected) return [];
    const message =
      expected === undefined
        ? `${name} is not in the lock.`
        : got === undefined
          ? `${name} is in the lock, but missing.`
          : `${name} differs from the lock: ${gotExpected(got, expected)}`;
    return [{ code, name, message }];
  });
}

function gotExpected(got: string, expected: string): string {
  return `got sha256 ${got.slice(0, 16)}…, expected ${expected.slice(0, 16)}….`;
}

function damaged(why: string, cause: unknown): LawbookError {
  return new LawbookError("environment", `${LOCK_PATH} is damaged: ${why}`, {
    hint: "Restore it, or make it anew with lawbook replay --accept.",
    cause,
  });
}
