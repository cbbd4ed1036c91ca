import { join } from "node:path";

import { expect, it } from "vitest";

import { ENGINE } from "../../src/compute/engine.js";
import { readJson } from "../../src/core/files.js";
import { runProgram } from "../../src/core/process.js";

const here = import.meta.dirname;
const digests = readJson(join(here, "../fixtures/reference-digests.json")) as Record<string, string[]>;

it.each(["1", "2"])(
  "a fresh process with %s threads gives the committed bytes of weights and optimiser slots for this engine number",
  (threads) => {
    const { stdout, stderr, status } = runProgram(process.execPath, [
      join(here, "../support/reference-digest.mjs"),
      threads,
    ]);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    // Other bytes are another engine: raise ENGINE, add its digests here, and make the committed study again.
    expect(stdout.trim().split("\n")).toEqual(digests[ENGINE]);
  },
);
