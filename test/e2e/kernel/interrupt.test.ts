import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { Execution, RunningKernel } from "../../../src/jupyter/index.js";
import { startKernel, valueOf } from "./start.js";

let kernel: RunningKernel;
beforeAll(async () => {
  kernel = await startKernel();
  await kernel.client.execute("let kept = 1; let ticks = 0");
});
afterAll(() => kernel.stop());

const KEYBOARD_INTERRUPT = {
  output_type: "error",
  ename: "KeyboardInterrupt",
  evalue: "",
  traceback: ["KeyboardInterrupt"],
};

/** Runs a cell and interrupts it so long after its first statement. */
async function interrupted(code: string, afterMs: number): Promise<{ execution: Execution; tookMs: number }> {
  let begun: () => void = () => {};
  const begins = new Promise<void>((resolve) => (begun = resolve));
  const running = kernel.client.execute(`clearOutput();${code}`, {
    timeoutMs: 20_000,
    onMessage: ({ header }) => header.msg_type === "clear_output" && begun(),
  });
  await Promise.race([begins, running]);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  const asked = performance.now();
  await kernel.client.interrupt();
  return { execution: await running, tookMs: performance.now() - asked };
}

describe("interrupt", () => {
  it.each([
    ["a wait", "await new Promise(() => {})"],
    ["a synchronous loop", "kept += 1; while (true) ticks += 1;"],
    ["a loop after an await", "await 0; while (true) ticks += 1;"],
    [
      "a loop in a timer, awaited",
      "await new Promise(() => setTimeout(() => { while (true) ticks += 1; }, 10))",
    ],
    ["a wait without end in turns", "while (true) await new Promise((f) => setTimeout(f, 1));"],
  ])("stops %s and keeps the state", async (_, code) => {
    const before = Number(valueOf(await kernel.client.execute("kept")));
    const { execution, tookMs } = await interrupted(code, 250);
    expect(execution.outputs).toEqual([KEYBOARD_INTERRUPT]);
    expect(execution.reply).toMatchObject({ status: "error", ename: "KeyboardInterrupt" });
    expect(tookMs).toBeLessThan(5000);
    const after = Number(valueOf(await kernel.client.execute("kept")));
    expect(after).toBe(before + (code.startsWith("kept") ? 1 : 0));
  });

  it("does not touch the cell that is run at once after it", async () => {
    for (let round = 0; round < 5; round++) {
      await interrupted("await new Promise(() => {})", 50);
      const next = await kernel.client.execute("await new Promise((f) => setTimeout(f, 300)); 'whole'");
      expect(valueOf(next)).toBe("whole");
    }
  });

  it("gives five interrupts in a row the same answer", async () => {
    for (let round = 0; round < 5; round++) {
      const { execution } = await interrupted(
        round % 2 === 0 ? "while (true);" : "await 0; while (true);",
        150,
      );
      expect(execution.outputs).toEqual([KEYBOARD_INTERRUPT]);
    }
  });

  it("stops a loop that an earlier cell left behind", async () => {
    const { client } = kernel;
    await client.execute("setTimeout(() => { while (true) ticks += 1; }, 100)");
    await new Promise((resolve) => setTimeout(resolve, 300));
    const waiting = client.execute("'at last'", { timeoutMs: 20_000 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await client.interrupt();
    expect(valueOf(await waiting)).toBe("at last");
  });

  it("does nothing between cells", async () => {
    await kernel.client.interrupt();
    expect(valueOf(await kernel.client.execute("'fine'"))).toBe("fine");
  });

  it("drops what was queued behind the stopped cell", async () => {
    const { client } = kernel;
    const all = [
      client.execute("await new Promise(() => {})", { stopOnError: true }),
      client.execute("kept += 100"),
      client.execute("kept += 100"),
    ];
    await new Promise((resolve) => setTimeout(resolve, 300));
    await client.interrupt();
    expect((await Promise.all(all)).map(({ reply }) => reply["status"])).toEqual([
      "error",
      "aborted",
      "aborted",
    ]);
  });

  it("follows the signal of the client", async () => {
    const { outputs } = await kernel.client.execute("await new Promise(() => {})", {
      signal: AbortSignal.timeout(300),
    });
    expect(outputs).toEqual([KEYBOARD_INTERRUPT]);
  });
});
