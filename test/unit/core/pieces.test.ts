import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import {
  listFolder,
  makeFolder,
  makeTemporaryFolder,
  readBytes,
  readPieces,
  remove,
  writeAtomic,
  writePieces,
} from "../../../src/core/files.js";

const folder = makeTemporaryFolder("lawbook-pieces");
afterAll(() => remove(folder));
const path = join(folder, "file");
const bytes = Uint8Array.from({ length: 10 }, (_, index) => index);

const kept = (pieces: Iterable<Uint8Array>): number[][] => Array.from(pieces, (piece) => [...piece]);

describe("reading in pieces", () => {
  it("gives the range, the last piece shorter", () => {
    writeAtomic(path, bytes);
    expect(kept(readPieces(path, 2, 7, 3))).toEqual([[2, 3, 4], [5, 6, 7], [8]]);
    expect(kept(readPieces(path, 0, 10))).toEqual([[...bytes]]);
    expect(kept(readPieces(path, 10, 0))).toEqual([]);
  });

  it("refuses a range beyond the end, and a file that is not there", () => {
    writeAtomic(path, bytes);
    expect(() => kept(readPieces(path, 8, 4, 2))).toThrow(
      `${path} is truncated: got 10 bytes, expected at least 12`,
    );
    expect(() => kept(readPieces(join(folder, "none"), 0, 1))).toThrow(
      `There is no file ${join(folder, "none")}.`,
    );
  });
});

describe("writing in pieces", () => {
  it("takes a piece that is used again", async () => {
    const piece = new Uint8Array(2);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 3; i++) {
        await Promise.resolve();
        yield piece.fill(i);
      }
    }
    await writePieces(join(folder, "new", "file"), pieces());
    expect([...readBytes(join(folder, "new", "file"))]).toEqual([0, 0, 1, 1, 2, 2]);
    remove(join(folder, "new"));
  });

  it("leaves the old file and nothing else where the source fails, and keeps its error", async () => {
    writeAtomic(path, bytes);
    const failure = new Error("the source is gone");
    function* pieces(): Generator<Uint8Array> {
      yield new Uint8Array(3);
      throw failure;
    }
    await expect(writePieces(path, pieces())).rejects.toBe(failure);
    expect(readBytes(path)).toEqual(Buffer.from(bytes));
    expect(listFolder(folder)).toEqual(["file"]);
  });

  it("names the file that cannot be written", async () => {
    makeFolder(join(folder, "taken", "inner"));
    await expect(writePieces(join(folder, "taken"), [bytes])).rejects.toThrow(
      `${join(folder, "taken")} cannot be written`,
    );
    await expect(writePieces(join(path, "inner"), [bytes])).rejects.toThrow(
      `${join(path, "inner")} cannot be written`,
    );
    expect(listFolder(folder)).toEqual(["file", "taken"]);
  });
});
