import Module, { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Script } from "node:vm";

import { cacheFolder, readBytes, readText, sha256, writeAtomic } from "lawbook/dist/jupyter/index.js";

/** A module whose compiled code outlives the process. */
export interface KeptModule {
  readonly exports: unknown;
  /** Keeps the code of all functions that have run by now for the next process, where there is none yet. */
  keep(): void;
}

/** Characters of the sha256 that stands before the code. */
const DIGEST = 64;

/**
 * Loads a CommonJS file into the cache of `require`, with the code that an earlier process of the same Node kept. Code that
 * is missing, damaged or of another source is made anew; a folder that cannot be written to does no harm.
 */
export function requireKept(file: string, folder: string = cacheFolder(process.env)): KeptModule {
  const require = createRequire(file);
  const source = Module.wrap(readText(file));
  const key = [process.version, process.arch, file, source.length].join("\0");
  const path = join(folder, `${sha256(key).slice(0, 32)}.code`);
  const cachedData = readKept(path);
  const script = new Script(source, { filename: file, ...(cachedData === undefined ? {} : { cachedData }) });
  const module = new Module(file);
  module.filename = file;
  require.cache[file] = module;
  const run = script.runInThisContext() as (...args: unknown[]) => void;
  run.call(module.exports, module.exports, require, module, file, dirname(file));
  module.loaded = true;
  let isKept = cachedData !== undefined && script.cachedDataRejected !== true;
  return {
    exports: module.exports,
    keep: () => {
      if (isKept) return;
      isKept = true;
      try {
        const code = script.createCachedData();
        writeAtomic(path, Buffer.concat([Buffer.from(sha256(code)), code]));
      } catch {
        // The next start is as slow as this one.
      }
    },
  };
}

function readKept(path: string): Buffer | undefined {
  try {
    const bytes = Buffer.from(readBytes(path));
    const code = bytes.subarray(DIGEST);
    return sha256(code) === bytes.toString("latin1", 0, DIGEST) ? code : undefined;
  } catch {
    return undefined;
  }
}
