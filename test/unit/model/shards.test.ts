import { join } from "node:path";

import { afterAll, beforeEach, describe, expect, it } from "vitest";

import {
  listFolder,
  makeTemporaryFolder,
  readJson,
  readText,
  remove,
  writeAtomic,
} from "../../../src/core/files.js";
import { readStored, type TensorToWrite, writeTensors } from "../../../src/model/safetensors.js";
import {
  eachWeight,
  INDEX_FILE,
  openWeights,
  parseBytes,
  planShards,
  writeWeights,
} from "../../../src/model/shards.js";

const folder = makeTemporaryFolder("lawbook-shards");
afterAll(() => remove(folder));
beforeEach(() => listFolder(folder).forEach((name) => remove(join(folder, name))));

const FIRST = "model-00001-of-00002.safetensors";
const SECOND = "model-00002-of-00002.safetensors";
const indexPath = join(folder, INDEX_FILE);

const tensor = (name: string, ...data: number[]): TensorToWrite => ({
  name,
  type: "F32",
  shape: [data.length],
  content: () => Float32Array.from(data),
});

const weight = (...data: number[]): { shape: number[]; data: Float32Array } => ({
  shape: [data.length],
  data: Float32Array.from(data),
});

/** Two shards with a, b and c, and any index over them. */
function shardsWith(weightMap: unknown): void {
  writeTensors(
    join(folder, FIRST),
    new Map([
      ["a", weight(1)],
      ["b", weight(2, 3)],
    ]),
  );
  writeTensors(join(folder, SECOND), new Map([["c", weight(4)]]));
  writeAtomic(indexPath, JSON.stringify({ metadata: { total_size: 16 }, weight_map: weightMap }));
}

const RIGHT = { a: FIRST, b: FIRST, c: SECOND };

describe("weights in shards", () => {
  it("are opened by their index, and read one after the other", () => {
    shardsWith(RIGHT);
    const stored = openWeights(folder);
    expect(stored.path).toBe(indexPath);
    expect([...stored.tensors.values()].map(({ name, path }) => [name, path])).toEqual([
      ["a", join(folder, FIRST)],
      ["b", join(folder, FIRST)],
      ["c", join(folder, SECOND)],
    ]);
    expect([...eachWeight(stored)]).toEqual([
      ["a", weight(1)],
      ["b", weight(2, 3)],
      ["c", weight(4)],
    ]);
  });

  it("give way to a single file, as in transformers", () => {
    shardsWith(RIGHT);
    writeTensors(join(folder, "model.safetensors"), new Map([["d", weight(5)]]), { format: "pt" });
    const { tensors, metadata } = openWeights(folder);
    expect([...tensors.keys()]).toEqual(["d"]);
    expect(metadata).toEqual({ format: "pt" });
  });

  it("say that there are none", () => {
    expect(() => openWeights(folder)).toThrow(
      `There is no file ${join(folder, "model.safetensors")}, nor ${INDEX_FILE} beside it.`,
    );
  });

  it.each([
    ["../x.safetensors"],
    ["/x.safetensors"],
    ["sub/x.safetensors"],
    ["..\\x.safetensors"],
    ["C:\\x.safetensors"],
    [".."],
    [""],
    ["x\0.safetensors"],
    ["config.json"],
    [7],
    [null],
  ])("refuse %j as the file of a tensor", (file) => {
    shardsWith({ ...RIGHT, b: file });
    expect(() => openWeights(folder)).toThrow(
      `File of b in ${indexPath}: got ${JSON.stringify(file)}, expected`,
    );
  });

  it.each([
    ["no text map", 7, `weight_map in ${indexPath}: got 7`],
    ["a list", ["a"], `weight_map in ${indexPath}: got ["a"]`],
    ["nothing", undefined, `weight_map in ${indexPath}: got null`],
    [
      "a tensor that is in no shard",
      { ...RIGHT, d: SECOND },
      `${join(folder, SECOND)} has no tensor d, which ${indexPath} places there.`,
    ],
    [
      "a tensor that is in the other shard",
      { ...RIGHT, b: SECOND },
      `${join(folder, SECOND)} has no tensor b, which ${indexPath} places there.`,
    ],
    [
      "not all tensors of a shard",
      { a: FIRST, c: SECOND },
      `${indexPath} does not have the tensor b of ${FIRST}.`,
    ],
    [
      "a shard that is not there",
      { ...RIGHT, d: "model-3.safetensors" },
      `There is no file model-3.safetensors, where ${indexPath} has d.`,
    ],
  ])("refuse an index with %s", (_, map, message) => {
    shardsWith(map);
    expect(() => openWeights(folder)).toThrow(message);
  });

  it("refuse an index that is no JSON or names a tensor twice", () => {
    shardsWith(RIGHT);
    const text = readText(indexPath);
    writeAtomic(indexPath, text.slice(0, -2));
    expect(() => openWeights(folder)).toThrow(`${indexPath} is not JSON`);
    writeAtomic(indexPath, text.replace('"b":', '"a":'));
    expect(() => openWeights(folder)).toThrow(`${indexPath} has "a" twice.`);
    writeAtomic(indexPath, "null");
    expect(() => openWeights(folder)).toThrow(`weight_map in ${indexPath}`);
  });

  it("refuse a tensor that two shards have", () => {
    shardsWith(RIGHT);
    writeTensors(
      join(folder, SECOND),
      new Map([
        ["a", weight(1)],
        ["c", weight(4)],
      ]),
    );
    expect(() => openWeights(folder)).toThrow(
      `${join(folder, FIRST)} and ${join(folder, SECOND)} both have the tensor a.`,
    );
  });

  it("refuse a cut shard when they are opened, and one that is cut later when it is read", () => {
    shardsWith(RIGHT);
    const { tensors } = openWeights(folder);
    writeTensors(join(folder, SECOND), new Map());
    expect(() => readStored(tensors.get("c")!)).toThrow(`${join(folder, SECOND)} is truncated`);
    writeAtomic(join(folder, SECOND), new Uint8Array(3));
    expect(() => openWeights(folder)).toThrow(
      `${join(folder, SECOND)} is not a safetensors file: it is truncated`,
    );
  });
});

