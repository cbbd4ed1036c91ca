import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { LawbookError } from "../../../src/core/errors.js";
import {
  type CodeCell,
  notebookText,
  parseNotebook,
  readNotebook,
  writeNotebook,
} from "../../../src/replay/notebook.js";

// Written by Python's nbformat 5.11.1: every kind of cell and output, odd numbers, odd line ends, odd keys.
const fixture = new URL("../../fixtures/replay/nbformat.ipynb", import.meta.url).pathname;
const bytes = readFileSync(fixture, "utf8");

function problemsOf(text: string): string {
  try {
    parseNotebook(text, "x.ipynb");
  } catch (error) {
    expect(error).toBeInstanceOf(LawbookError);
    expect((error as LawbookError).code).toBe("bad-file");
    return (error as LawbookError).message;
  }
  throw new Error("was taken as a notebook");
}

/** The smallest notebook, with one thing changed. */
function notebookWith(cell: Record<string, unknown>, rest: Record<string, unknown> = {}): string {
  const code = { cell_type: "code", id: "a", metadata: {}, source: [], outputs: [], execution_count: null };
  return JSON.stringify({
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {},
    cells: [{ ...code, ...cell }],
    ...rest,
  });
}

describe("a notebook written by nbformat", () => {
  it("is written again without a changed byte", () => {
    expect(notebookText(readNotebook(fixture))).toBe(bytes);
  });

  it("is the same when read from texts that are not split into lines", () => {
    const whole = JSON.parse(bytes) as { cells: { source: string[] }[] };
    const joined = {
      ...whole,
      cells: whole.cells.map((cell) => ({ ...cell, source: cell.source.join("") })),
    };
    const parsed = parseNotebook(JSON.stringify(joined), "joined");
    expect(parsed.cells).toEqual(
      readNotebook(fixture).cells.map((cell) => expect.objectContaining({ source: cell.source })),
    );
  });

  it("has its texts joined", () => {
    const cell = readNotebook(fixture).cells[2] as CodeCell;
    expect(cell.source).toBe("const a = 1;\n%train x\n");
    expect(cell.outputs[0]).toEqual({ output_type: "stream", name: "stdout", text: "one\ntwo\n\nthree" });
  });

  it("keeps a list of strings inside a JSON type", () => {
    const chart = (readNotebook(fixture).cells[2] as CodeCell).outputs[2];
    expect(chart).toMatchObject({ data: { "application/vnd.vegalite.v5+json": { lines: ["a\n", "b"] } } });
  });

  it("survives the disk", () => {
    const folder = mkdtempSync(join(tmpdir(), "lawbook-notebook-"));
    try {
      writeNotebook(join(folder, "a.ipynb"), readNotebook(fixture));
      expect(readFileSync(join(folder, "a.ipynb"), "utf8")).toBe(bytes);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("parseNotebook", () => {
  it("takes the smallest notebook", () => {
    expect(parseNotebook(notebookWith({}), "x").cells).toHaveLength(1);
  });

  it("drops what nbformat never writes", () => {
    const text = notebookWith(
      { metadata: { trusted: true, tags: [] } },
      { metadata: { signature: "x", title: "t" } },
    );
    expect(parseNotebook(text, "x").metadata).toEqual({ title: "t" });
    expect(parseNotebook(text, "x").cells[0]?.metadata).toEqual({ tags: [] });
  });

  it.each([
    ["an old format", notebookWith({}, { nbformat: 3 }), /nbformat: Format: got 3, expected 4\./],
    [
      "no ids",
      notebookWith({}, { nbformat_minor: 4 }),
      /nbformat_minor: Minor format: got 4, expected 5 or more/,
    ],
    ["a missing id", notebookWith({ id: undefined }), /cells\[0\]\.id: Id of a cell: got undefined/],
    ["an unknown kind of cell", notebookWith({ cell_type: "heading" }), /cells\[0\]\.cell_type.*"heading"/],
    ["an unknown field", notebookWith({ input: "x" }), /cells\[0\]\.input: Unknown field/],
    ["a source that is no text", notebookWith({ source: [1] }), /cells\[0\]\.source: Text: got "array"/],
    [
      "no outputs",
      notebookWith({ outputs: null }),
      /cells\[0\]\.outputs: Outputs: got "null", expected an array/,
    ],
    ["a wrong count", notebookWith({ execution_count: 1.5 }), /cells\[0\]\.execution_count/],
    [
      "an unknown output",
      notebookWith({ outputs: [{ output_type: "pyout" }] }),
      /cells\[0\]\.outputs\[0\]\.output_type.*"pyout"/,
    ],
    [
      "a picture that is no text",
      notebookWith({ outputs: [{ output_type: "display_data", metadata: {}, data: { "image/png": 7 } }] }),
      /outputs\[0\]\.data\["image\/png"\]: Text: got "number"/,
    ],
    [
      "no cells",
      JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {} }),
      /cells: Cells: got "undefined"/,
    ],
    ["an array", "[]", /notebook: Content: got "array", expected an object/],
    ["an empty file", "", /is not JSON/],
    ["a cut file", bytes.slice(0, 2000), /x\.ipynb.* is not JSON/],
  ])("names what is wrong: %s", (_, text, complaint) => {
    expect(problemsOf(text)).toMatch(complaint);
  });

  it("names all problems at once", () => {
    const message = problemsOf(notebookWith({ id: "with space", source: 1 }, { nbformat: 5 }));
    expect(message).toContain("3 problems");
  });

  it("refuses two cells with one id", () => {
    const [cell] = (JSON.parse(notebookWith({})) as { cells: unknown[] }).cells;
    expect(problemsOf(notebookWith({}, { cells: [cell, cell] }))).toMatch(/cells\[1\]\.id.*cells\[0\]/);
  });

  it("names the line of a syntax error", () => {
    expect(problemsOf(bytes.replace('"nbformat": 4,', '"nbformat": 4 4,'))).toMatch(
      /x\.ipynb, line \d{3} is not JSON/,
    );
  });
});
