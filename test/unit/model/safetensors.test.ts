import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { makeTemporaryFolder, readBytes, remove, writeAtomic } from "../../../src/core/files.js";
import { readTensors, writeTensors } from "../../../src/model/safetensors.js";

const folder = makeTemporaryFolder("lawbook-safetensors");
afterAll(() => remove(folder));
const path = join(folder, "x.safetensors");

/** A safetensors file with any header over any data. */
function raw(header: unknown, data: Uint8Array): string {
  const text = new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  const file = join(folder, "raw.safetensors");
  writeAtomic(file, [length, text, data]);
  return file;
}

const weights = new Map([
  ["b", { shape: [2], data: Float32Array.of(1, -2) }],
  ["a", { shape: [2, 2], data: Float32Array.of(0.5, 3, 4, 5) }],
]);

describe("safetensors", () => {
  it("round trip, and equal tensors give equal bytes whatever their order", () => {
    writeTensors(path, weights, { format: "pt" });
    const first = readBytes(path);
    writeTensors(path, new Map([...weights].reverse()), { format: "pt" });
    expect(readBytes(path)).toEqual(first);
    expect(new Map(readTensors(path))).toEqual(new Map([...weights].reverse()));
  });

  it("read halves and brain floats exactly", () => {
    const bytes = new Uint8Array(Uint16Array.of(0x3e00, 0xc000, 0x0001, 0x7c00).buffer);
    const half = raw({ h: { dtype: "F16", shape: [4], data_offsets: [0, 8] } }, bytes);
    expect([...readTensors(half).get("h")!.data]).toEqual([1.5, -2, 2 ** -24, Infinity]);
    const brain = raw(
      { h: { dtype: "BF16", shape: [2], data_offsets: [0, 4] } },
      new Uint8Array(Uint16Array.of(0x3fc0, 0xbf80).buffer),
    );
    expect([...readTensors(brain).get("h")!.data]).toEqual([1.5, -1]);
  });

  it.each([
    ["nothing", new Uint8Array(0), "it is truncated: got 0"],
    ["seven bytes", new Uint8Array(7), "it is truncated: got 7"],
    [
      "a header longer than the file",
      Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 123),
      "its header does not fit: got 255",
    ],
  ])("refuse a file of %s", (_, bytes, message) => {
    const file = join(folder, "bad.safetensors");
    writeAtomic(file, bytes);
    expect(() => readTensors(file)).toThrow(message);
  });

  it("refuse a cut file, naming both sizes", () => {
    writeTensors(path, weights);
    const whole = readBytes(path);
    const file = join(folder, "cut.safetensors");
    writeAtomic(file, whole.subarray(0, whole.length - 3));
    expect(() => readTensors(file)).toThrow(
      `truncated or has bytes too many: got ${whole.length - 3}, expected ${whole.length} bytes`,
    );
  });

  it.each([
    ["no JSON", "{", "its header is not JSON"],
    ["an unknown type", { a: { dtype: "I8", shape: [4], data_offsets: [0, 4] } }, 'type of a: got "I8"'],
    [
      "overlapping tensors",
      {
        a: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
        b: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
      },
      "place of b: got [0,4]",
    ],
    [
      "a shape that does not fit its bytes",
      { a: { dtype: "F32", shape: [2], data_offsets: [0, 4] } },
      "place of a: got [0,4], expected [0, 8]",
    ],
    ["no place", { a: { dtype: "F32", shape: [1] } }, "place of a"],
  ])("refuse a header with %s", (_, header, message) => {
    expect(() => readTensors(raw(header, new Uint8Array(4)))).toThrow(message);
  });
});
