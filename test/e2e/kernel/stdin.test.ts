import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { RunningKernel } from "../../../src/jupyter/index.js";
import { startKernel, streamed, valueOf } from "./start.js";

let kernel: RunningKernel;
beforeAll(async () => {
  kernel = await startKernel();
});
afterAll(() => kernel.stop());

describe("input of a cell", () => {
  it("asks one question after the other, with and without a password", async () => {
    const asked: [string, boolean][] = [];
    const execution = await kernel.client.execute(
      "console.log('before'); const name: string = await prompt('Name? '); const word = await prompt('Word? ', { password: true }); name + '/' + word",
      {
        input: (text, password) => {
          asked.push([text, password]);
          return password ? "secret" : "Ada 😀";
        },
      },
    );
    expect(asked).toEqual([
      ["Name? ", false],
      ["Word? ", true],
    ]);
    expect(valueOf(execution)).toBe("Ada 😀/secret");
    expect(streamed(execution)).toBe("before\n");
  });

  it("keeps the order of questions that are asked at once", async () => {
    const execution = await kernel.client.execute(
      "(await Promise.all([prompt('1'), prompt('2'), prompt('3')])).join()",
      { input: (text) => `a${text}` },
    );
    expect(valueOf(execution)).toBe("a1,a2,a3");
  });

  it.each([
    ["y", "true"],
    ["Yes ", "true"],
    ["n", "false"],
    ["", "false"],
    ["yesterday", "false"],
  ])("confirms by %j: %s", async (answer, value) => {
    let question = "";
    const execution = await kernel.client.execute("await confirm('Sure?')", {
      input: (text) => ((question = text), answer),
    });
    expect(question).toBe("Sure? [y/N] ");
    expect(valueOf(execution)).toBe(value);
  });

  it("is an error of the cell where the front end takes none", async () => {
    const { outputs } = await kernel.client.execute("await prompt('Name? ')");
    expect(outputs).toMatchObject([
      { ename: "LawbookError", evalue: expect.stringContaining("takes no input: got allow_stdin false") },
    ]);
    expect(valueOf(await kernel.client.execute("6 * 7"))).toBe("42");
  });

  it("is an error where no cell runs any more", async () => {
    await kernel.client.execute(
      "var late = ''; setTimeout(() => void prompt('?').catch((error) => (late = error.message)), 50); 0",
      { input: () => "never" },
    );
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(valueOf(await kernel.client.execute("late"))).toContain("while no cell runs");
  });

  it("is interrupted while it waits, and an answer that comes too late goes nowhere", async () => {
    const { client } = kernel;
    for (let round = 0; round < 5; round++) {
      let answer: (text: string) => void = () => {};
      const { outputs } = await client.execute("await prompt('Name? ')", {
        input: () => {
          void client.interrupt();
          return new Promise((resolve) => (answer = resolve));
        },
      });
      expect(outputs).toMatchObject([{ ename: "KeyboardInterrupt" }]);
      const next = client.execute("await prompt('Again? ')", {
        input: async () => {
          answer("too late");
          await new Promise((resolve) => setTimeout(resolve, 50));
          return "in time";
        },
      });
      expect(valueOf(await next)).toBe("in time");
    }
  });

  it("goes on asking in a cell that catches the interrupt", async () => {
    const { client } = kernel;
    const { outputs } = await client.execute(
      "try { await prompt('?') } catch { await new Promise(() => {}) }",
      { input: () => (void client.interrupt(), new Promise(() => {})) },
    );
    expect(outputs).toMatchObject([{ ename: "KeyboardInterrupt" }]);
  });
});
