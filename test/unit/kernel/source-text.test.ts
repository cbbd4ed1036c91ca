import { createRequire } from "node:module";

import type * as TypeScript from "@tslab/typescript-for-tslab";
import { describe, expect, it } from "vitest";

import { describeFrames, originalPlace } from "../../../kernel-ext/src/cell/frames.js";
import { prepare, waitsAtTopLevel } from "../../../kernel-ext/src/cell/source-text.js";

const ts = createRequire(import.meta.url)("@tslab/typescript-for-tslab") as typeof TypeScript;

describe("prepare", () => {
  it.each([
    ["f({ a, b: 1 })", "f({ a: a, b: 1 })"],
    ["({ a } = b)", "({ a } = b)"],
    ["({ a: { c }, ...d } = b)", "({ a: { c }, ...d } = b)"],
    ["x = { a }", "x = { a: a }"],
    ["for ({ a } of b) f({ a })", "for ({ a } of b) f({ a: a })"],
    ["const { a } = b", "const { a } = b"],
    ["export const a = 1", " const a = 1"],
    ["export default 5", "export default 5"],
    ["export function f() {}\nexport interface I {}", " function f() {}\n interface I {}"],
  ])("%j", (source, expected) => {
    expect(prepare(ts, source).text).toBe(expected);
  });

  it("has a map back to the cell", () => {
    const { text, map } = prepare(ts, "1;\nf({ a, bee })");
    expect(map).toBeDefined();
    const place = originalPlace(
      { steps: [{ map: map!, linesBefore: 0 }], prefix: 0 },
      { line: 2, column: (text.split("\n")[1] ?? "").indexOf("bee") + 1 },
    );
    expect(place).toEqual({ line: 2, column: 8 });
  });
});

describe("waitsAtTopLevel", () => {
  it.each([
    ["await x", true],
    ["await (x)", true],
    ["for await (const a of b) c", true],
    ["if (a) { await b }", true],
    ["async () => { await b }", false],
    ["async function f() { await b }", false],
    ["class A { async f() { await b } }", false],
    ["'await'", false],
    ["a.b", false],
  ])("%j: %s", (source, expected) => {
    expect(waitsAtTopLevel(ts, source)).toBe(expected);
  });
});

describe("describeFrames", () => {
  it("keeps what a person wrote and hides the installation", () => {
    const stack = [
      "Error: x",
      "    at f (/home/ada/app/node_modules/pkg/index.js:1:2)",
      "    at helper (/home/ada/app/src/helper.js:3:4)",
      "    at Object.run (file:///opt/lawbook/dist/train.js:5:6)",
      "    at node:internal/process/task_queues:95:5",
      "    at evalmachine.<anonymous>:7:8",
      "    at lawbook-cell-9:1:1",
    ].join("\n");
    expect(describeFrames(stack, new Map(), "/home/ada/app", ["/opt/lawbook/dist"])).toEqual([
      "    at f (pkg/index.js:1:2)",
      "    at helper (src/helper.js:3:4)",
    ]);
  });
});
