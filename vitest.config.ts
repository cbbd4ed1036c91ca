import { defineConfig } from "vitest/config";

import { TallyReporter } from "./test/support/tally-reporter.js";

interface Folder {
  readonly name: string;
  readonly timeoutMs: number;
  /** Test files of this folder that run at the same time. */
  readonly workers: number;
}

const FOLDERS: readonly Folder[] = [
  { name: "architecture", timeoutMs: 60_000, workers: 2 },
  { name: "unit", timeoutMs: 30_000, workers: 2 },
  { name: "property", timeoutMs: 60_000, workers: 2 },
  { name: "contract", timeoutMs: 60_000, workers: 2 },
  { name: "golden", timeoutMs: 120_000, workers: 2 },
  // Real kernels and trainings: two at once on a two-core machine would measure each other.
  { name: "e2e", timeoutMs: 240_000, workers: 1 },
];

export default defineConfig({
  test: {
    reporters: ["default", new TallyReporter()],
    projects: FOLDERS.map(({ name, timeoutMs, workers }) => ({
      test: {
        name,
        include: [`test/${name}/**/*.test.ts`],
        environment: "node",
        pool: "forks",
        testTimeout: timeoutMs,
        hookTimeout: timeoutMs,
        maxWorkers: workers,
        sequence: { groupOrder: workers === 1 ? 1 : 0 },
        env: { TZ: "UTC", LANG: "C.UTF-8" },
      },
    })),
  },
});
