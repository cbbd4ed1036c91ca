import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { Message, RunningKernel } from "../../../src/jupyter/index.js";
import { startKernel, valueOf } from "./start.js";

let kernel: RunningKernel;
beforeAll(async () => {
  kernel = await startKernel();
});
afterAll(() => kernel.stop());

/** Sends a comm message; gives what the kernel said on iopub in answer, without its states. */
async function tell(
  type: string,
  content: Record<string, unknown>,
  parts: { readonly buffers?: readonly Uint8Array[] } = {},
): Promise<Message[]> {
  const heard: Message[] = [];
  await kernel.client.tell(type, content, {
    ...parts,
    timeoutMs: 20_000,
    onMessage: (message) => void (message.header.msg_type === "status" || heard.push(message)),
  });
  return heard;
}
const openComms = async (target?: string): Promise<unknown> =>
  (await kernel.client.request("comm_info_request", target === undefined ? {} : { target_name: target }))[
    "comms"
  ];

describe("comms", () => {
  it("opens from a cell, with metadata and buffers, and closes", async () => {
    const heard: Message[] = [];
    const execution = await kernel.client.execute(
      `const c = comm.open("jupyter.widget", { state: {} }, { metadata: { version: "2.1.0" }, buffers: [Buffer.from([1, 2])] });
       c.send({ value: 1 }); c.id`,
      { onMessage: (message) => void (message.header.msg_type.startsWith("comm_") && heard.push(message)) },
    );
    const id = valueOf(execution);
    expect(id).toBe("lawbook-comm-1");
    expect(heard.map(({ header, content }) => [header.msg_type, content])).toEqual([
      ["comm_open", { comm_id: id, target_name: "jupyter.widget", data: { state: {} } }],
      ["comm_msg", { comm_id: id, data: { value: 1 } }],
    ]);
    expect(heard[0]?.metadata).toEqual({ version: "2.1.0" });
    expect(heard[0]?.buffers.map((buffer) => [...buffer])).toEqual([[1, 2]]);
    expect(await openComms()).toEqual({ [String(id)]: { target_name: "jupyter.widget" } });
    expect(await openComms("other")).toEqual({});
    await kernel.client.execute("c.close()");
    expect(await openComms()).toEqual({});
  });

  it("hears the front end, between cells and while one waits", async () => {
    await kernel.client.execute(
      `var got: unknown[] = [];
       comm.register("echo", (channel, { data }) => {
         got.push(["open", data]);
         channel.onMessage(({ data, buffers }) => {
           got.push(["message", data, ...buffers.map((b) => b.length)]);
           console.log("heard");
           channel.send({ back: data });
         });
         channel.onClose(() => got.push(["close"]));
       });`,
    );
    expect(await tell("comm_open", { comm_id: "x1", target_name: "echo", data: { a: 1 } })).toEqual([]);
    expect(await openComms("echo")).toEqual({ x1: { target_name: "echo" } });
    const answers = await tell(
      "comm_msg",
      { comm_id: "x1", data: { n: 2 } },
      { buffers: [Buffer.from("abc")] },
    );
    expect(answers.map(({ header, content }) => [header.msg_type, content])).toEqual([
      ["stream", { name: "stdout", text: "heard\n" }],
      ["comm_msg", { comm_id: "x1", data: { back: { n: 2 } } }],
    ]);
    // A cell that waits for a message of the front end.
    const waiting = kernel.client.execute(
      `await new Promise<void>((done) => { const before = got.length; const timer = setInterval(() => { if (got.length > before) { clearInterval(timer); done(); } }, 10); }); "heard it"`,
      { timeoutMs: 20_000 },
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    await tell("comm_msg", { comm_id: "x1", data: { n: 3 } });
    expect(valueOf(await waiting)).toBe("heard it");
    await tell("comm_close", { comm_id: "x1", data: {} });
    expect(await openComms()).toEqual({});
    expect(valueOf(await kernel.client.execute("JSON.stringify(got)"))).toBe(
      JSON.stringify([["open", { a: 1 }], ["message", { n: 2 }, 3], ["message", { n: 3 }], ["close"]]),
    );
  });

  it("answers an unknown target by closing, and a handler that throws too", async () => {
    const [closed, ...rest] = await tell("comm_open", { comm_id: "u", target_name: "nobody", data: {} });
    expect(rest).toEqual([]);
    expect(closed).toMatchObject({ header: { msg_type: "comm_close" }, content: { comm_id: "u" } });
    await kernel.client.execute('comm.register("bad", () => { throw new Error("refused") })');
    const heard = await tell("comm_open", { comm_id: "b", target_name: "bad", data: {} });
    expect(heard.map(({ header }) => header.msg_type)).toContain("comm_close");
    expect(await openComms()).toEqual({});
    expect(await tell("comm_msg", { comm_id: "nobody", data: {} })).toEqual([]);
    expect(valueOf(await kernel.client.execute("1 + 1"))).toBe("2");
  });
});
