import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { stream } from "../../../src/core/random.js";
import type { RunningKernel } from "../../../src/jupyter/index.js";
import { isAlive, KERNEL_ARGV, startKernel, streamed, until, valueOf } from "./start.js";

// The short form runs with all tests; LAWBOOK_SOAK=1 runs it in full.
const FULL = process.env["LAWBOOK_SOAK"] === "1";
const CELLS = FULL ? 1000 : 60;
const INTERRUPTS = FULL ? 200 : 14;
const RESTARTS = FULL ? 20 : 2;
const LIMIT_MS = FULL ? 3_600_000 : 240_000;

describe("one kernel for long", () => {
  let kernel: RunningKernel;
  beforeAll(async () => {
    const [program = "", ...args] = KERNEL_ARGV;
    kernel = await startKernel({ argv: [program, "--expose-gc", ...args] });
  });
  afterAll(() => kernel.stop());
  const run = (code: string): ReturnType<RunningKernel["client"]["execute"]> =>
    kernel.client.execute(code, { timeoutMs: 60_000 });
  const heapMb = async (): Promise<number> =>
    Number(valueOf(await run("(globalThis as any).gc(); process.memoryUsage().heapUsed / 1e6")));

  it(
    `keeps no more than 50 MB of ${CELLS} cells with 100 KB of output each`,
    async () => {
      const cell = (index: number): string =>
        `const value${index % 20} = { index: ${index}, list: [1, 2, 3] }; function f${index % 20}(x: number) { return x + ${index} }
         for (let i = 0; i < 100; i++) console.log("x".repeat(999)); display({ "text/plain": "d" }); f${index % 20}(1)`;
      let before = 0;
      for (let index = 0; index < CELLS; index++) {
        // The compiler fills its own caches during the first cells.
        if (index === Math.min(50, CELLS / 2)) before = await heapMb();
        const execution = await run(cell(index));
        expect(valueOf(execution)).toBe(String(index + 1));
        expect(streamed(execution)).toHaveLength(100_000);
      }
      const grown = (await heapMb()) - before;
      expect(grown).toBeLessThan(50);
      if (FULL) console.log(`${CELLS} cells: retained heap grew by ${grown.toFixed(1)} MB`);
    },
    LIMIT_MS,
  );

  it(
    `loses none of ${INTERRUPTS} interrupts at random moments, and keeps the state`,
    async () => {
      const random = stream(1, "soak");
      const kinds = [
        "await new Promise(() => {})",
        "while (true) spins += 1;",
        "await 0; while (true) spins += 1;",
        "await new Promise(() => setTimeout(() => { while (true) spins += 1; }, 5))",
        "while (true) await new Promise((f) => setTimeout(f, 20));",
        "while (true) { try { await new Promise((f) => setTimeout(f, 20)) } catch {} }",
        "await prompt('?')",
      ];
      await run("const keep = { rounds: 0 }; let spins = 0");
      const tooks: number[] = [];
      for (let round = 0; round < INTERRUPTS; round++) {
        const kind = kinds[round % kinds.length]!;
        let started: () => void = () => {};
        const starts = new Promise<void>((resolve) => (started = resolve));
        const running = kernel.client.execute(kind, {
          timeoutMs: 60_000,
          input: () => new Promise(() => {}),
          onMessage: ({ header }) => header.msg_type === "execute_input" && started(),
        });
        await starts;
        await new Promise((resolve) => setTimeout(resolve, random.uniform() * 300));
        const asked = performance.now();
        await kernel.client.interrupt();
        const { outputs, reply } = await running;
        tooks.push(performance.now() - asked);
        expect({ round, kind, outputs, status: reply["status"] }).toMatchObject({
          outputs: [{ ename: "KeyboardInterrupt" }],
          status: "error",
        });
        expect(valueOf(await run("keep.rounds += 1"))).toBe(String(round + 1));
      }
      tooks.sort((a, b) => a - b);
      if (FULL)
        console.log(
          `${INTERRUPTS} interrupts: median ${tooks[INTERRUPTS / 2]?.toFixed(0)} ms, longest ${tooks.at(-1)?.toFixed(0)} ms`,
        );
    },
    LIMIT_MS,
  );
});

it(
  `leaves no process after ${RESTARTS} starts`,
  async () => {
    for (let round = 0; round < RESTARTS; round++) {
      const kernel = await startKernel();
      const child = Number(
        valueOf(
          await kernel.client.execute(
            'import { spawn } from "node:child_process"; spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]).pid',
          ),
        ),
      );
      // Every other one is busy when it is asked to end.
      const busy = round % 2 === 1 ? kernel.client.execute("while (true);").catch(() => {}) : undefined;
      if (busy !== undefined) await new Promise((resolve) => setTimeout(resolve, 200));
      await kernel.stop(8000);
      await busy;
      expect(isAlive(kernel.process.pid ?? 0)).toBe(false);
      expect(await until(() => !isAlive(child), 5000)).toBe(true);
    }
  },
  LIMIT_MS,
);
