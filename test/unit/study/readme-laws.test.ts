import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { readText } from "../../../src/core/files.js";
import { readStudies } from "../../../src/study/overview.js";
import { lawsTable } from "../../../src/study/page-table.js";

const root = join(import.meta.dirname, "../../..");

describe("the README", () => {
  it("has the verdicts that the committed records give", () => {
    expect(readText(join(root, "README.md"))).toContain(lawsTable(readStudies(join(root, "reports"))));
  });
});
