import { describe, expect, it } from "vitest";

import { compareNotebooks, firstDifference, placeOf, VOLATILE } from "../../../src/replay/compare.js";
import type { CodeCell, Notebook, NotebookOutput } from "../../../src/replay/notebook.js";
import { parseNotebook } from "../../../src/replay/notebook.js";

const chart = {
  mark: "point",
  data: {
    values: [
      { x: 1, y: 0.41 },
      { x: 2, y: 0.5 },
    ],
  },
};
const picture = Buffer.from(Array.from({ length: 300 }, (_, i) => i % 251)).toString("base64");

const outputs: readonly NotebookOutput[] = [
  { output_type: "stream", name: "stdout", text: "step 1\nstep 2\n" },
  {
    output_type: "display_data",
    data: { "text/plain": "chart", "application/vnd.vegalite.v5+json": chart, "image/png": picture },
    metadata: {},
  },
  { output_type: "execute_result", execution_count: 1, data: { "text/plain": "0.41" }, metadata: {} },
  {
    output_type: "error",
    ename: "TypeError",
    evalue: "x is not a function",
    traceback: ["TypeError", "In[1]:1:1"],
  },
];

function notebookOf(cell: Partial<CodeCell> = {}, metadata: Notebook["metadata"] = {}): Notebook {
  const first = { cell_type: "markdown", id: "title", metadata: {}, source: "# Title" } as const;
  const code: CodeCell = {
    cell_type: "code",
    id: "train",
    metadata: {},
    source: "%train x",
    outputs,
    execution_count: 1,
    ...cell,
  };
  return { nbformat: 4, nbformat_minor: 5, metadata, cells: [first, code] };
}

/** The same outputs, one of them changed. */
function changed(index: number, change: Record<string, unknown>): readonly NotebookOutput[] {
  return outputs.map((output, i) => (i === index ? { ...output, ...change } : output));
}

function only(committed: Notebook, replayed: Notebook): { place: string; diff: string } {
  const differences = compareNotebooks(committed, replayed);
  expect(differences).toHaveLength(1);
  const [difference] = differences;
  if (difference === undefined) throw new Error("no difference");
  return { place: placeOf(difference), diff: difference.diff };
}

