import { dirname, join, resolve } from "node:path";

import { LawbookError } from "../core/errors.js";
import { exists, findUpwards, readJson } from "../core/files.js";

/**
 * Root of the project that holds `datasets/`, `reports/` and `notebooks/`: the nearest folder from `cwd` upwards with
 * `datasets/manifest.json`, else the folder where this package is installed.
 */
export function findRoot(cwd: string): string {
  for (let folder = resolve(cwd); folder !== dirname(folder); folder = dirname(folder)) {
    if (exists(join(folder, "datasets/manifest.json"))) return folder;
  }
  const own = resolve(import.meta.dirname, "../..");
  if (exists(join(own, "datasets/manifest.json"))) return own;
  throw new LawbookError("missing", `No project was found from ${cwd} upwards: no datasets/manifest.json.`, {
    hint: "Run from a clone of Lawbook.",
  });
}

/** Folder of the store: LAWBOOK_HOME, else `.lawbook` beside the nearest package.json upwards, else in `cwd`. */
export function findHome(cwd: string, env: Readonly<Record<string, string | undefined>>): string {
  if (env.LAWBOOK_HOME !== undefined && env.LAWBOOK_HOME !== "") return resolve(cwd, env.LAWBOOK_HOME);
  return join(findUpwards(cwd, "package.json") ?? cwd, ".lawbook");
}

/** Version of this package. */
export function packageVersion(): string {
  const own = resolve(import.meta.dirname, "../..");
  return (readJson(join(own, "package.json")) as { version: string }).version;
}
