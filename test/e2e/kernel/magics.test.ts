import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { COMMANDS } from "../../../src/commands/list.js";
import { runProgram } from "../../../src/core/process.js";
import type { Execution, RunningKernel } from "../../../src/jupyter/index.js";
import { isAlive, startKernel, until, valueOf } from "./start.js";

let kernel: RunningKernel;
beforeAll(async () => {
  kernel = await startKernel();
});
afterAll(() => kernel.stop());
const run = (code: string): Promise<Execution> => kernel.client.execute(code, { timeoutMs: 120_000 });

const REQUEST = `model: new:xs
data:
  facts: { geography: 12, biology: 12 }
  wordings: { else: 2 }
steps: \${steps}
batch: 4
schedule: { kind: constant, warmup: 0 }
device: reference`;

/** Plain texts of the displays of a cell. */
function texts({ outputs }: Execution): string[] {
  return outputs.map((output) =>
    "data" in output ? String(output.data["text/plain"]) : JSON.stringify(output),
  );
}

function errorOf({ outputs }: Execution): string {
  const last = outputs.at(-1);
  if (last?.output_type !== "error") throw new Error(`no error: ${JSON.stringify(outputs)}`);
  return `${last.ename}: ${last.evalue}`;
}

function childrenOf(pid: number): number[] {
  return runProgram("ps", ["-o", "pid=", "--ppid", String(pid)])
    .stdout.trim()
    .split(/\s+/)
    .filter(Boolean)
    .map(Number);
}

describe("magics over the wire", () => {
  it("lists those of all verbs that have one", async () => {
    const [listing = ""] = texts(await run("%lsmagic"));
    const expected = COMMANDS.filter(({ magics = [] }) => magics.length > 0).map(({ name }) => name);
    const listed = listing.split("\n").map((line) => line.slice(1).split(/[ ,]/)[0]);
    expect(listed).toEqual([...expected, "help", "lsmagic"].sort());
    for (const name of ["train", "evaluate", "law", "data", "device", "runs"]) expect(listed).toContain(name);
  });

  it("knows the type of every result", async () => {
    const types = COMMANDS.filter(
      ({ magics = [], resultType }) => magics.length > 0 && resultType !== undefined,
    );
    const code = types.map(({ name, resultType }) => `let type_${name}: ${resultType};`).join("\n");
    expect((await run(code)).outputs).toEqual([]);
  });

  it("refuses an unknown magic before anything of the cell has run", async () => {
    expect(errorOf(await run("console.log('not yet')\n%trian x.yml"))).toMatch(
      /unknown magic: got "%trian".*\nDid you mean "%train"\?$/,
    );
    expect((await run("%trian")).outputs).toHaveLength(1);
    expect(errorOf(await run("%data --jsn"))).toMatch(/Did you mean "--json"\?/);
  });

  it("shows a table as HTML and text, and binds the typed result", async () => {
    const { outputs } = await run("const list = %device");
    expect(outputs).toHaveLength(1);
    expect(outputs[0]).toMatchObject({ output_type: "display_data" });
    const data = (outputs[0] as { data: Record<string, string> }).data;
    expect(data["text/html"]).toMatch(/^<table>/);
    expect(data["text/plain"]).toContain("reference");
    expect((await run("list.nothing")).outputs).toMatchObject([{ ename: "TypeScriptError" }]);
  });

  it("opens help in the pager", async () => {
    for (const code of ["%train?", "%%train?", "train?"]) {
      const { reply, outputs } = await run(code);
      expect(outputs).toEqual([]);
      expect(reply["payload"]).toMatchObject([
        { source: "page", data: { "text/plain": expect.stringContaining("%%train [NAME]") } },
      ]);
    }
  });

  it("completes names, flags and typed results, and inspects magics", async () => {
    const { client } = kernel;
    expect(await client.complete("%tr", 3)).toMatchObject({
      matches: ["train"],
      cursor_start: 1,
      cursor_end: 3,
    });
    expect(await client.complete("const x = %law 1 --se", 21)).toMatchObject({
      matches: ["--seeds"],
      cursor_start: 17,
    });
    expect(await client.inspect("1;\n%law 1", 5)).toMatchObject({
      found: true,
      data: { "text/plain": expect.stringContaining("%law N") },
    });
  });

  it("gives faults in a body their place: of types by the compiler, of the request by its line", async () => {
    const fault = await run("%%train bad\nmodel: new:xs\nsteps: ${absent}");
    expect(fault.outputs).toMatchObject([
      {
        traceback: [
          expect.stringMatching(/^In\[\d+\]:3:10 - error TS2304: Cannot find name 'absent'\.$/),
          "    steps: ${absent}",
          "             ^^^^^^",
        ],
      },
    ]);
    expect(errorOf(await run("%%train bad\nmodel: new:xs\nrank: -1"))).toMatch(/rank, line 3: unknown field/);
  });
});

