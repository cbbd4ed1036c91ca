import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A project in a temporary folder, with whatever files a test puts into it. */
export interface TemporaryProject {
  readonly root: string;
  path(name: string): string;
  put(name: string, content: string | Uint8Array): void;
  read(name: string): string;
  /** Replaces the one place where `before` stands. */
  edit(name: string, before: string, after: string): void;
  /** sha256 of every file by path, so that two moments can be compared. */
  snapshot(): Readonly<Record<string, string>>;
  remove(): void;
}

/** Creates an empty project. */
export function temporaryProject(): TemporaryProject {
  const root = mkdtempSync(join(tmpdir(), "lawbook-project-"));
  const path = (name: string): string => join(root, name);
  const put = (name: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(path(name)), { recursive: true });
    writeFileSync(path(name), content);
  };
  const read = (name: string): string => readFileSync(path(name), "utf8");
  return {
    root,
    path,
    put,
    read,
    edit: (name, before, after) => {
      const pieces = read(name).split(before);
      if (pieces.length !== 2) throw new Error(`${before} stands ${pieces.length - 1} times in ${name}`);
      put(name, pieces.join(after));
    },
    snapshot: () => {
      const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
        statSync(path(name)).isFile(),
      );
      return Object.fromEntries(
        files.sort().map((name) => [
          name,
          createHash("sha256")
            .update(readFileSync(path(name)))
            .digest("hex"),
        ]),
      );
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Text of a notebook with these code cells and no outputs. */
export function notebookOfCells(
  cells: readonly (string | { readonly source: string; readonly tags: readonly string[] })[],
): string {
  return JSON.stringify({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {
      kernelspec: { name: "lawbook", display_name: "TypeScript (Lawbook)", language: "typescript" },
    },
    cells: cells.map((cell, index) => ({
      cell_type: "code",
      id: `c${index + 1}`,
      metadata: typeof cell === "string" ? {} : { tags: cell.tags },
      source: typeof cell === "string" ? cell : cell.source,
      outputs: [],
      execution_count: null,
    })),
  });
}
