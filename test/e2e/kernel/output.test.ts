import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { RunningKernel } from "../../../src/jupyter/index.js";
import { startKernel, streamed } from "./start.js";

let kernel: RunningKernel;
beforeAll(async () => {
  kernel = await startKernel();
});
afterAll(() => kernel.stop());

describe("output", () => {
  it("loses none of 20,000 lines written in one turn, and idle comes", async () => {
    // `execute` resolves only when idle has come, too.
    const execution = await kernel.client.execute("for (let i = 0; i < 20000; i++) console.log(i)", {
      timeoutMs: 30_000,
    });
    expect(streamed(execution)).toBe(Array.from({ length: 20000 }, (_, i) => `${i}\n`).join(""));
  });

  it("loses nothing of 2,000 displays in one turn", async () => {
    const { outputs } = await kernel.client.execute(
      'import { display } from "lawbook-kernel"; for (let i = 0; i < 2000; i++) display({ "text/plain": `${i}` })',
      { timeoutMs: 30_000 },
    );
    expect(outputs).toHaveLength(2000);
    expect(outputs.at(-1)).toMatchObject({ data: { "text/plain": "1999" } });
  });

  it("sends the text of a short cell in one message", async () => {
    let streams = 0;
    await kernel.client.execute("console.log(1); console.log(2); console.log(3)", {
      onMessage: ({ header }) => (streams += header.msg_type === "stream" ? 1 : 0),
    });
    expect(streams).toBe(1);
  });

  it("sends the text of a long cell while it runs", async () => {
    const arrived: number[] = [];
    const start = performance.now();
    await kernel.client.execute(
      "console.log('early'); await new Promise((f) => setTimeout(f, 1000)); console.log('late')",
      {
        onMessage: ({ header }) => header.msg_type === "stream" && arrived.push(performance.now() - start),
      },
    );
    expect(arrived).toHaveLength(2);
    expect((arrived[1] ?? 0) - (arrived[0] ?? 0)).toBeGreaterThan(800);
  });

  it("keeps the order of both streams and of displays", async () => {
    const { outputs } = await kernel.client.execute(
      'console.log("a"); console.error("b"); display({ "text/plain": "c" }); console.log("d")',
    );
    expect(
      outputs.map((output) =>
        "text" in output ? output.text : "data" in output ? output.data["text/plain"] : "",
      ),
    ).toEqual(["a\n", "b\n", "c", "d\n"]);
  });

  it("puts a character together that is written in two pieces", async () => {
    expect(
      streamed(
        await kernel.client.execute(
          "process.stdout.write(Buffer.from([0xcf])); process.stdout.write(Buffer.from([0x80]))",
        ),
      ),
    ).toBe("π");
  });
});
