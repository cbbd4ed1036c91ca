// Runs jupyter_kernel_test against the kernel on several versions of Node. Linux on x86-64.
// Usage: npm run test:kernel-matrix [-- 22 24 26]
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

import { fetchNode } from "../../support/node-versions.mjs";

const root = resolve(import.meta.dirname, "../../..");
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const majors = process.argv.length > 2 ? process.argv.slice(2) : ["20", "22", "24", "26"];
let failed = 0;
for (const major of majors) {
  const { node, version } = fetchNode(major);
  console.log(`Node ${version}`);
  const { status } = spawnSync(process.execPath, [vitest, "run", "test/e2e/jupyter/protocol.test.ts"], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, LAWBOOK_KERNEL_NODE: node },
  });
  if (status !== 0) failed++;
}
console.log(`${majors.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
