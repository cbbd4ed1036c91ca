import { createHmac } from "node:crypto";

import { describe, expect, it } from "vitest";

import { createMessage, decode, encode } from "../../../src/jupyter/wire.js";

const KEY = "a-key";
const message = createMessage(
  "session-1",
  "execute_request",
  { code: "1 + 1 // π" },
  { identities: [Buffer.from([0, 1, 2]), Buffer.from("peer")], buffers: [Buffer.from([9, 8, 7])] },
);

describe("wire", () => {
  it("gives back what it encoded, identities and buffers included", () => {
    expect(decode(encode(message, KEY), KEY)).toEqual({ message });
  });

  it("signs the four JSON frames with HMAC-SHA256 in hex", () => {
    const frames = encode(message, KEY).map((frame) => Buffer.from(frame));
    const [delimiter, signature, ...rest] = frames.slice(2);
    expect(delimiter?.toString()).toBe("<IDS|MSG>");
    const expected = createHmac("sha256", KEY)
      .update(Buffer.concat(rest.slice(0, 4)))
      .digest("hex");
    expect(signature?.toString()).toBe(expected);
  });

  it("names the parent", () => {
    const reply = createMessage("s", "execute_reply", {}, { parent: message });
    expect(reply.parent.msg_id).toBe(message.header.msg_id);
    expect(reply.header.msg_id).not.toBe(message.header.msg_id);
  });

  it("does without a signature where the key is empty", () => {
    expect(decode(encode(message, ""), "")).toEqual({ message });
  });

  const frames = (change: (list: Uint8Array[]) => void, key = KEY): Uint8Array[] => {
    const list = encode(message, KEY).map((frame) => new Uint8Array(frame));
    change(list);
    if (key !== KEY) list[3] = Buffer.from(key);
    return list;
  };
  const signed = (parts: readonly string[]): Uint8Array[] => {
    const hmac = createHmac("sha256", KEY);
    for (const part of parts) hmac.update(part);
    return ["<IDS|MSG>", hmac.digest("hex"), ...parts].map((text) => Buffer.from(text));
  };

  it.each<[string, Uint8Array[], RegExp]>([
    ["no frames", [], /no delimiter/],
    ["no delimiter", [Buffer.from("x"), Buffer.from("y")], /no delimiter/],
    ["too few frames", frames((list) => list.splice(5)), /expected at least 5/],
    ["a wrong signature", frames(() => {}, "0".repeat(64)), /bad signature/],
    ["a short signature", frames(() => {}, "abc"), /bad signature/],
    ["a changed content", frames((list) => (list[7] = Buffer.from('{"code":"2"}'))), /bad signature/],
    ["JSON that does not parse", signed(["{", "{}", "{}", "{}"]), /not JSON/],
    ["a JSON array", signed(['{"msg_id":"a","msg_type":"b"}', "{}", "{}", "[]"]), /not a JSON object/],
    ["a header without id", signed(["{}", "{}", "{}", "{}"]), /without msg_id/],
  ])("drops %s with a reason", (_, list, reason) => {
    const decoded = decode(list, KEY);
    expect(decoded).toHaveProperty("dropped");
    expect((decoded as { dropped: string }).dropped).toMatch(reason);
  });

  it("drops bytes that are not UTF-8", () => {
    const parts = [Buffer.from([0xff, 0xfe]), ...["{}", "{}", "{}"].map((text) => Buffer.from(text))];
    const signature = createHmac("sha256", KEY).update(Buffer.concat(parts)).digest("hex");
    const decoded = decode([Buffer.from("<IDS|MSG>"), Buffer.from(signature), ...parts], KEY);
    expect(decoded).toEqual({ dropped: "a frame that is not JSON" });
  });
});
