import { join } from "node:path";

import { sha256 } from "../core/canonical.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { exists, listFiles, readBytes, readJson } from "../core/files.js";
import { readGzip } from "./text.js";

/** One dataset file as it must be. */
export interface ManifestFile {
  /** sha256 of the content; of the unpacked content for `.gz`, because packed bytes differ between zlib versions. */
  readonly sha256: string;
  /** Size of the same content in bytes. */
  readonly bytes: number;
}

/** One upstream package. */
export interface ManifestPackage {
  readonly name: string;
  readonly version: string;
  readonly archive: string;
  readonly sha256: string;
  readonly licences: readonly string[];
}

/** `datasets/manifest.json`: what every dataset file must be, and what it was made from. */
export interface Manifest {
  readonly format: 1;
  /** Files by path below `datasets/`. */
  readonly files: Readonly<Record<string, ManifestFile>>;
  readonly packages: readonly ManifestPackage[];
}

/** A file that is not as the manifest says. */
export interface ManifestDifference {
  /** Path below the project root. */
  readonly path: string;
  readonly kind: "missing" | "changed" | "unlisted";
  readonly expected?: string;
  readonly got?: string;
}

/** Folders of `datasets/` that the manifest covers. */
export const COVERED_FOLDERS = ["embeddings", "facts", "models", "templates", "text", "tokenizer"] as const;

/** Reads `datasets/manifest.json`. */
export function readManifest(root: string): Manifest {
  const path = join(root, "datasets/manifest.json");
  const manifest = readJson(path) as Partial<Manifest>;
  if (manifest.format !== 1 || typeof manifest.files !== "object" || !Array.isArray(manifest.packages)) {
    throw new LawbookError(
      "bad-file",
      mismatch(`Format of ${path}`, manifest.format, "1, with files and packages"),
    );
  }
  return manifest as Manifest;
}

/** Digest and size of one dataset file; a `.gz` file is unpacked first. */
export function describeFile(path: string): ManifestFile {
  const content = path.endsWith(".gz") ? readGzip(path) : readBytes(path);
  return { sha256: sha256(content), bytes: content.length };
}

/** Describes every covered file below `datasets/`, by path. */
export function describeFiles(root: string): Readonly<Record<string, ManifestFile>> {
  return Object.fromEntries(
    coveredPaths(root).map((path) => [path, describeFile(join(root, "datasets", path))]),
  );
}

/** Every file that differs from the manifest, is missing, or is not listed in it, by path; an empty list is good. */
export function verify(root: string): readonly ManifestDifference[] {
  const { files } = readManifest(root);
  const present = coveredPaths(root);
  const differences: ManifestDifference[] = [];
  for (const path of [...new Set([...Object.keys(files), ...present])].sort()) {
    const expected = files[path];
    const full = join(root, "datasets", path);
    const name = `datasets/${path}`;
    if (expected === undefined) differences.push({ path: name, kind: "unlisted" });
    else if (!exists(full)) differences.push({ path: name, kind: "missing", expected: expected.sha256 });
    else {
      const got = digestOf(full);
      if (got !== expected.sha256)
        differences.push({ path: name, kind: "changed", expected: expected.sha256, got });
    }
  }
  return differences;
}

/** Throws `data-differs` naming every file that is not as the manifest says. */
export function requireVerified(root: string): void {
  const differences = verify(root);
  if (differences.length === 0) return;
  const lines = differences.map(({ path, kind, expected, got }) =>
    kind === "changed" ? `  ${path}: got sha256 ${got}, expected ${expected}` : `  ${path}: ${kind}`,
  );
  throw new LawbookError(
    "data-differs",
    `Dataset files differ from datasets/manifest.json:\n${lines.join("\n")}`,
    {
      hint: "Restore them from the repository.",
      data: { differences },
    },
  );
}

/** A damaged archive has no content; its packed bytes then stand for it, so that it is reported and not thrown. */
function digestOf(path: string): string {
  try {
    return describeFile(path).sha256;
  } catch (error) {
    if (error instanceof LawbookError && error.code === "bad-file") return sha256(readBytes(path));
    throw error;
  }
}

function coveredPaths(root: string): string[] {
  return COVERED_FOLDERS.flatMap((folder) =>
    listFiles(join(root, "datasets", folder)).map((path) => `${folder}/${path}`),
  );
}
