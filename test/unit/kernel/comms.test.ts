import { describe, expect, it } from "vitest";

import { CommManager } from "../../../kernel-ext/src/comms.js";
import { createMessage, type Fields } from "../../../src/jupyter/index.js";

function manager(): { comms: CommManager; sent: unknown[][]; errors: unknown[] } {
  const sent: unknown[][] = [];
  const errors: unknown[] = [];
  const comms = new CommManager(
    (type, content, extras) => sent.push([type, content, extras]),
    (error) => errors.push(error),
  );
  return { comms, sent, errors };
}
const take = (comms: CommManager, type: string, content: Fields): Promise<void> =>
  comms.take(createMessage("s", type, content, { buffers: [Buffer.from("b")], metadata: { m: 1 } }));

describe("comms", () => {
  it("opens with ids that count, sends with buffers, and closes once", () => {
    const { comms, sent } = manager();
    const first = comms.open("a", { x: 1 }, { metadata: { version: "2.1.0" } });
    const second = comms.open("b");
    expect([first.id, second.id]).toEqual(["lawbook-comm-1", "lawbook-comm-2"]);
    expect(comms.info(undefined)).toEqual({
      "lawbook-comm-1": { target_name: "a" },
      "lawbook-comm-2": { target_name: "b" },
    });
    expect(comms.info("b")).toEqual({ "lawbook-comm-2": { target_name: "b" } });
    const buffers = [Buffer.from([1, 2])];
    first.send({ y: 2 }, { buffers });
    first.close({ z: 3 });
    first.close();
    expect(sent).toEqual([
      [
        "comm_open",
        { comm_id: first.id, target_name: "a", data: { x: 1 } },
        { metadata: { version: "2.1.0" } },
      ],
      ["comm_open", { comm_id: second.id, target_name: "b", data: {} }, {}],
      ["comm_msg", { comm_id: first.id, data: { y: 2 } }, { buffers }],
      ["comm_close", { comm_id: first.id, data: { z: 3 } }, {}],
    ]);
    expect(first.isOpen).toBe(false);
    expect(() => first.send({})).toThrow("The comm lawbook-comm-1 is closed");
    expect(comms.info(undefined)).toEqual({ [second.id]: { target_name: "b" } });
  });

  it("gives the channels that the front end opens to their target, and hears messages and the end", async () => {
    const { comms, sent, errors } = manager();
    const heard: unknown[] = [];
    comms.register("echo", (comm, { data, buffers, metadata }) => {
      heard.push(["open", data, buffers.length, metadata]);
      comm.onMessage((message) => {
        heard.push(["message", message.data]);
        comm.send({ back: message.data["n"] });
      });
      comm.onClose(() => heard.push(["close"]));
    });
    await take(comms, "comm_open", { comm_id: "7", target_name: "echo", data: { hi: 1 } });
    await take(comms, "comm_msg", { comm_id: "7", data: { n: 5 } });
    await take(comms, "comm_msg", { comm_id: "nobody", data: {} });
    await take(comms, "comm_close", { comm_id: "7", data: {} });
    expect(heard).toEqual([["open", { hi: 1 }, 1, { m: 1 }], ["message", { n: 5 }], ["close"]]);
    expect(sent).toEqual([["comm_msg", { comm_id: "7", data: { back: 5 } }, {}]]);
    expect(comms.info(undefined)).toEqual({});
    expect(errors).toEqual([]);
  });

  it("closes what nobody has registered, and what its handler refuses", async () => {
    const { comms, sent, errors } = manager();
    await take(comms, "comm_open", { comm_id: "1", target_name: "unknown" });
    comms.register("bad", () => {
      throw new Error("no");
    });
    await take(comms, "comm_open", { comm_id: "2", target_name: "bad" });
    comms.unregister("bad");
    await take(comms, "comm_open", { comm_id: "3", target_name: "bad" });
    expect(sent.map(([type, content]) => [type, (content as Fields)["comm_id"]])).toEqual([
      ["comm_close", "1"],
      ["comm_close", "2"],
      ["comm_close", "3"],
    ]);
    expect(errors).toMatchObject([{ message: "no" }]);
    expect(() => comms.open("")).toThrow(/Target of a comm/);
    expect(() => comms.register("x", undefined as never)).toThrow(/needs a name and a handler/);
  });
});
