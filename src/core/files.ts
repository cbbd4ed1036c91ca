import { createHash } from "node:crypto";
import {
  closeSync,
  cpSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { homedir, hostname, tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

import { randomHex } from "./entropy.js";
import { LawbookError } from "./errors.js";

/** Reads a whole file. Throws `missing` with the path. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw fileError(path, cause);
  }
}

/** Reads a whole UTF-8 file. Throws `missing` with the path. */
export function readText(path: string): string {
  return new TextDecoder().decode(readBytes(path));
}

/** Parses a JSON file. Throws `bad-file` where it does not parse. */
export function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new LawbookError("bad-file", `${path} is not JSON: ${(cause as Error).message}.`, { cause });
  }
}

/** Parses a file with one JSON value a line; empty lines are passed over. Errors name the line. */
export function readJsonLines(path: string): unknown[] {
  const values: unknown[] = [];
  readText(path)
    .split("\n")
    .forEach((line, index) => {
      if (line.trim() === "") return;
      try {
        values.push(JSON.parse(line));
      } catch (cause) {
        throw new LawbookError(
          "bad-file",
          `${path}, line ${index + 1} is not JSON: ${(cause as Error).message}.`,
          {
            cause,
          },
        );
      }
    });
  return values;
}

/** Reads `length` bytes from `offset`. Throws `bad-file` where the file is shorter. */
export function readRange(path: string, offset: number, length: number): Uint8Array {
  let handle: number;
  try {
    handle = openSync(path, "r");
  } catch (cause) {
    throw fileError(path, cause);
  }
  try {
    const bytes = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(handle, bytes, done, length - done, offset + done);
      if (count === 0) {
        throw new LawbookError(
          "bad-file",
          `${path} is truncated: got ${offset + done} bytes, expected at least ${offset + length}.`,
          { hint: "Fetch or write the file again." },
        );
      }
      done += count;
    }
    return bytes;
  } finally {
    closeSync(handle);
  }
}

/**
 * Reads `length` bytes from `offset` piece by piece, so that a large range is never in memory whole. A piece is valid
 * until the next one is asked for. Throws `bad-file` where the file is shorter.
 */
export function* readPieces(
  path: string,
  offset: number,
  length: number,
  pieceBytes: number = 1 << 22,
): Generator<Uint8Array, void, undefined> {
  let handle: number;
  try {
    handle = openSync(path, "r");
  } catch (cause) {
    throw fileError(path, cause);
  }
  try {
    const buffer = new Uint8Array(Math.min(length, pieceBytes));
    for (let done = 0; done < length;) {
      const wanted = Math.min(buffer.length, length - done);
      let got = 0;
      while (got < wanted) {
        const count = readSync(handle, buffer, got, wanted - got, offset + done + got);
        if (count === 0) {
          throw new LawbookError(
            "bad-file",
            `${path} is truncated: got ${offset + done + got} bytes, expected at least ${offset + length}.`,
            { hint: "Fetch or write the file again." },
          );
        }
        got += count;
      }
      yield buffer.subarray(0, wanted);
      done += wanted;
    }
  } finally {
    closeSync(handle);
  }
}

/** Size of a file in bytes. Throws `missing` with the path. */
export function fileSize(path: string): number {
  try {
    return statSync(path).size;
  } catch (cause) {
    throw fileError(path, cause);
  }
}

/** sha256 of a file, read in pieces, 64 hex digits. */
export function sha256File(path: string): string {
  const hash = createHash("sha256");
  const size = fileSize(path);
  const piece = 1 << 22;
  for (let offset = 0; offset < size; offset += piece) {
    hash.update(readRange(path, offset, Math.min(piece, size - offset)));
  }
  return hash.digest("hex");
}

/**
 * Writes a file so that a reader sees the old bytes or the new ones, never a part:
 * temporary name beside it, fsync, rename. Creates the folder. A failure leaves no temporary file; what a kill leaves, the
 * next writing of the same path removes.
 * `mode`: permission bits, before the umask.
 */
