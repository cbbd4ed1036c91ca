import { gzipSync } from "node:zlib";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { EXIT_CODES, type LawbookError } from "../../../src/core/errors.js";
import { describeFiles, readManifest, requireVerified, verify } from "../../../src/data/manifest.js";
import { temporaryProject, type TemporaryProject } from "../../support/project.js";

let project: TemporaryProject;

beforeEach(() => {
  project = temporaryProject();
  project.put("datasets/facts/geography.jsonl", "a\n");
  project.put("datasets/text/base.txt.gz", gzipSync("some text\n", { level: 9 }));
  project.put("datasets/models/xs/config.json", "{}");
  project.put(
    "datasets/manifest.json",
    JSON.stringify({ format: 1, files: describeFiles(project.root), packages: [] }),
  );
});
afterEach(() => project.remove());

describe("the manifest", () => {
  it("lists every covered file, models too", () => {
    expect(Object.keys(readManifest(project.root).files)).toEqual([
      "facts/geography.jsonl",
      "models/xs/config.json",
      "text/base.txt.gz",
    ]);
    expect(verify(project.root)).toEqual([]);
    expect(() => requireVerified(project.root)).not.toThrow();
  });

  it("does not mind another compression of the same text", () => {
    project.put("datasets/text/base.txt.gz", gzipSync("some text\n", { level: 1 }));
    expect(verify(project.root)).toEqual([]);
  });

  it("names a changed, a missing and an unlisted file", () => {
    project.put("datasets/facts/geography.jsonl", "b\n");
    project.put("datasets/facts/extra.jsonl", "x\n");
    project.put("datasets/text/base.txt.gz", gzipSync("some texts\n"));
    const found = verify(project.root).map(({ path, kind }) => `${path} ${kind}`);
    expect(found).toEqual([
      "datasets/facts/extra.jsonl unlisted",
      "datasets/facts/geography.jsonl changed",
      "datasets/text/base.txt.gz changed",
    ]);
    try {
      requireVerified(project.root);
      expect.unreachable();
    } catch (error) {
      const { exitCode, message } = error as LawbookError;
      expect(exitCode).toBe(EXIT_CODES["data-differs"]);
      expect(message).toContain("datasets/facts/geography.jsonl: got sha256");
    }
  });

  it("reports a damaged archive as changed", () => {
    project.put("datasets/text/base.txt.gz", "not gzip");
    expect(verify(project.root).map(({ kind }) => kind)).toEqual(["changed"]);
  });

  it("of another format is refused", () => {
    project.put("datasets/manifest.json", '{"format":2}');
    expect(() => readManifest(project.root)).toThrow("got 2, expected 1");
  });
});
