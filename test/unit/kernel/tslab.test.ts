import { createRequire } from "node:module";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { beforeAll, describe, expect, it } from "vitest";

import { presentError } from "../../../kernel-ext/src/present.js";
import { type CellOutcome, type Cells, openCells } from "../../../kernel-ext/src/cell/tslab.js";

// What the adapter relies on in tslab; each of these fails when an internal changes.

const require = createRequire(import.meta.url);
let cells: Cells;
let count = 0;
const cwd = mkdtempSync(join(tmpdir(), "lawbook-cells-"));

async function run(text: string): Promise<CellOutcome> {
  count += 1;
  return cells.execute({ text, map: undefined }, String(count), () => {});
}

async function traceback(text: string): Promise<readonly string[]> {
  const outcome = await run(text);
  if (outcome.kind !== "error") throw new Error(`got ${outcome.kind}, expected an error`);
  return presentError(outcome.error, {
    maps: cells.maps,
    cwd,
    own: [dirname(require.resolve("tslab/package.json"))],
  }).traceback;
}

/** Puts a package into the folder of the cells. */
function plant(name: string, manifest: object, files: Readonly<Record<string, string>>): void {
  const folder = join(cwd, "node_modules", name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name, version: "1.0.0", ...manifest }));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
}

beforeAll(async () => {
  process.chdir(cwd);
  plant(
    "import-only",
    { type: "module", exports: { ".": { types: "./i.d.ts", import: "./i.js" } } },
    {
      "i.js": "export const seven = 7; export default function double(x) { return 2 * x }",
      "i.d.ts": "export const seven: number; export default function double(x: number): number;",
    },
  );
  plant(
    "slow-start",
    { type: "module", main: "s.js", types: "s.d.ts" },
    { "s.js": "await 0; export const nine = 9;", "s.d.ts": "export const nine: number;" },
  );
  plant(
    "broken",
    { type: "module", exports: { import: "./b.js" } },
    { "b.js": "throw new Error('own fault');" },
  );
  plant("lonely", { type: "module", exports: { import: "./l.js" } }, { "l.js": "" });
  plant("old", { main: "o.js" }, { "o.js": "exports.five = 5;" });
  // The test runner's own formatter does not know sourceURL.
  Error.prepareStackTrace = undefined as never;
  const kernel = dirname(require.resolve("lawbook-kernel/package.json"));
  cells = await openCells(cwd, { "lawbook-kernel": kernel });
}, 240_000);

