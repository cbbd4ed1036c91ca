import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { RunningKernel } from "../../../src/jupyter/index.js";
import { startKernel, streamed, valueOf } from "./start.js";

let kernel: RunningKernel;
beforeAll(async () => {
  kernel = await startKernel();
});
afterAll(() => kernel.stop());
const run = (code: string): ReturnType<RunningKernel["client"]["execute"]> =>
  kernel.client.execute(code, { timeoutMs: 60_000 });

describe("cells over the wire", () => {
  it("says hello", async () => {
    expect(kernel.info).toMatchObject({
      status: "ok",
      protocol_version: "5.4",
      language_info: { name: "typescript", file_extension: ".ts", codemirror_mode: "typescript" },
    });
    const { outputs, reply } = await run("console.log('hello, world')");
    expect(outputs).toEqual([{ output_type: "stream", name: "stdout", text: "hello, world\n" }]);
    expect(reply).toMatchObject({ status: "ok", user_expressions: {}, payload: [] });
  });

  it("sends execute_input, output, result, reply and idle in this order", async () => {
    const kinds: string[] = [];
    await kernel.client.execute("console.log(1); 2", {
      onMessage: ({ header, content }) =>
        kinds.push(`${header.msg_type} ${String(content["execution_state"] ?? "")}`.trim()),
    });
    expect(kinds).toEqual(["status busy", "execute_input", "stream", "execute_result", "status idle"]);
  });

  it("gives the value of the last expression as a result", async () => {
    const { outputs } = await run("const answer: number = 42; answer");
    expect(outputs).toMatchObject([{ output_type: "execute_result", data: { "text/plain": "42" } }]);
    expect((await run("undefined")).outputs).toEqual([]);
  });

  it("sends one error with places in the cell and nothing of the installation, and later cells still run", async () => {
    const { outputs, reply } = await run("function f() {\n  throw new RangeError('too far');\n}\nf();");
    const count = reply["execution_count"] as number;
    expect(outputs).toEqual([
      {
        output_type: "error",
        ename: "RangeError",
        evalue: "too far",
        traceback: ["RangeError: too far", `    at f (In[${count}]:2:9)`, `    at In[${count}]:4:1`],
      },
    ]);
    expect(reply).toMatchObject({ status: "error", ename: "RangeError", evalue: "too far" });
    expect(valueOf(await run("answer + 1"))).toBe("43");
  });

  it("shows a fault of types with its line", async () => {
    const { outputs } = await run("const a = 1;\nconst b: string = a;");
    expect(outputs).toMatchObject([{ output_type: "error", ename: "TypeScriptError" }]);
    const [error] = outputs as unknown as [{ traceback: string[] }];
    expect(error.traceback[0]).toMatch(/^In\[\d+\]:2:7 - error TS2322: /);
    expect(error.traceback.slice(1)).toEqual(["    const b: string = a;", "          ^"]);
  });

  it("shows bundles with objects, changes them by id, and clears", async () => {
    const chart = { $schema: "https://vega.github.io/schema/vega-lite/v5.json", mark: "point" };
    const { outputs } = await run(
      `import { display, clearOutput } from "lawbook-kernel";
       console.log("gone"); clearOutput();
       display({ "text/plain": "old" }, { id: "d" });
       display(${JSON.stringify({ "application/vnd.vegalite.v5+json": chart, "text/plain": "chart" })}, { id: "d", update: true });`,
    );
    expect(outputs).toEqual([
      {
        output_type: "display_data",
        data: { "application/vnd.vegalite.v5+json": chart, "text/plain": "chart" },
        metadata: {},
      },
    ]);
  });

  it("passes on what the display of tslab shows", async () => {
    const { outputs } = await run(
      "import { display as show } from 'tslab'; show.png(new Uint8Array([1, 2, 3]))",
    );
    expect(outputs).toMatchObject([{ output_type: "display_data", data: { "image/png": "AQID" } }]);
  });

  it("makes process.exit an error of the cell", async () => {
    const { outputs } = await run("process.exit(3)");
    expect(outputs).toMatchObject([{ output_type: "error", ename: "ExitError" }]);
    expect(valueOf(await run("1 + 1"))).toBe("2");
  });

  it("survives errors that nobody catches and shows them in the cell", async () => {
    const text = streamed(
      await run(
        "setTimeout(() => { throw new Error('late') }, 5); await new Promise((f) => setTimeout(f, 100))",
      ),
    );
    expect(text).toMatch(/^Error: late\n {4}at .*\(In\[\d+\]:1:26\)\n$/);
    expect(
      streamed(await run("Promise.reject(new Error('lost')); await new Promise((f) => setTimeout(f, 50))")),
    ).toMatch(/^Error: lost\n/);
  });

  it("obeys silent and store_history", async () => {
    const { client } = kernel;
    const before = (await run("0")).reply["execution_count"] as number;
    const silent = await client.execute("console.log('quiet'); 5", { silent: true });
    expect(silent.outputs).toEqual([]);
    expect(silent.reply["execution_count"]).toBe(before);
    expect((await client.execute("6", { storeHistory: false })).reply["execution_count"]).toBe(before);
    expect((await run("7")).reply["execution_count"]).toBe(before + 1);
    const { history } = (await client.request("history_request", {
      hist_access_type: "tail",
      n: 2,
      output: true,
    })) as { history: unknown[] };
    expect(history).toEqual([
      [1, before, ["0", "0"]],
      [1, before + 1, ["7", "7"]],
    ]);
  });

  it("aborts what was queued behind a failure and nothing that comes after its reply", async () => {
    const { client } = kernel;
    const queued = await Promise.all([
      client.execute("1", { stopOnError: true }),
      client.execute("throw 1", { stopOnError: true }),
      client.execute("2"),
      client.execute("3"),
    ]);
    expect(queued.map(({ reply }) => reply["status"])).toEqual(["ok", "error", "aborted", "aborted"]);
    for (let round = 0; round < 20; round++) {
      expect((await client.execute("throw 1", { stopOnError: true })).reply["status"]).toBe("error");
      expect((await client.execute("4")).reply["status"]).toBe("ok");
    }
  });

  it("runs all queued cells where the failing one says so", async () => {
    const { client } = kernel;
    const all = await Promise.all([
      client.execute("throw 1", { stopOnError: false }),
      client.execute("2"),
      client.execute("3"),
    ]);
    expect(all.map(({ reply }) => reply["status"])).toEqual(["error", "ok", "ok"]);
  });

  it.each([
    ["1 + 1", "complete"],
    ["function f() {", "incomplete"],
    ["`abc", "incomplete"],
    ["/* note", "incomplete"],
    ["f(1,", "incomplete"],
    [")(", "invalid"],
    ["let x = 'abc", "invalid"],
    ["1 2 3", "invalid"],
    ["%%train\nmodel: x", "incomplete"],
    ["%%train\nmodel: x\n\n", "complete"],
  ])("is_complete: %j is %s", async (code, status) => {
    expect((await kernel.client.isComplete(code))["status"]).toBe(status);
  });

  it("completes by type, with cursors in code points", async () => {
    const reply = await kernel.client.complete("'😀'.toUpperC", 12);
    expect(reply).toMatchObject({ status: "ok", matches: ["toUpperCase"], cursor_start: 4, cursor_end: 12 });
    expect(reply["metadata"]).toMatchObject({
      _jupyter_types_experimental: [{ text: "toUpperCase", type: "method" }],
    });
  });

  it("inspects known names only", async () => {
    expect(await kernel.client.inspect("answer", 3)).toMatchObject({
      found: true,
      data: { "text/plain": "const answer: number" },
    });
    expect(await kernel.client.inspect("zork", 2)).toMatchObject({ found: false, data: {} });
  });

  it("answers control requests while a cell blocks", async () => {
    const blocked = run("const end = Date.now() + 1000; while (Date.now() < end);");
    await new Promise((resolve) => setTimeout(resolve, 200));
    const asked = performance.now();
    expect(await kernel.client.controlInfo()).toMatchObject({ implementation: "lawbook" });
    expect(performance.now() - asked).toBeLessThan(500);
    expect((await blocked).reply["status"]).toBe("ok");
  });

  it("closes a comm that nobody listens to", async () => {
    expect(await kernel.client.request("comm_info_request", {})).toEqual({ status: "ok", comms: {} });
  });
});
