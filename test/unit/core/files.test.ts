import { createHash } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";

import { afterAll, beforeEach, describe, expect, it } from "vitest";

import {
  exists,
  listFolder,
  makeTemporaryFolder,
  readText,
  remove,
  writeAtomic,
  writeFolderAtomic,
  writePieces,
} from "../../../src/core/files.js";
import { runProgram } from "../../../src/core/process.js";

const folder = makeTemporaryFolder("lawbook-files");
afterAll(() => remove(folder));
beforeEach(() => listFolder(folder).forEach((name) => remove(join(folder, name))));

const host = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
/** Of a process that has ended. */
const dead = Number(runProgram(process.execPath, ["-p", "process.pid"]).stdout);
const leftover = (target: string, maker: number, on = host): string =>
  `.${target}.${on}-${maker}-00ff00ff00ff.tmp`;

const WRITERS: Readonly<Record<string, (path: string) => void | Promise<void>>> = {
  writeAtomic: (path) => writeAtomic(path, "new"),
  writePieces: (path) => writePieces(path, [new TextEncoder().encode("new")]),
  writeFolderAtomic: (path) => writeFolderAtomic(path, (inner) => writeAtomic(join(inner, "file"), "new")),
};

describe.each(Object.entries(WRITERS))("%s", (_, write) => {
  it("removes what killed processes left of the same target, and nothing else", async () => {
    const stale = [leftover("target", dead), `${leftover("target", dead)}.old`];
    const others = [
      leftover("target", process.ppid),
      leftover("target", process.pid),
      leftover("target", dead, "0".repeat(8)),
      leftover("target2", dead),
      leftover("tar", dead),
      `.target.${host}-${dead}.tmp`,
      `.target.${host}-${dead}-00ff.tmp.bak`,
      "target.tmp",
    ];
    for (const name of [...stale, ...others]) writeAtomic(join(folder, name, "part"), "x");
    await write(join(folder, "target"));
    expect(exists(join(folder, stale[0]!))).toBe(false);
    expect(listFolder(folder).filter((name) => name !== "target" && name !== stale[1])).toEqual(
      others.sort(),
    );
  });

  it("leaves no temporary file where it fails", async () => {
    writeAtomic(join(folder, "file"), "in the way");
    const path = join(folder, "file/target");
    await expect((async () => write(path))()).rejects.toThrow();
    expect(listFolder(folder)).toEqual(["file"]);
  });
});

describe("a folder that is replaced", () => {
  it("keeps what a killed process had put aside until the new one is in its place", async () => {
    const aside = `${leftover("target", dead)}.old`;
    writeAtomic(join(folder, aside, "file"), "old");
    const failing = writeFolderAtomic(join(folder, "target"), () => {
      throw new Error("full");
    });
    await expect(failing).rejects.toThrow("full");
    expect(listFolder(folder)).toEqual([aside]);
    await WRITERS["writeFolderAtomic"]!(join(folder, "target"));
    expect(listFolder(folder)).toEqual(["target"]);
    expect(readText(join(folder, "target/file"))).toBe("new");
  });
});
