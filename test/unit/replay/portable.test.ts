import { describe, expect, it } from "vitest";

import { parseNotebook } from "../../../src/replay/notebook.js";
import { machinePaths } from "../../../src/replay/portable.js";

function found(text: string, ...folders: readonly string[]): string[] {
  const stream = { output_type: "stream", name: "stdout", text };
  const chart = { output_type: "display_data", metadata: {}, data: { "application/json": { url: [text] } } };
  const cell = { cell_type: "code", metadata: {}, source: `// ${text}`, execution_count: 1 };
  const notebook = {
    nbformat: 4,
    nbformat_minor: 5,
    metadata: {},
    cells: [
      { ...cell, id: "a", outputs: [stream] },
      { ...cell, id: "b", outputs: [] },
      { ...cell, id: "c", outputs: [chart] },
    ],
  };
  return machinePaths(parseNotebook(JSON.stringify(notebook), "x"), folders).map(
    ({ cell: number, cellId, folder }) => `${number} ${cellId} ${folder}`,
  );
}

describe("machinePaths", () => {
  it.each([
    "/home/ada/lawbook",
    "in /home/ada/lawbook/reports/x.json",
    'at "/home/ada/lawbook"',
    "(/home/ada/lawbook:1:2)",
  ])("finds a folder in texts and charts: %s", (text) =>
    expect(found(text, "/home/ada/lawbook", "/tmp/x")).toEqual([
      "1 a /home/ada/lawbook",
      "3 c /home/ada/lawbook",
    ]),
  );

  it.each(["/application", "https://host/app", "./app", "/app-2", "/srv/app"])("is silent about %s", (text) =>
    expect(found(text, "/app")).toEqual([]),
  );

  it("knows the backslashes of Windows", () => {
    expect(found("at C:\\work\\lawbook\\x.ts", "C:\\work\\lawbook")).toHaveLength(2);
  });
});
