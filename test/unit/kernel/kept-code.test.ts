import { join } from "node:path";

import { afterAll, expect, it } from "vitest";

import { requireKept } from "../../../kernel-ext/src/cell/kept-code.js";
import {
  listFolder,
  makeFolder,
  makeTemporaryFolder,
  readBytes,
  remove,
  writeAtomic,
} from "../../../src/core/files.js";

const work = makeTemporaryFolder("lawbook-kept-code");
const file = join(work, "module.cjs");
const source = (value: number): string =>
  `const path = require("node:path");\nexports.value = ${value};\nexports.name = path.basename(__filename);\n`;
writeAtomic(file, source(42));
afterAll(() => remove(work));

/** A folder for kept code, and the bytes of its one file. */
function place(name: string): { folder: string; bytes: () => Uint8Array; path: () => string } {
  const folder = join(work, name);
  makeFolder(folder);
  const path = (): string => join(folder, listFolder(folder)[0]!);
  return { folder, path, bytes: () => readBytes(path()) };
}

it("runs a module as require does, with and without kept code", () => {
  const { folder, bytes } = place("plain");
  const first = requireKept(file, folder);
  expect(listFolder(folder)).toEqual([]);
  first.keep();
  const kept = bytes();
  expect(kept.length).toBeGreaterThan(100);
  const second = requireKept(file, folder);
  second.keep();
  expect(bytes()).toEqual(kept);
  for (const { exports } of [first, second]) expect(exports).toEqual({ value: 42, name: "module.cjs" });
});

it.each([
  ["a changed byte", (bytes: Uint8Array) => bytes.map((byte, index) => (index === 80 ? byte ^ 1 : byte))],
  ["half of it", (bytes: Uint8Array) => bytes.slice(0, bytes.length / 2)],
  ["nothing", () => new Uint8Array()],
])("makes code anew where the kept one is %s", (_, damage) => {
  const { folder, bytes, path } = place(`damaged ${damage.length}${String(_).length}`);
  requireKept(file, folder).keep();
  const kept = bytes();
  writeAtomic(path(), damage(kept));
  const again = requireKept(file, folder);
  expect(again.exports).toMatchObject({ value: 42 });
  again.keep();
  expect(bytes().length).toBe(kept.length);
});

it("does not take the code of another source", () => {
  const { folder } = place("changed");
  requireKept(file, folder).keep();
  writeAtomic(file, source(1234));
  expect(requireKept(file, folder).exports).toMatchObject({ value: 1234 });
  writeAtomic(file, source(42));
});

it("does without a folder that it can write to", () => {
  const { exports, keep } = requireKept(file, join(file, "no-folder"));
  keep();
  expect(exports).toMatchObject({ value: 42 });
});
