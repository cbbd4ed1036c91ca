// Runs the tour notebook in nbclient, nbconvert, papermill and, where there is a Chromium, in JupyterLab. It trains.
// Usage: npm run test:tour
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../../..");
const args = ["run", "test/e2e/jupyter/notebooks.test.ts", "test/e2e/jupyter/lab.test.ts"];
const { status } = spawnSync(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), ...args], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, LAWBOOK_TOUR: "1" },
});
process.exit(status ?? 1);