describe("writing shards", () => {
  it("names files and index as transformers does", async () => {
    const tensors = [tensor("c", 4), tensor("b", 2, 3), tensor("a", 1)];
    await writeWeights(folder, tensors, { shardBytes: 12 });
    expect(listFolder(folder)).toEqual([FIRST, SECOND, INDEX_FILE]);
    const index = { metadata: { total_parameters: 4, total_size: 16 }, weight_map: RIGHT };
    expect(readText(indexPath)).toBe(`${JSON.stringify(index, null, 2)}\n`);
    const stored = openWeights(folder);
    expect(stored.metadata).toEqual({ format: "pt" });
    expect(new Map(eachWeight(stored))).toEqual(
      new Map(
        [...tensors].reverse().map(({ name, content }) => {
          const data = content() as Float32Array;
          return [name, { shape: [data.length], data }];
        }),
      ),
    );
  });

  it("writes no index where one file is enough", async () => {
    await writeWeights(folder, [tensor("a", 1), tensor("b", 2)], { shardBytes: 8 });
    expect(listFolder(folder)).toEqual(["model.safetensors"]);
    remove(join(folder, "model.safetensors"));
    await writeWeights(folder, []);
    expect(openWeights(folder).tensors.size).toBe(0);
  });

  it("counts bytes as they are stored", async () => {
    const halves = ["a", "b", "c"].map((name) => ({ ...tensor(name, 1, 2), type: "F16" as const }));
    await writeWeights(folder, halves, { shardBytes: 8 });
    expect((readJson(indexPath) as { metadata: unknown }).metadata).toEqual({
      total_parameters: 6,
      total_size: 12,
    });
    expect((readJson(indexPath) as { weight_map: unknown }).weight_map).toEqual({
      a: FIRST,
      b: FIRST,
      c: SECOND,
    });
  });

  it.each([
    ["fits exactly", [4, 4, 8], 8, [[4, 4], [8]]],
    ["is larger than a shard", [4, 20, 4, 4], 8, [[4], [20], [4, 4]]],
    ["is empty", [0, 8, 0, 8], 8, [[0, 8, 0], [8]]],
  ])("a tensor that %s", (_, bytes, shardBytes, expected) => {
    const tensors = bytes.map((size, i) => ({ name: `${i}`, type: "F32" as const, shape: [size / 4] }));
    const shards = planShards(tensors, shardBytes).map((shard) => shard.map(({ shape }) => shape[0]! * 4));
    expect(shards).toEqual(expected);
  });

  it.each([0, -1, NaN])("refuses shards of %d bytes", (shardBytes) => {
    expect(() => planShards([tensor("a", 1)], shardBytes)).toThrow("Largest shard in bytes: got");
  });
});

describe("a size in words", () => {
  it.each([
    ["500KB", 500_000],
    ["5GB", 5e9],
    ["1.5mb", 1_500_000],
    ["2 TB", 2e12],
    ["64B", 64],
    ["1024", 1024],
    ["1.0009kb", 1000],
  ])("%s is %d bytes", (text, bytes) => expect(parseBytes(text)).toBe(bytes));

  it.each(["", "GB", "0", "-5GB", "5 apples", "5K", "1e3", "5GiB", "0.5"])("refuses %j", (text) => {
    expect(() => parseBytes(text)).toThrow(`Size: got ${JSON.stringify(text)}, expected bytes such as`);
  });
});
