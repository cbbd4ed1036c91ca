import { defineConfig } from "vitest/config";

import { TallyReporter } from "./test/support/tally-reporter.js";

interface Folder {
  readonly name: string;
  /** Below `test`: all of the folder of this name where left out. */
  readonly files?: string;
  readonly timeoutMs: number;
  /** Its files run one after another, after all others: they ask how soon something answers. */
  readonly alone?: true;
}

const FOLDERS: readonly Folder[] = [
  { name: "architecture", timeoutMs: 60_000 },
  { name: "unit", timeoutMs: 30_000 },
  { name: "property", timeoutMs: 60_000 },
  { name: "contract", timeoutMs: 60_000 },
  { name: "golden", timeoutMs: 120_000 },
  { name: "e2e", files: "e2e/*.test.ts", timeoutMs: 240_000 },
  // `npm run test:kernel` runs these two, the second with JupyterLab, nbconvert and papermill.
  { name: "kernel", files: "e2e/{kernel/*,jupyter/protocol}.test.ts", timeoutMs: 240_000, alone: true },
  { name: "kernel-jupyter", files: "e2e/jupyter/!(protocol).test.ts", timeoutMs: 240_000, alone: true },
];

export default defineConfig({
  test: {
    reporters: ["default", new TallyReporter()],
    projects: FOLDERS.map(({ name, files = `${name}/**/*.test.ts`, timeoutMs, alone = false }) => ({
      test: {
        name,
        include: [`test/${files}`],
        environment: "node",
        pool: "forks",
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
        maxWorkers: alone ? 1 : 2,
        sequence: { groupOrder: alone ? 1 : 0 },
        env: { TZ: "UTC", LANG: "C.UTF-8" },
      },
    })),
  },
});
