import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { RunningKernel } from "../../../src/jupyter/index.js";
import { readText } from "../../../src/core/files.js";
import { startKernel } from "../kernel/start.js";
import { listMagics, magicsReference, PAGE, writtenReference } from "./magics-page.js";

describe("the kernel's page", () => {
  let kernel: RunningKernel;
  beforeAll(async () => {
    kernel = await startKernel();
  });
  afterAll(() => kernel.stop());

  it("has every magic of `%lsmagic --json`, in its order, and no other", async () => {
    const headings = [...writtenReference().matchAll(/^### (.*)$/gm)].map(([, text]) => text);
    const listed = (await listMagics(kernel.client)).map(({ name, forms }) =>
      forms.map((form) => `\`${form === "cell" ? "%%" : "%"}${name}\``).join(", "),
    );
    expect(headings).toEqual(listed);
  });

  it("has their help as the kernel gives it; `npm run docs:magics` writes it", async () => {
    expect(writtenReference()).toBe(await magicsReference(kernel.client));
  });

  it("names only functions that cells have", async () => {
    const names = ["prompt", "confirm", "display", "updateDisplay", "clearOutput", "page"];
    const kinds = await kernel.client.execute(
      `import * as own from "lawbook-kernel";
      [...${JSON.stringify(names)}.map((name) => typeof (globalThis as any)[name]), typeof comm.open, typeof comm.register, typeof own.registerMagic, typeof own.children]`,
    );
    expect(kinds.reply).toMatchObject({ status: "ok" });
    const [result] = kinds.outputs;
    const text = result?.output_type === "execute_result" ? String(result.data["text/plain"]) : "";
    expect(text.match(/'\w+'/g)).toEqual(Array(names.length + 4).fill("'function'"));
  });

  it.each(
    blocks(
      "### Show, change and clear",
      "### Open a comm",
      "### Open the pager",
      "### See the process",
      "## Magics",
    ),
  )("has code that runs: %s", async (_, code) => {
    const { reply, outputs } = await kernel.client.execute(code);
    expect(reply["status"], JSON.stringify(outputs)).toBe("ok");
  });

  it("has code for input that runs", async () => {
    const [[, code] = ["", ""]] = blocks("### Ask for input");
    const asked: [string, boolean][] = [];
    const { reply, outputs } = await kernel.client.execute(code, {
      input: (question, password) => {
        asked.push([question, password]);
        return question.includes("Train") ? "yes" : "Ada";
      },
    });
    expect(reply["status"], JSON.stringify(outputs)).toBe("ok");
    expect(asked.map(([, password]) => password)).toEqual([false, true, false]);
    expect(outputs).toMatchObject([{ name: "stdout", text: "Ada\n" }]);
  });
});

/** The first block of code under each heading. */
function blocks(...headings: readonly string[]): [string, string][] {
  const text = readText(PAGE);
  return headings.map((heading) => {
    const section = text.slice(text.indexOf(`\n${heading}`));
    const code = /```ts\n(.*?)```/s.exec(section)?.[1];
    if (code === undefined) throw new Error(`There is no code under ${heading}.`);
    return [heading.replace(/^#+ /, ""), code];
  });
}
