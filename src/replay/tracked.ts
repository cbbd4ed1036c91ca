import { join } from "node:path";

import { listFiles, sha256File } from "../core/files.js";
import type { Digests } from "./lock.js";

/** Folders of the project that a replay must leave as they are. */
const FOLDERS = ["datasets", "notebooks", "reports"];

/** What Jupyter and people leave beside notebooks; none of it is tracked. */
const UNTRACKED = [".ipynb_checkpoints", "node_modules", ".lawbook"];

/** sha256 of every file that a notebook could spoil, by path from the root. */
export function trackedFiles(root: string): Digests {
  const paths = FOLDERS.flatMap((folder) => listFiles(join(root, folder)).map((path) => `${folder}/${path}`));
  const kept = paths.filter((path) => !path.split("/").some((part) => UNTRACKED.includes(part)));
  return Object.fromEntries(kept.map((path) => [path, sha256File(join(root, path))]));
}

/** What was done to the files in between: "changed", "removed" or "created" with their paths. */
export function changesBetween(before: Digests, after: Digests): string[] {
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return paths.flatMap((path) => {
    if (before[path] === after[path]) return [];
    const what = before[path] === undefined ? "created" : after[path] === undefined ? "removed" : "changed";
    return [`${what} ${path}`];
  });
}