export function writeAtomic(
  path: string,
  content: string | Uint8Array | Iterable<Uint8Array>,
  mode: number = 0o666,
): void {
  const temporary = temporaryBeside(path);
  try {
    const handle = openSync(temporary, "w", mode);
    try {
      const pieces =
        typeof content === "string"
          ? [new TextEncoder().encode(content)]
          : content instanceof Uint8Array
            ? [content]
            : content;
      for (const piece of pieces) {
        for (let done = 0; done < piece.length;) done += writeSync(handle, piece, done, piece.length - done);
      }
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw writeError(path, cause);
  }
}

/**
 * Writes a file from pieces that come one after the other, as atomically as `writeAtomic`. A piece may be used again
 * once the next one is asked for.
 */
export async function writePieces(
  path: string,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const handle = openSync(temporary, "w");
    try {
      for await (const piece of pieces) {
        for (let done = 0; done < piece.length;) done += writeSync(handle, piece, done, piece.length - done);
      }
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw writeError(path, cause);
  }
}

/**
 * Fills a folder under a temporary name and moves it to `path` when `fill` has returned, so that a kill in the middle
 * leaves nothing under the final name. An existing folder is replaced.
 */
export async function writeFolderAtomic(
  path: string,
  fill: (folder: string) => void | Promise<void>,
): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    mkdirSync(temporary);
    await fill(temporary);
    if (existsSync(path)) {
      const old = `${temporary}${REPLACED}`;
      renameSync(path, old);
      renameSync(temporary, path);
      rmSync(old, { recursive: true, force: true });
    } else {
      renameSync(temporary, path);
    }
    removeStale(path, REPLACED);
  } catch (cause) {
    rmSync(temporary, { recursive: true, force: true });
    throw writeError(path, cause);
  }
}

/** What a folder is called while the new one takes its place: a kill just then leaves it under this name. */
const REPLACED = ".old";

/** This machine, in names of temporary files: a number of a process means nothing on another one. */
const HOST = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);

/** A new temporary name beside a path, whose folder is made; what killed processes left there is removed. */
function temporaryBeside(path: string): string {
  try {
    mkdirSync(dirname(path), { recursive: true });
    removeStale(path, "");
  } catch (cause) {
    throw writeError(path, cause);
  }
  return join(dirname(path), `.${basename(path)}.${HOST}-${process.pid}-${randomHex(6)}.tmp`);
}

/** Removes temporary files and folders of a path that processes of this machine made which are no more. */
function removeStale(path: string, suffix: string): void {
  const [before, after] = [`.${basename(path)}.${HOST}-`, `.tmp${suffix}`];
  for (const name of readdirSync(dirname(path))) {
    if (!name.startsWith(before) || !name.endsWith(after)) continue;
    const maker = /^(\d+)-[0-9a-f]+$/.exec(name.slice(before.length, -after.length))?.[1];
    if (maker !== undefined && !isAlive(Number(maker)))
      rmSync(join(dirname(path), name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

/** Does a file or folder exist? */
export function exists(path: string): boolean {
  return existsSync(path);
}

/** Is it a folder? */
export function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

/** Names in a folder, sorted by code unit; an absent folder is empty. */
export function listFolder(path: string): string[] {
  return existsSync(path) ? readdirSync(path).sort() : [];
}

/** Paths of all files below a folder, relative with `/`, sorted. */
export function listFiles(path: string): string[] {
  return listFolder(path).flatMap((name) => {
    const inner = join(path, name);
    return statSync(inner).isDirectory() ? listFiles(inner).map((rest) => `${name}/${rest}`) : [name];
  });
}

/** Creates a folder and its parents. */
export function makeFolder(path: string): void {
  mkdirSync(path, { recursive: true });
}

/** Creates an empty private folder for temporary work. */
export function makeTemporaryFolder(prefix: string): string {
  return mkdtempSync(join(tmpdir(), `${prefix}-`));
}

/** Where what can be made or fetched again is kept from one process to the next. */
export function cacheFolder(env: NodeJS.ProcessEnv): string {
  return join(env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "lawbook");
}

/** Copies a file or a folder with all it holds. */
export function copy(from: string, to: string): void {
  try {
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to, { recursive: true });
  } catch (cause) {
    throw writeError(to, cause);
  }
}

/** Makes `path` a symbolic link to `target`, in the place of what is there. */
export function link(target: string, path: string): void {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(dirname(path), { recursive: true });
  symlinkSync(target, path);
}

/** Removes a file or a folder; absent is fine. */
export function remove(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

/** The nearest folder from `start` upwards that holds `name`, or undefined. */
export function findUpwards(start: string, name: string): string | undefined {
  for (let folder = resolve(start); ; folder = dirname(folder)) {
    if (existsSync(join(folder, name))) return folder;
    if (folder === dirname(folder)) return undefined;
  }
}

/** A full disk, a folder without permission and the like; what is not the system's stays as it is. */
function writeError(path: string, cause: unknown): unknown {
  if (!(cause instanceof Error) || !("syscall" in cause)) return cause;
  return new LawbookError("bad-file", `${path} cannot be written: ${cause.message}.`, {
    cause,
    data: { path },
  });
}

function fileError(path: string, cause: unknown): LawbookError {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === "ENOENT")
    return new LawbookError("missing", `There is no file ${path}.`, { cause, data: { path } });
  return new LawbookError("bad-file", `${path} cannot be read: ${message}.`, { cause, data: { path } });
}