describe("the adapter of tslab", () => {
  it("is made for this version", () => {
    expect((require("tslab/package.json") as { version: string }).version).toBe("1.0.22");
  });

  it("gives the value of the last expression and keeps variables", async () => {
    expect(await run("const a = 20; function twice(x: number) { return 2 * x }")).toEqual({ kind: "done" });
    expect(await run("twice(a) + 2")).toEqual({ kind: "value", value: 42 });
    expect(cells.names()).toEqual(expect.arrayContaining(["a", "twice"]));
  });

  it("hears both phases, the synchronous part ending before the wait", async () => {
    const phases: string[] = [];
    const done = cells.execute(
      { text: "await new Promise((f) => setTimeout(f, 20)); 7", map: undefined },
      String(++count),
      (phase) => phases.push(phase),
    );
    expect(phases).toEqual(["running", "waiting"]);
    expect(await done).toEqual({ kind: "value", value: 7 });
  });

  it.each<[string, unknown]>([
    ["await (Promise.resolve(5))", 5],
    ["let total = 0; for await (const x of [1, Promise.resolve(2)]) total += x; total", 3],
    ["const b2 = 4; ({ a, b2 }).a + b2", 24],
    ["export const shown = 1; shown", 1],
    ["enum E { A = 3 }; E.A", 3],
  ])("runs %j", async (source, value) => {
    expect(await run(source)).toEqual({ kind: "value", value });
  });

  it("gives a shorthand of an earlier variable its value", async () => {
    expect(await run("({ a })")).toEqual({ kind: "value", value: { a: 20 } });
  });

  it("reports all diagnostics with code and place", async () => {
    expect(await run("const n: number = 'a';\n  nope")).toEqual({
      kind: "diagnostics",
      diagnostics: [
        {
          place: { line: 1, column: 7 },
          length: 1,
          code: 2322,
          message: expect.stringContaining("not assignable"),
          file: undefined,
        },
        {
          place: { line: 2, column: 3 },
          length: 4,
          code: 2304,
          message: "Cannot find name 'nope'.",
          file: undefined,
        },
      ],
    });
  });

  it("maps frames to the lines of the cells, across cells", async () => {
    await run(
      "interface Deep { x: number }\n\nfunction fail(d: Deep) {\n  type T = string;\n  throw new TypeError(`deep ${d.x}`);\n}",
    );
    const defined = count;
    const lines = await traceback("const z: number = 3;\n\n  fail({ x: z });");
    // Below stand the frames of this test, which are no part of a kernel.
    expect(lines.slice(0, 3)).toEqual([
      "TypeError: deep 3",
      `    at fail (In[${defined}]:5:9)`,
      `    at In[${defined + 1}]:3:3`,
    ]);
  });

  it("maps frames after an await and after a shorthand on the line", async () => {
    const lines = await traceback("await 0;\nconst k = { a }; throw new Error('x');");
    expect(lines[1]).toBe(`    at In[${count}]:2:24`);
  });

  it("finds the types of Node and of its own packages from any folder", async () => {
    expect(await run("import * as os from 'node:os'; typeof os.EOL")).toEqual({
      kind: "value",
      value: "string",
    });
    expect(await run("import { display } from 'lawbook-kernel'; typeof display")).toEqual({
      kind: "value",
      value: "function",
    });
    expect((await run("import { nothing } from 'lawbook-kernel'")).kind).toBe("diagnostics");
  });

  it.each<[string, unknown]>([
    ["import double, { seven } from 'import-only'; double(seven)", 14],
    ["import * as all from 'import-only'; Object.keys(all).sort().join()", "default,seven"],
    ["export { seven as again } from 'import-only'; 1", 1],
    ["(await import('import-only')).seven", 7],
    ["import { nine } from 'slow-start'; nine", 9],
    ["(await import('slow-start')).nine", 9],
    ["const name = 'import-only'; (await import(name)).default(2)", 4],
    ["(await import('old')).five + (await import('old')).default.five", 10],
    ["(await import('node:os')).EOL.length", 1],
  ])("loads modules of every kind: %s", async (source, value) => {
    expect(await run(source)).toEqual({ kind: "value", value });
  });

  it("types what has exports only, and tells faults of modules", async () => {
    expect(await run("import { seven } from 'import-only'; const s: string = seven")).toMatchObject({
      kind: "diagnostics",
      diagnostics: [{ code: 2322 }],
    });
    for (const source of ["// @ts-ignore\nimport 'broken'", "// @ts-ignore\nawait import('broken')"])
      expect(await run(source)).toMatchObject({ kind: "error", error: { message: "own fault" } });
    expect(await run("require('nowhere')")).toMatchObject({
      kind: "error",
      error: { code: "MODULE_NOT_FOUND" },
    });
  });

  it("does not run a cell twice whose own require is refused", async () => {
    await run("let runs = 0");
    expect(await run("runs += 1; require('lonely')")).toMatchObject({
      kind: "error",
      error: { code: "ERR_PACKAGE_PATH_NOT_EXPORTED" },
    });
    expect(await run("runs")).toEqual({ kind: "value", value: 1 });
  });

  it("maps frames after a call of import on the line", async () => {
    const lines = await traceback("await import('old'); throw new Error('x');");
    expect(lines[1]).toBe(`    at In[${count}]:1:28`);
  });

  it("compiles strictly from the next cell on, and back", async () => {
    const loose = "let n: number = null as unknown as number; n = null; function f(x) { return x } typeof f";
    expect(await run(loose)).toEqual({ kind: "value", value: "function" });
    cells.setStrict(true);
    expect(await run(loose)).toMatchObject({
      kind: "diagnostics",
      diagnostics: [{ code: 2322 }, { code: 7006 }],
    });
    expect(await run("twice(a)")).toEqual({ kind: "value", value: 40 });
    cells.setStrict(false);
    expect(await run(loose)).toEqual({ kind: "value", value: "function" });
  });

  it("ends a cell before it runs where the phase is refused", async () => {
    await expect(
      cells.execute({ text: "globalThis.ran = true", map: undefined }, String(++count), (phase) => {
        if (phase === "running") throw new Error("not now");
      }),
    ).rejects.toThrow("not now");
    expect(await run("typeof (globalThis as any).ran")).toEqual({ kind: "value", value: "undefined" });
  });

  it.each([
    ["a function of ECMAScript", "Math.max", "the larger of a set", "@param values"],
    ["a method", "[1].map", "Calls a defined callback function on each element", "@param callbackfn"],
    ["a variable", "Math", "basic mathematics", "var Math: Math"],
    ["a class", "Promise", "completion of an asynchronous operation", "var Promise: PromiseConstructor"],
    ["a function of Node", "setTimeout", "one-time `callback`", "@param callback"],
    ["a method of Node with many overloads", "Buffer.alloc", "Allocates a new `Buffer`", "@param size"],
    [
      "an import",
      'import { readFileSync } from "node:fs"; readFileSync',
      "contents of the `path`",
      "@param path",
    ],
  ])("inspects %s with its docs", (_, code, doc, other) => {
    for (let round = 0; round < 2; round++) {
      const text = cells.inspect(code, code.length - 1);
      expect(text).toContain(doc);
      expect(text).toContain(other);
      expect(text!.split(doc), "once").toHaveLength(2);
    }
  });

  it("completes and inspects with types", async () => {
    const code = "twice(a).toFi";
    expect(cells.complete(code, code.length)).toMatchObject({ start: 9, end: 13, candidates: ["toFixed"] });
    expect(cells.inspect("twice", 2)).toContain("function twice(x: number): number");
    expect(cells.inspect("unheard", 2)).toBeUndefined();
  });

  it("forgets a cell that was abandoned", async () => {
    const waiting = run("const ghost = 1; await new Promise(() => {})");
    cells.abandon();
    expect((await waiting).kind).toBe("error");
    expect((await run("ghost")).kind).toBe("diagnostics");
    expect(await run("a")).toEqual({ kind: "value", value: 20 });
  });
});