describe("training from a cell", () => {
  it("draws its progress in place, ends with the result alone, and binds it", async () => {
    await run("const steps = 6");
    const live: string[] = [];
    const first = await kernel.client.execute(`%%train base\n${REQUEST}`, {
      timeoutMs: 120_000,
      onMessage: ({ header, content }) => {
        if (header.msg_type.endsWith("display_data"))
          live.push(String((content["data"] as Record<string, unknown>)["text/plain"]));
      },
    });
    expect(live.some((text) => /^training \d\/6, loss \d/.test(text))).toBe(true);
    expect(texts(first)[0]).toMatch(/^run [0-9a-f]{12}\b.*finished/);
    expect(texts(first).join("\n")).not.toMatch(/training \d/);
    const [chart] = first.outputs as unknown as [{ data: Record<string, unknown> }];
    expect(Object.keys(chart.data).sort()).toEqual([
      "application/vnd.vegalite.v5+json",
      "image/png",
      "text/plain",
    ]);
    expect(typeof chart.data["application/vnd.vegalite.v5+json"]).toBe("object");
    expect(valueOf(await run("base.loss > 0 && base.outcome"))).toBe("finished");
    expect((await run("base.los")).outputs).toMatchObject([
      { ename: "TypeScriptError", evalue: expect.stringContaining("loss") },
    ]);

    // Read from the store, and trained again with an empty one: the cell looks the same.
    expect((await run(`%%train base\n${REQUEST}`)).outputs).toEqual(first.outputs);
    const other = await startKernel();
    await other.client.execute("const steps = 6");
    expect((await other.client.execute(`%%train base\n${REQUEST}`, { timeoutMs: 120_000 })).outputs).toEqual(
      first.outputs,
    );
    expect(valueOf(await other.client.execute("JSON.stringify(base)"))).toBe(
      valueOf(await run("JSON.stringify(base)")),
    );
    await other.stop();
  });

  it("stops on interrupt with its child, the kernel answering meanwhile", async () => {
    await run("const many = 5000");
    const pid = kernel.process.pid ?? 0;
    let begun = false;
    const running = kernel.client.execute(`%%train long\n${REQUEST.replace("${steps}", "${many}")}`, {
      timeoutMs: 120_000,
      onMessage: ({ header }) => (begun ||= header.msg_type === "display_data"),
    });
    expect(await until(() => begun, 60_000)).toBe(true);
    const children = childrenOf(pid);
    expect(children.length).toBeGreaterThan(0);
    const asked = performance.now();
    expect(await kernel.client.complete("base.lo", 7)).toMatchObject({ matches: ["loss"] });
    expect(performance.now() - asked).toBeLessThan(2000);
    await kernel.client.interrupt();
    const { outputs } = await running;
    expect(outputs.at(-1)).toMatchObject({ ename: "KeyboardInterrupt", traceback: ["KeyboardInterrupt"] });
    expect(await until(() => children.every((child) => !isAlive(child)), 10_000)).toBe(true);
    expect(valueOf(await run("base.outcome"))).toBe("finished");
  });

  it("is one error of the cell where its child crashes, and the kernel lives", async () => {
    const pid = kernel.process.pid ?? 0;
    let begun = false;
    const running = kernel.client.execute(`%%train crash\n${REQUEST.replace("${steps}", "4999")}`, {
      timeoutMs: 120_000,
      onMessage: ({ header }) => (begun ||= header.msg_type === "display_data"),
    });
    expect(await until(() => begun, 60_000)).toBe(true);
    for (const child of childrenOf(pid)) process.kill(child, "SIGKILL");
    const { outputs } = await running;
    expect(outputs.filter(({ output_type }) => output_type === "error")).toHaveLength(1);
    expect(valueOf(await run("1 + 1"))).toBe("2");
  });

  it("leaves no child where the kernel is killed", async () => {
    const other = await startKernel();
    let begun = false;
    const running = other.client
      .execute(`%%train long\n${REQUEST.replace("${steps}", "5001")}`, {
        timeoutMs: 120_000,
        onMessage: ({ header }) => (begun ||= header.msg_type === "display_data"),
      })
      .catch(() => undefined);
    expect(await until(() => begun, 60_000)).toBe(true);
    const children = childrenOf(other.process.pid ?? 0);
    expect(children.length).toBeGreaterThan(0);
    other.process.kill("SIGKILL");
    await running;
    expect(await until(() => children.every((child) => !isAlive(child)), 10_000)).toBe(true);
    await other.stop();
  });
});

describe("the verb kernel", () => {
  it("installs a kernelspec that starts a kernel, and removes it", async () => {
    const { kernelCommand } = await import("../../../src/commands/kernel.js");
    const { launchKernel } = await import("../../../src/jupyter/index.js");
    const folder = mkdtempSync(join(tmpdir(), "lawbook-prefix-"));
    const context = {
      cwd: folder,
      root: folder,
      home: folder,
      env: {},
      signal: new AbortController().signal,
      progress: () => {},
    };
    const flags = { prefix: ".", name: "mine" };
    const { folder: target, spec } = await kernelCommand.run({ positionals: ["install"], flags }, context);
    expect(target).toBe(join(folder, "share/jupyter/kernels/mine"));
    expect(runProgram("ls", [target]).stdout.split("\n").filter(Boolean)).toEqual([
      "kernel.json",
      "logo-32x32.png",
      "logo-64x64.png",
      "logo-svg.svg",
    ]);
    expect(spec).toMatchObject({
      interrupt_mode: "message",
      language: "typescript",
      display_name: "TypeScript (Lawbook)",
    });
    const started = await launchKernel({ argv: spec?.argv ?? [], cwd: folder });
    expect(valueOf(await started.client.execute("6 * 7"))).toBe("42");
    await started.stop();
    await kernelCommand.run({ positionals: ["uninstall"], flags }, context);
    expect(runProgram("ls", [target]).status).not.toBe(0);
    await expect(kernelCommand.run({ positionals: ["uninstall"], flags }, context)).rejects.toThrow(
      /There is no kernelspec/,
    );
    await expect(kernelCommand.run({ positionals: ["instal"], flags }, context)).rejects.toThrow(
      /Did you mean "install"\?/,
    );
  });
});
