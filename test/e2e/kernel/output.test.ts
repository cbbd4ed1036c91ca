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
      timeoutMs: 120_000,
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

  it("cuts what one cell puts out above the limit, with one notice, and the next cell is whole", async () => {
    const { client } = kernel;
    await client.execute("%settings --output-limit 1000");
    const cut = await client.execute(
      "for (let i = 0; i < 1000; i++) console.log('0123456'); console.error('late'); display({ 'text/plain': 'never' }); 'a value'",
    );
    expect(cut.reply["status"]).toBe("ok");
    expect(cut.outputs).toEqual([
      { output_type: "stream", name: "stdout", text: "0123456\n".repeat(125) },
      {
        output_type: "stream",
        name: "stderr",
        text: "\n[Output cut: this cell puts out more than 1000 characters; the rest is left out. %settings --output-limit sets the limit.]\n",
      },
    ]);
    // Errors are always told, and changes of a display replace what is there.
    const failing = await client.execute("console.log('x'.repeat(2000)); throw new Error('seen')");
    expect(failing.outputs.at(-1)).toMatchObject({ output_type: "error", evalue: "seen" });
    const updated = await client.execute(
      "display({ 'text/plain': '' }, { id: 'u' }); for (let i = 0; i < 500; i++) updateDisplay('u', { 'text/plain': `${i} of many` })",
    );
    expect(updated.outputs).toMatchObject([{ data: { "text/plain": "499 of many" } }]);
    expect(streamed(await client.execute("console.log('whole')"))).toBe("whole\n");
    await client.execute("%settings --output-limit 10000000");
  });

  it("survives 100 MB from one cell, and idle comes", async () => {
    const { outputs, reply } = await kernel.client.execute(
      "const line = 'x'.repeat(9999) + '\\n'; for (let i = 0; i < 10_000; i++) process.stdout.write(line)",
      { timeoutMs: 120_000 },
    );
    expect(reply["status"]).toBe("ok");
    expect(outputs.map((output) => ("text" in output ? output.text.length : 0))[0]).toBe(10_000_000);
  });
});