describe("compareNotebooks", () => {
  it("is silent about equal notebooks", () => {
    expect(compareNotebooks(notebookOf(), notebookOf())).toEqual([]);
  });

  const chartAt = (y: number): Record<string, unknown> => ({
    data: {
      ...(outputs[1] as { data: object }).data,
      "application/vnd.vegalite.v5+json": {
        ...chart,
        data: {
          values: [
            { x: 1, y },
            { x: 2, y: 0.5 },
          ],
        },
      },
    },
  });

  it.each<[what: string, cell: Partial<CodeCell>, place: string, diff: string]>([
    [
      "one character of a stream",
      { outputs: changed(0, { text: "step 1\nstep 3\n" }) },
      "cell 2 (id train), output 1, stdout",
      "line 2\n- step 2\n+ step 3",
    ],
    [
      "a missing newline at the end",
      { outputs: changed(0, { text: "step 1\nstep 2" }) },
      "cell 2 (id train), output 1, stdout",
      "line 3\n- \n+ (end of the text)",
    ],
    [
      "the other stream",
      { outputs: changed(0, { name: "stderr" }) },
      "cell 2 (id train), output 1, name of the stream",
      "- stdout\n+ stderr",
    ],
    [
      "one number of a chart",
      { outputs: changed(1, chartAt(0.42)) },
      "cell 2 (id train), output 2, application/vnd.vegalite.v5+json",
      "data.values[0].y\n- 0.41\n+ 0.42",
    ],
    [
      "one bit of a number",
      { outputs: changed(1, chartAt(0.41000000000000003)) },
      "cell 2 (id train), output 2, application/vnd.vegalite.v5+json",
      "data.values[0].y\n- 0.41\n+ 0.41000000000000003",
    ],
    [
      "a MIME type less",
      { outputs: changed(1, { data: { "text/plain": "chart" } }) },
      "cell 2 (id train), output 2, MIME types",
      `[0]\n- "application/vnd.vegalite.v5+json"\n+ "text/plain"`.replace(/"/g, ""),
    ],
    [
      "metadata of an output",
      { outputs: changed(1, { metadata: { isolated: true } }) },
      "cell 2 (id train), output 2, metadata of the output",
      "isolated\n- (absent)\n+ true",
    ],
    [
      "a result",
      { outputs: changed(2, { data: { "text/plain": "0.40" } }) },
      "cell 2 (id train), output 3, text/plain",
      "- 0.41\n+ 0.40",
    ],
    [
      "the count of a result",
      { outputs: changed(2, { execution_count: 2 }) },
      "cell 2 (id train), output 3, execution count of the output",
      "- 1\n+ 2",
    ],
    [
      "an error's message",
      { outputs: changed(3, { evalue: "y is not a function" }) },
      "cell 2 (id train), output 4, message of the error",
      "- x is not a function\n+ y is not a function",
    ],
    [
      "a traceback",
      { outputs: changed(3, { traceback: ["TypeError", "In[1]:1:2"] }) },
      "cell 2 (id train), output 4, traceback",
      "line 2\n- In[1]:1:1\n+ In[1]:1:2",
    ],
    [
      "another kind of output",
      { outputs: changed(2, { output_type: "display_data" }) },
      "cell 2 (id train), output 3, kind of output",
      "- execute_result text/plain: 0.41\n+ display_data text/plain: 0.41",
    ],
    [
      "an output less",
      { outputs: outputs.slice(0, 3) },
      "cell 2 (id train), output 4, number of outputs",
      "- error TypeError: x is not a function\n+ (no output)",
    ],
    [
      "an output more",
      { outputs: [...outputs, { output_type: "stream", name: "stderr", text: "late\n" }] },
      "cell 2 (id train), output 5, number of outputs",
      "- (no output)\n+ stderr: late\\n",
    ],
    ["the count of the cell", { execution_count: 3 }, "cell 2 (id train), execution count", "- 1\n+ 3"],
    ["the source", { source: "%train y" }, "cell 2 (id train), source", "- %train x\n+ %train y"],
    ["a tag", { metadata: { tags: ["x"] } }, "cell 2 (id train), metadata", 'tags\n- (absent)\n+ ["x"]'],
  ])("catches and names %s", (_, cell, place, diff) => {
    expect(only(notebookOf(), notebookOf(cell))).toEqual({ place, diff });
  });

  it("catches one byte of a picture without showing it", () => {
    const other = `${picture.slice(0, 100)}${picture[100] === "A" ? "B" : "A"}${picture.slice(101)}`;
    const data = { ...(outputs[1] as { data: object }).data, "image/png": other };
    const { place, diff } = only(notebookOf(), notebookOf({ outputs: changed(1, { data }) }));
    expect(place).toBe("cell 2 (id train), output 2, image/png");
    expect(diff).toMatch(/^- 300 bytes, sha256 [0-9a-f]{16}\n\+ 300 bytes, sha256 [0-9a-f]{16}$/);
  });

  it("names every cell that differs, the first difference of each", () => {
    const twice = (y: number, text: string): Notebook => {
      const { cells, ...rest } = notebookOf({ outputs: changed(1, chartAt(y)) });
      const second = { ...(cells[1] as CodeCell), id: "ask", outputs: changed(0, { text }) };
      return { ...rest, cells: [...cells, second] };
    };
    const found = compareNotebooks(twice(0.41, "a"), twice(0.42, "b"));
    expect(found.map(placeOf)).toEqual([
      "cell 2 (id train), output 2, application/vnd.vegalite.v5+json",
      "cell 3 (id ask), output 1, stdout",
    ]);
  });

  it("catches a cell less and other notebook metadata", () => {
    const { cells, ...rest } = notebookOf();
    expect(only(notebookOf(), { ...rest, cells: cells.slice(0, 1) }).place).toBe("number of cells");
    expect(only(notebookOf(), notebookOf({}, { title: "t" })).place).toBe("notebook metadata");
  });

  it("takes chunks of one stream as one output", () => {
    const chunks: readonly NotebookOutput[] = [
      { output_type: "stream", name: "stdout", text: "step 1\nst" },
      { output_type: "stream", name: "stdout", text: "ep 2\n" },
      ...outputs.slice(1),
    ];
    expect(compareNotebooks(notebookOf({ outputs: chunks }), notebookOf())).toEqual([]);
  });

  it("takes 1.0 of another writer as 1, and nothing else", () => {
    const text = (y: string): string =>
      `{"nbformat":4,"nbformat_minor":5,"metadata":{},"cells":[{"cell_type":"code","id":"a","metadata":{},"source":"",` +
      `"execution_count":1,"outputs":[{"output_type":"display_data","metadata":{},"data":{"application/json":{"y":${y}}}}]}]}`;
    expect(compareNotebooks(parseNotebook(text("1.0"), "a"), parseNotebook(text("1"), "b"))).toEqual([]);
    expect(compareNotebooks(parseNotebook(text("1.5e0"), "a"), parseNotebook(text("1"), "b"))).toHaveLength(
      1,
    );
  });

  it("leaves out the volatile fields, each with a reason, and no others", () => {
    expect(VOLATILE).toEqual([
      { field: "cell.metadata.execution", reason: expect.stringMatching(/\w{10}|\w+ \w+/) as string },
    ]);
    const at = (time: string): Notebook =>
      notebookOf({ metadata: { execution: { "iopub.status.busy": time } } });
    expect(compareNotebooks(at("2026-01-01"), at("2026-01-02"))).toEqual([]);
  });
});

describe("firstDifference", () => {
  it("shows the place of a difference in a long line", () => {
    const long = "x".repeat(500);
    const diff = firstDifference(`${long}a${long}`, `${long}b${long}`) ?? "";
    for (const line of diff.split("\n")) expect(line.length).toBeLessThan(130);
    expect(diff).toContain("xa");
    expect(diff).toContain("xb");
  });

  it("makes control characters visible", () => {
    expect(firstDifference("a\tb", "a\u001b[31mb")).toBe("- a\\tb\n+ a\\u001b[31mb");
    expect(firstDifference("a", "a\u0085")).toBe("- a\n+ a\\u0085");
  });

  it("descends into objects and arrays", () => {
    expect(firstDifference({ a: [1, { b: 2 }] }, { a: [1, { b: 3 }] })).toBe("a[1].b\n- 2\n+ 3");
    expect(firstDifference({ a: 1 }, { a: 1, b: null })).toBe("b\n- (absent)\n+ null");
    expect(firstDifference([1], [1, 2])).toBe("[1]\n- (absent)\n+ 2");
  });
});
