import { createRequire } from "node:module";

import type * as TypeScript from "@tslab/typescript-for-tslab";
import { describe, expect, it } from "vitest";

import { originalPlace } from "../../../kernel-ext/src/cell/frames.js";
import { type MagicNames, rewrite } from "../../../kernel-ext/src/cell/rewrite.js";

const ts = createRequire(import.meta.url)("@tslab/typescript-for-tslab") as typeof TypeScript;

const magics: MagicNames = {
  kinds: (name) =>
    ({ lsmagic: ["line" as const], train: ["line" as const, "cell" as const], runs: ["line" as const] })[
      name
    ],
  resultType: (name) => (name === "train" ? 'import("lawbook").TrainResult' : undefined),
  unknown: (name, form, line) => new Error(`unknown ${form} ${name} in line ${line}`),
  isVariable: (name) => name === "runs",
};
const text = (source: string): string => rewrite(ts, source, magics, "refuse").text;
const T = 'import("lawbook").TrainResult';

describe("magics that are one", () => {
  it.each<[string, string]>([
    ["%lsmagic", 'await __lawbook__.show("lsmagic", ``);'],
    ["  %train a.yml --jobs 2", '  await __lawbook__.show("train", `a.yml --jobs 2`);'],
    ["const r = %train a.yml", `const r = await __lawbook__.run<${T}>("train", \`a.yml\`);`],
    ["const { loss } = %train a.yml", `const { loss } = await __lawbook__.run<${T}>("train", \`a.yml\`);`],
    ["let r: any = %train a", `let r: any = await __lawbook__.run<${T}>("train", \`a\`);`],
    ["r.x = %lsmagic", 'r.x = await __lawbook__.run<any>("lsmagic", ``);'],
    ["1;\n%lsmagic\n2", '1;\nawait __lawbook__.show("lsmagic", ``);\n2'],
    ["const a = 1\n%lsmagic", 'const a = 1\nawait __lawbook__.show("lsmagic", ``);'],
    ["if (a) {\n  %lsmagic\n}", 'if (a) {\n  await __lawbook__.show("lsmagic", ``);\n}'],
    ["for (;;) { x }\n%lsmagic", 'for (;;) { x }\nawait __lawbook__.show("lsmagic", ``);'],
    ["// note\n%lsmagic", '// note\nawait __lawbook__.show("lsmagic", ``);'],
    [
      "%train it's `odd` \\ {\nconst a = `x`",
      'await __lawbook__.show("train", `it\'s \\`odd\\` \\\\ {`);\nconst a = `x`',
    ],
    ["%train ${f('}')} b", "await __lawbook__.show(\"train\", `${f('}')} b`);"],
    ["%train \\${f}", 'await __lawbook__.show("train", `\\${f}`);'],
    ["%lsmagic\n%train a", 'await __lawbook__.show("lsmagic", ``);\nawait __lawbook__.show("train", `a`);'],
    ["%train?", 'await __lawbook__.help("train")'],
    ["%%train?", 'await __lawbook__.help("train")'],
    ["1;\nfoo?", '1;\nawait __lawbook__.help("foo")'],
  ])("%j", (source, expected) => {
    expect(text(source)).toBe(expected);
    expect(text(source).split("\n")).toHaveLength(source.split("\n").length);
  });

  it("gives a cell magic its body with the line numbers of the cell", () => {
    expect(text("%%train base --jobs 2\nsteps: ${n}\nmodel: `x`")).toBe(
      `let base = await __lawbook__.run<${T}>("train", \`--jobs 2\`, \`\nsteps: \${n}\nmodel: \\\`x\\\`\`);`,
    );
    expect(text("%%train\na: 1")).toBe('await __lawbook__.show("train", ``, `\na: 1`);');
  });
});

describe("places", () => {
  it("maps an expression in a body back to its place", () => {
    const source = "%%train base `x`\n# `\nsteps: ${f(nope)}\n";
    const { text: code, map } = rewrite(ts, source, magics, "refuse");
    const lines = code.split("\n");
    const steps = [{ map: map!, linesBefore: 0 }];
    expect(
      originalPlace({ steps, prefix: 0 }, { line: 3, column: (lines[2] ?? "").indexOf("nope") + 1 }),
    ).toEqual({
      line: 3,
      column: 12,
    });
    expect(lines[0]).toContain("`\\`x\\``");
  });
});

describe("percent signs that are none", () => {
  it.each([
    "a % b",
    "a\n%b",
    "const x = a\n  %b\n",
    "f(\n%lsmagic)",
    "const x = 7 +\n%lsmagic",
    "const s = `\n%lsmagic\n`",
    "const s = `${a}\n%lsmagic\n`",
    "const s = `${ { a: `${b}` }.a }\n%lsmagic`",
    "/*\n%lsmagic\n*/",
    "// %lsmagic",
    "'%lsmagic'",
    "/[/]%lsmagic/",
    "const r = /`/\nconst s = 'x'",
    "n\n%runs",
    "x %= 3",
    "const a = {}\n%b",
    "a ? b : c",
    "x?.y",
  ])("%j stays as it is", (source) => {
    expect(text(source)).toBe(source);
  });

  it("keeps looking after a remainder whose line opens a template", () => {
    const source = "const x = a\n%b + `\n%lsmagic\n`";
    expect(text(source)).toBe(source);
  });
});

describe("unknown magics", () => {
  it.each([
    ["%nope", "unknown line nope in line 1"],
    ["1;\n%nope a", "unknown line nope in line 2"],
    ["const r = %nope", "unknown line nope in line 1"],
    ["%%nope\nx", "unknown cell nope in line 1"],
    ["%%lsmagic\nx", "unknown cell lsmagic in line 1"],
  ])("%j", (source, message) => {
    expect(() => text(source)).toThrow(message);
    expect(() => rewrite(ts, source, magics, "suspect")).toThrow(message);
    expect(rewrite(ts, source, magics, "leave").text).toBe(source);
  });

  it("are suspected after a line without semicolon only in a cell that does not compile", () => {
    const source = "f()\n%nope x";
    expect(text(source)).toBe(source);
    expect(() => rewrite(ts, source, magics, "suspect")).toThrow("unknown line nope in line 2");
    expect(rewrite(ts, "n\n%runs", magics, "suspect").text).toBe("n\n%runs");
  });
});
