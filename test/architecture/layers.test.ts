import { readdirSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, it } from "vitest";

import { LAYERS, violations } from "./house.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

function sourceFiles(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `${folder}/${name.split(sep).join("/")}`)
    .sort();
}

const files = [...sourceFiles("src"), ...sourceFiles("kernel-ext/src")];

describe("the house", () => {
  it("finds the source", () => {
    expect(files).toContain("src/core/errors.ts");
    expect(files).toContain("src/cli.ts");
    expect(files).toContain("kernel-ext/src/kernel.ts");
  });

  it.each(files)("%s keeps to its layer", (path) => {
    expect(violations({ path, text: readFileSync(join(root, path), "utf8") })).toEqual([]);
  });

  it("has no circle between folders", () => {
    const seen = new Set<string>();
    const rank = (folder: string, above: readonly string[]): void => {
      expect(above, `${folder} imports itself by ${above.join(" > ")}`).not.toContain(folder);
      if (seen.has(folder)) return;
      for (const next of LAYERS[folder] ?? []) rank(next.split("/")[0] ?? next, [...above, folder]);
      seen.add(folder);
    };
    for (const folder of Object.keys(LAYERS)) rank(folder, []);
  });
});

/** Sources that break one rule each, and what must be said about them. */
const PLANTED: readonly (readonly [path: string, text: string, complaint: RegExp])[] = [
  ["src/core/a.ts", `import { x } from "../compute/graph.js";`, /imports compute\/graph from core/],
  ["src/model/a.ts", `import type { X } from "../data/batches.js";`, /imports data\/batches from model/],
  ["src/laws/a.ts", `export { x } from "../runs/store.js";`, /imports runs\/store from laws/],
  ["src/laws/a.ts", `import { x } from "../figures/render.js";`, /imports figures\/render from laws/],
  ["src/replay/a.ts", `const x = () => import("../laws/list.js");`, /imports laws\/list from replay/],
  ["src/train/a.ts", `type X = import("../runs/record.js").RunRecord;`, /imports runs\/record from train/],
  ["src/runs/a.ts", `import { x } from "../commands/list.js";`, /imports commands\/list from runs/],
  ["src/commands/a.ts", `import { main } from "../cli.js";`, /imports cli from commands/],
  ["src/attic/a.ts", `import { x } from "../core/math.js";`, /attic, a folder that is not in the table/],
  ["src/data/a.ts", `import { x } from "../../datasets/build/x.js";`, /outside src/],
  ["src/data/a.ts", `import { x } from "../core/math";`, /without \.js/],
  ["src/runs/a.ts", `import { x } from "lawbook";`, /imports lawbook, which is above it/],
  ["src/runs/a.ts", `const x = (name: string) => import(name);`, /a name that is computed/],
  ["src/data/a.ts", `import { monotonicMs } from "../core/clock.js";`, /core\/clock from data/],
  ["src/figures/a.ts", `import { uniqueId } from "../core/entropy.js";`, /core\/entropy from figures/],
  ["src/runs/a.ts", `import { readFileSync } from "node:fs";`, /node:fs, which lives in src\/core\/files/],
  ["src/runs/a.ts", `import fs from "fs/promises";`, /fs\/promises, which lives in src\/core\/files/],
  ["src/core/files.ts", `import { fork } from "node:child_process";`, /lives in src\/core\/process/],
  ["kernel-ext/src/a.ts", `import { spawn } from "child_process";`, /lives in src\/core\/process/],
  ["src/runs/a.ts", `const fs = process.getBuiltinModule("node:fs");`, /node:fs, which lives/],
  [
    "src/runs/a.ts",
    `import { randomBytes as bytes } from "node:crypto";`,
    /takes randomBytes from node:crypto/,
  ],
  ["src/runs/a.ts", `import * as crypto from "node:crypto";`, /takes all of node:crypto/],
  ["src/runs/a.ts", `export * from "node:crypto";`, /takes all of node:crypto/],
  ["src/runs/a.ts", `const now = Date.now();`, /reads the clock by Date\.now/],
  ["src/runs/a.ts", `const now = () => new Date();`, /reads the clock by new Date/],
  ["src/runs/a.ts", `const now = globalThis.performance.now();`, /reads the clock by performance\.now/],
  ["src/runs/a.ts", `const start = process.hrtime.bigint();`, /reads the clock by process\.hrtime/],
  ["src/data/a.ts", `const draw = Math.random;`, /takes entropy by Math\.random/],
  ["src/runs/a.ts", `const id = crypto.randomUUID();`, /takes entropy by crypto\.randomUUID/],
  ["src/model/a.ts", `export const x = await load();`, /awaits at the top level/],
  ["src/model/a.ts", `for await (const x of all) use(x);`, /awaits at the top level/],
  ["kernel-ext/src/a.ts", `import { x } from "../../src/core/math.js";`, /outside the kernel/],
  ["kernel-ext/src/cell/a.ts", `import { x } from "lawbook/dist/core/files.js";`, /past the door/],
  ["src/core/readModel.ts", ``, /not kebab-case/],
  ["src/core/utils.ts", ``, /name without meaning/],
  ["src/helpers/text.ts", ``, /name without meaning/],
  ["src/core/long.ts", "x;\n".repeat(501), /has 501 lines/],
];

describe("the detector", () => {
  it.each(PLANTED)("catches %s %.90s", (path, text, complaint) => {
    const found = violations({ path, text });
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(complaint);
  });

  it.each([
    ["src/laws/a.ts", `import type { RunRecord } from "../runs/record.js";`],
    ["src/core/files.ts", `import { readFileSync } from "node:fs";`],
    ["src/core/clock.ts", `export const now = (): number => Date.now();`],
    ["src/core/a.ts", `import { createHash } from "node:crypto";`],
    ["src/replay/a.ts", `import { x } from "./lock.js"; import { randomIndex } from "../core/entropy.js";`],
    ["src/laws/balance.rule.ts", `const fixed = new Date(0);`],
    ["src/core/long.ts", "x;\n".repeat(500)],
    ["kernel-ext/src/cell/a.ts", `import { train } from "lawbook"; import "lawbook/dist/jupyter/wire.js";`],
    ["src/model/a.ts", `export async function f() { await g(); }`],
  ])("is silent about %s %.90s", (path, text) => {
    expect(violations({ path, text })).toEqual([]);
  });
});
