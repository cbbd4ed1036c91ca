import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import {
  exists,
  listFolder,
  makeTemporaryFolder,
  readBytes,
  remove,
  writeAtomic,
} from "../../../src/core/files.js";
import {
  checkFinite,
  copyOf,
  readTensor,
  readTensorIndex,
  readTensors,
  readValues,
  storedBytes,
  type TensorToWrite,
  writeTensorFile,
  writeTensors,
} from "../../../src/model/safetensors.js";

const folder = makeTemporaryFolder("lawbook-safetensors");
afterAll(() => remove(folder));
const path = join(folder, "x.safetensors");

/** A safetensors file with any header over any data. */
function raw(header: unknown, data: Uint8Array): string {
  const text =
    header instanceof Uint8Array
      ? header
      : new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
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

  it("read float64 as the nearest float32", () => {
    const bytes = new Uint8Array(Float64Array.of(0.1, -3, 1e-60).buffer);
    const file = raw({ d: { dtype: "F64", shape: [3], data_offsets: [0, 24] } }, bytes);
    expect([...readTensors(file).get("d")!.data]).toEqual([Math.fround(0.1), -3, 0]);
  });

  it("have tensors without elements and without axes", () => {
    const header = {
      point: { dtype: "F32", shape: [], data_offsets: [0, 4] },
      none: { dtype: "F32", shape: [0, 3], data_offsets: [0, 0] },
      last: { dtype: "F32", shape: [0], data_offsets: [4, 4] },
    };
    const tensors = readTensors(raw(header, new Uint8Array(Float32Array.of(7).buffer)));
    expect([...tensors.keys()]).toEqual(["none", "point", "last"]);
    expect(tensors.get("point")).toEqual({ shape: [], data: Float32Array.of(7) });
    expect(tensors.get("none")).toEqual({ shape: [0, 3], data: new Float32Array(0) });
  });

  const one = { dtype: "F32", shape: [1], data_offsets: [0, 4] };

  it.each([
    ["no JSON", "{", "its header is not JSON"],
    ["no UTF-8", Buffer.from(`{"\xff":${JSON.stringify(one)}}`, "latin1"), "its header is not JSON"],
    ["a list", "[]", "its header: got []"],
    ["the same name twice", `{"a":${JSON.stringify(one)},"\\u0061":${JSON.stringify(one)}}`, 'has "a" twice'],
    ["a key twice", `{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, '"dtype" twice'],
    ["metadata that is no text", { __metadata__: { a: 1 }, a: one }, '__metadata__: got {"a":1}'],
    ["a tensor that is no mapping", { a: 4 }, "entry of a: got 4"],
    [
      "an unknown type",
      { a: { dtype: "I8", shape: [4], data_offsets: [0, 4] } },
      'type of a: got "I8", expected one of F64, F32, F16, BF16',
    ],
    ["a type that every object has", { a: { ...one, dtype: "toString" } }, "type of a: got"],
    ["no type", { a: { shape: [1], data_offsets: [0, 4] } }, "type of a: got null"],
    ["a size below zero", { a: { ...one, shape: [-1, -1] } }, "shape of a: got [-1,-1]"],
    ["a size that is no whole number", { a: { ...one, shape: [0.5, 2] } }, "shape of a: got [0.5,2]"],
    ["more elements than a number counts", { a: { ...one, shape: [2 ** 40, 2 ** 40] } }, "shape of a: got"],
    ["no shape", { a: { dtype: "F32", data_offsets: [0, 4] } }, "shape of a: got null"],
    ["a hole at the start", { a: { ...one, shape: [0], data_offsets: [4, 4] } }, "place of a: got [4,4]"],
    [
      "a hole between",
      { a: { ...one, dtype: "F16", data_offsets: [0, 2] }, b: { ...one, shape: [0], data_offsets: [4, 4] } },
      "place of b: got [4,4], expected [2, 2]",
    ],
    [
      "overlapping tensors",
      { a: one, b: { dtype: "F32", shape: [1], data_offsets: [0, 4] } },
      "place of b: got [0,4]",
    ],
    [
      "a shape that does not fit its bytes",
      { a: { dtype: "F32", shape: [2], data_offsets: [0, 4] } },
      "place of a: got [0,4], expected [0, 8]",
    ],
    [
      "fewer bytes than its shape",
      { a: { ...one, data_offsets: [2, 4] } },
      "place of a: got [2,4], expected [0, 4]",
    ],
    ["an end before the start", { a: { ...one, data_offsets: [4, 0] } }, "place of a: got [4,0]"],
    ["three offsets", { a: { ...one, data_offsets: [0, 2, 4] } }, "place of a: got [0,2,4]"],
    ["no place", { a: { dtype: "F32", shape: [1] } }, "place of a: got null"],
    [
      "a tensor outside the file",
      { a: { dtype: "F32", shape: [2], data_offsets: [0, 8] } },
      "is truncated or has bytes too many",
    ],
    ["too little of the file", { a: { ...one, dtype: "F16", data_offsets: [0, 2] } }, "has bytes too many"],
  ])("refuse a header with %s", (_, header, message) => {
    const file = raw(header, new Uint8Array(4));
    expect(() => readTensors(file)).toThrow(message);
    expect(() => readTensors(file)).toThrow(file);
  });

  it("refuse a header above 100 MB before reading it", () => {
    const file = join(folder, "long.safetensors");
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, 2n ** 63n, true);
    writeAtomic(file, [length, new Uint8Array(100)]);
    expect(() => readTensors(file)).toThrow("its header does not fit: got 9223372036854776000");
  });

  it("keep their metadata, and names that JavaScript treats in its own way", () => {
    const odd = new Map(["__proto__", "10", "9", "Grüße", ""].map((name) => [name, weights.get("b")!]));
    writeTensors(path, odd, { format: "pt", note: "ä" });
    const index = readTensorIndex(path);
    expect(index.metadata).toEqual({ format: "pt", note: "ä" });
    expect([...index.tensors.keys()]).toEqual(["", "10", "9", "Grüße", "__proto__"]);
    expect(index.tensors.get("10")!.start % 8).toBe(0);
  });

  it("are read tensor by tensor, in part, and as stored bytes", () => {
    writeTensors(path, weights);
    const index = readTensorIndex(path);
    expect(readTensor(index, "a")).toEqual(weights.get("a"));
    expect(() => readTensor(index, "c")).toThrow(`${path} has no tensor c`);
    const a = index.tensors.get("a")!;
    expect([...readValues(a, 1, 3)]).toEqual([3, 4]);
    expect([...readValues(a, 4, 4)]).toEqual([]);
    for (const [from, to] of [
      [-1, 2],
      [3, 2],
      [0, 5],
    ] as const) {
      expect(() => readValues(a, from, to)).toThrow(`of a in ${path}`);
    }
    const bytes = Buffer.concat([...storedBytes(a)].map((piece) => piece.slice()));
    expect(bytes).toEqual(Buffer.from(Float32Array.of(0.5, 3, 4, 5).buffer));
  });

  it("name the tensor, file and place of a value that is not finite", () => {
    const weight = { shape: [3], data: Float32Array.of(1, 2, NaN) };
    expect(() => checkFinite("x", weight, "there")).toThrow(
      'x in there has a value that is not finite, at 2: got "NaN"',
    );
    checkFinite("x", weights.get("b")!, "there");
  });
});

describe("a file that is written tensor by tensor", () => {
  const file = join(folder, "stream.safetensors");
  const values = (name: string, type: "F32" | "F16" | "BF16", ...data: number[]): TensorToWrite => ({
    name,
    type,
    shape: [data.length],
    content: () => Float32Array.from(data),
  });

  it("has the bytes of one that is written at once", async () => {
    writeTensors(path, weights, { format: "pt" });
    const tensors = [...weights].map(([name, { shape, data }]) => ({
      name,
      type: "F32" as const,
      shape,
      content: () => data,
    }));
    await writeTensorFile(file, tensors, { metadata: { format: "pt" } });
    expect(readBytes(file)).toEqual(readBytes(path));
    const copies = [...readTensorIndex(path).tensors.values()].map((tensor) => copyOf(tensor));
    await writeTensorFile(file, copies, { metadata: { format: "pt" } });
    expect(readBytes(file)).toEqual(readBytes(path));
  });

  it("puts wider types first, so that every tensor is aligned", async () => {
    const tensors = [values("a", "F16", 1, 2, 3), values("c", "F32", 4), values("b", "BF16", 5)];
    await writeTensorFile(file, tensors);
    const index = readTensorIndex(file);
    expect([...index.tensors.values()].map(({ name, type }) => `${name} ${type}`)).toEqual([
      "c F32",
      "a F16",
      "b BF16",
    ]);
    expect([...readTensors(file).values()].map(({ data }) => [...data])).toEqual([[4], [1, 2, 3], [5]]);
    expect(
      [...index.tensors.values()].every(({ start, type }) => start % (type === "F32" ? 4 : 2) === 0),
    ).toBe(true);
  });

  it("takes pieces, also later ones, and asks for one tensor after the other", async () => {
    const asked: string[] = [];
    const later = (name: string): TensorToWrite => ({
      name,
      type: "BF16",
      shape: [2, 2],
      content: async () => {
        asked.push(`${name} begins`);
        await Promise.resolve();
        return (async function* () {
          yield Float32Array.of(1, 2);
          await Promise.resolve();
          yield new Uint8Array(Uint16Array.of(0x4040, 0x4080).buffer);
          asked.push(`${name} ends`);
        })();
      },
    });
    await writeTensorFile(file, [later("y"), later("x")]);
    expect(asked).toEqual(["x begins", "x ends", "y begins", "y ends"]);
    expect([...readTensors(file).get("y")!.data]).toEqual([1, 2, 3, 4]);
  });

  it.each([
    ["float16", "F16", 65520],
    ["bfloat16", "BF16", 3.4e38],
  ] as const)(
    "refuses a finite value that %s cannot hold, unless told otherwise",
    async (name, type, large) => {
      const before = listFolder(folder);
      const tensor: TensorToWrite = {
        ...values("w", type, 0, 0, 0),
        content: () => [Float32Array.of(Infinity), Float32Array.of(NaN, -large)],
      };
      const fresh = join(folder, "overflow.safetensors");
      await expect(writeTensorFile(fresh, [tensor])).rejects.toThrow(
        `w has a value that ${name} cannot hold, at 2: got -`,
      );
      expect(listFolder(folder)).toEqual(before);
      await writeTensorFile(fresh, [tensor], { allowOverflow: true });
      expect([...readTensors(fresh).get("w")!.data]).toEqual([Infinity, NaN, -Infinity]);
      remove(fresh);
    },
  );

  it.each([
    ["too few values", values("w", "F32", 1), [2]],
    ["too many values", values("w", "F16", 1, 2, 3), [2]],
  ])("refuses %s", async (_, tensor, shape) => {
    const fresh = join(folder, "wrong.safetensors");
    await expect(writeTensorFile(fresh, [{ ...tensor, shape }])).rejects.toThrow("Bytes to write for w: got");
    expect(exists(fresh)).toBe(false);
  });

  it("refuses a name twice, and the name of the metadata", async () => {
    const w = values("w", "F32", 1);
    await expect(writeTensorFile(file, [w, w])).rejects.toThrow('Name of a tensor to write: got "w"');
    await expect(writeTensorFile(file, [{ ...w, name: "__metadata__" }])).rejects.toThrow(
      'got "__metadata__"',
    );
  });
});
