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

  it("answers every cell that arrives about when another fails", async () => {
    const { client } = kernel;
    for (let round = 0; round < 40; round++) {
      const cells = [client.execute("throw 1", { stopOnError: true, timeoutMs: 60_000 })];
      for (let index = 0; index < 4; index++) {
        if (index > 1) await new Promise((resolve) => setTimeout(resolve, (round % 5) * index));
        cells.push(client.execute("4", { timeoutMs: 60_000 }));
      }
      const [first, ...rest] = (await Promise.all(cells)).map(({ reply }) => reply["status"]);
      expect(first).toBe("error");
      // Those that came in time are dropped, those after them run; none comes before one that was dropped.
      expect(rest.join()).toMatch(/^(aborted,?)*(ok,?)*$/);
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
    ["1 )", "invalid"],
    ["a ? b", "incomplete"],
    ["let t: ", "incomplete"],
    ["1 + // rest below", "incomplete"],
    ["class A extends B", "incomplete"],
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

  it("inspects behind characters of two units", async () => {
    const code = "'😀😀'; answer";
    expect(await kernel.client.inspect(code, 7)).toMatchObject({
      found: true,
      data: { "text/plain": "const answer: number" },
    });
    const reply = await kernel.client.complete("const 𝒳 = '😀'; answ", 19);
    expect(reply).toMatchObject({ matches: ["answer"], cursor_start: 15, cursor_end: 19 });
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

  it("evaluates user_expressions after the cell, faults being their own", async () => {
    const { reply } = await kernel.client.execute("const width = 5", {
      userExpressions: {
        area: "width * 2",
        nothing: "undefined",
        wrong: "widht",
        thrown: "(() => { throw new RangeError('no') })()",
        table: "({ [Symbol.for('Jupyter.display')]: () => ({ 'text/html': '<b>5</b>' }) })",
      },
    });
    expect(reply).toMatchObject({ status: "ok" });
    expect(reply["user_expressions"]).toMatchObject({
      area: { status: "ok", data: { "text/plain": "10" }, metadata: {} },
      nothing: { status: "ok", data: { "text/plain": "undefined" } },
      wrong: { status: "error", ename: "TypeScriptError", evalue: expect.stringContaining("widht") },
      thrown: {
        status: "error",
        ename: "RangeError",
        evalue: "no",
        traceback: ["RangeError: no", expect.any(String), expect.any(String)],
      },
      table: { status: "ok", data: { "text/html": "<b>5</b>" } },
    });
    const failed = await kernel.client.execute("throw 1", { userExpressions: { area: "width" } });
    expect(failed.reply).toMatchObject({ status: "error", user_expressions: {} });
    const quiet = await kernel.client.execute("0", { silent: true, userExpressions: { area: "width" } });
    expect(quiet.reply["user_expressions"]).toMatchObject({ area: { data: { "text/plain": "5" } } });
  });

  it("keeps the places of a cell after one that is not counted", async () => {
    const { reply } = await run("function thrower() {\n  throw new Error('here');\n}");
    const count = reply["execution_count"] as number;
    await kernel.client.execute("1;\n2;\n3", { storeHistory: false });
    const { outputs } = await kernel.client.execute("\n thrower()", { storeHistory: false });
    expect(outputs).toMatchObject([
      { traceback: ["Error: here", `    at thrower (In[${count}]:2:9)`, "    at In[ ]:2:2"] },
    ]);
  });

  it("clears at once or with the next output", async () => {
    const kinds: unknown[] = [];
    const { outputs } = await kernel.client.execute(
      'console.log("old"); clearOutput(true); console.log("new"); clearOutput(true)',
      {
        onMessage: ({ header, content }) => header.msg_type === "clear_output" && kinds.push(content["wait"]),
      },
    );
    expect(kinds).toEqual([true, true]);
    expect(outputs).toEqual([{ output_type: "stream", name: "stdout", text: "new\n" }]);
  });

  it("changes a display of an earlier cell", async () => {
    const first = await run('display({ "text/plain": "a" }, { id: "shared" })');
    expect((await run('updateDisplay("shared", { "text/plain": "b" })')).outputs).toEqual([]);
    expect(first.outputs).toMatchObject([{ data: { "text/plain": "b" } }]);
    expect((await run('display({ "text/plain": "a" }, { update: true })')).outputs).toMatchObject([
      { ename: "LawbookError", evalue: expect.stringContaining("Id of the display to change") },
    ]);
  });

  it("opens a page, and help on a name of a cell", async () => {
    const { reply, outputs } = await run("page('long text')");
    expect(outputs).toEqual([]);
    expect(reply["payload"]).toEqual([{ source: "page", start: 0, data: { "text/plain": "long text" } }]);
    await run("/** Adds one. */ function plusOne(n: number) { return n + 1 }");
    expect((await run("plusOne?")).reply["payload"]).toMatchObject([
      {
        source: "page",
        data: { "text/plain": expect.stringMatching(/plusOne\(n: number\): number[^]*Adds one/) },
      },
    ]);
    expect((await run("unheardOf?")).outputs).toMatchObject([{ ename: "LawbookError" }]);
  });

  it("makes a chart that does not compile an error of the cell, by display and by value", async () => {
    const bad = '{ "application/vnd.vegalite.v5+json": { mark: "pont" } }';
    for (const code of [`display(${bad})`, `({ [Symbol.for("Jupyter.display")]: () => (${bad}) })`]) {
      const { outputs, reply } = await run(code);
      expect(outputs).toMatchObject([
        { output_type: "error", evalue: expect.stringContaining('Mark of a Vega-Lite chart: got "pont"') },
      ]);
      expect(reply["status"]).toBe("error");
    }
    const text = JSON.stringify({ mark: "point", data: { values: [] } });
    const { outputs } = await run(
      `import { display as show } from "tslab"; show.raw("application/vnd.vegalite.v5+json", ${JSON.stringify(text)})`,
    );
    expect(outputs).toMatchObject([
      { data: { "application/vnd.vegalite.v5+json": { mark: "point", data: { values: [] } } } },
    ]);
  });

  it("shows a value by its own method, also one that waits", async () => {
    const { outputs } = await run(
      "({ async [Symbol.for('Jupyter.display')]() { return { 'text/markdown': '**x**' } } })",
    );
    expect(outputs).toMatchObject([{ output_type: "execute_result", data: { "text/markdown": "**x**" } }]);
  });

  it("compiles strictly where a cell says so", async () => {
    const loose = "function id(x) { return x }; id(1)";
    expect(valueOf(await run(loose))).toBe("1");
    expect((await run("const set = %settings --strict on")).reply["status"]).toBe("ok");
    expect((await run(loose)).outputs).toMatchObject([
      { evalue: expect.stringContaining("implicitly has an 'any' type") },
    ]);
    expect(valueOf(await run("set.strict"))).toBe("true");
    await run("%settings --strict off");
    expect(valueOf(await run(loose))).toBe("1");
    expect((await run("%settings --strict maybe")).outputs).toMatchObject([
      { evalue: expect.stringContaining("maybe") },
    ]);
  });

  it("lets a cell declare names that are also those of the kernel", async () => {
    expect(valueOf(await run("const page = 3; const comm: string = 'x'; page + comm"))).toBe("3x");
    expect(valueOf(await run("page + 1"))).toBe("4");
  });

  it("finds a history by its tail, a range, and a pattern", async () => {
    const { client } = kernel;
    const start = (await run("'needle 1'")).reply["execution_count"] as number;
    await run("'needle 2'");
    await run("'needle 2'");
    const ask = async (content: Record<string, unknown>): Promise<unknown> =>
      (await client.request("history_request", { output: false, raw: true, ...content }))["history"];
    expect(await ask({ hist_access_type: "range", session: 0, start, stop: start + 2 })).toEqual([
      [1, start, "'needle 1'"],
      [1, start + 1, "'needle 2'"],
    ]);
    expect(await ask({ hist_access_type: "search", pattern: "'needle ?'", n: 5, unique: true })).toEqual([
      [1, start, "'needle 1'"],
      [1, start + 2, "'needle 2'"],
    ]);
    expect(await ask({ hist_access_type: "tail", n: 1 })).toEqual([[1, start + 2, "'needle 2'"]]);
  });
});
