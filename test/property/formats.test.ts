import { join } from "node:path";

import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";

import { listFolder, makeTemporaryFolder, readJson, remove } from "../../src/core/files.js";
import { product } from "../../src/core/math.js";
import { decodeElements, encodeElements, type StoredType } from "../../src/model/element-type.js";
import { brainsToFloats, floatsToBrains, floatsToHalves, halvesToFloats } from "../../src/model/half.js";
import { duplicateKey } from "../../src/model/duplicate-key.js";
import { readValues, type TensorToWrite } from "../../src/model/safetensors.js";
import { eachWeight, INDEX_FILE, openWeights, planShards, writeWeights } from "../../src/model/shards.js";

const folder = makeTemporaryFolder("lawbook-formats");
afterAll(() => remove(folder));

/** Any float32, drawn by its bits, so that all exponents are as likely. */
const FLOAT = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }).map((bits) => new Float32Array(Uint32Array.of(bits).buffer)[0]!),
  fc.float({ noNaN: true, min: -70000, max: 70000 }),
  fc.float({ noNaN: true, min: -(2 ** -13), max: 2 ** -13 }),
);

describe.each([
  ["float16", halvesToFloats, floatsToHalves, 65520],
  ["bfloat16", brainsToFloats, floatsToBrains, 2 ** 128 - 2 ** 119],
] as const)("%s", (_, decode, encode, limit) => {
  const finite = new Float32Array(65536);
  decode(
    Uint16Array.from({ length: 65536 }, (__, word) => word),
    finite,
  );
  /** Magnitudes in order; the word of each is its index. */
  const sizes = finite.subarray(0, 32768).filter(Number.isFinite);

  const middle = fc
    .integer({ min: 0, max: sizes.length - 2 })
    .map((word) => (sizes[word]! + sizes[word + 1]!) / 2);

  it("is the nearest value that there is, the even one of two", () => {
    fc.assert(
      fc.property(fc.oneof(FLOAT, middle), (value) => {
        const words = new Uint16Array(1);
        const overflow = encode(Float32Array.of(value), words);
        if (Number.isNaN(value)) return Number.isNaN(finite[words[0]!]);
        const size = Math.abs(value);
        expect(words[0]! >= 0x8000).toBe(value < 0 || Object.is(value, -0));
        const got = words[0]! & 0x7fff;
        expect(overflow).toBe(size >= limit && size < Infinity ? 0 : -1);
        if (size >= limit) return finite[got] === Infinity;
        const away = (word: number): number =>
          word < 0 || word >= sizes.length ? Infinity : Math.abs(size - sizes[word]!);
        for (const other of [got - 1, got + 1]) {
          expect(away(got)).toBeLessThanOrEqual(away(other));
          if (away(got) === away(other)) expect(got % 2).toBe(0);
        }
        return true;
      }),
      { numRuns: 5000 },
    );
  });

  it("never changes the order of two values", () => {
    fc.assert(
      fc.property(FLOAT, FLOAT, (a, b) => {
        fc.pre(a <= b);
        const words = new Uint16Array(2);
        encode(Float32Array.of(a, b), words);
        return finite[words[0]!]! <= finite[words[1]!]!;
      }),
      { numRuns: 2000 },
    );
  });
});

const TYPE = fc.constantFrom<Exclude<StoredType, "F64">[]>("F32", "F16", "BF16");
const TENSORS = fc.uniqueArray(
  fc.record({
    name: fc.string({ unit: "grapheme", maxLength: 12 }),
    type: TYPE,
    shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 3 }),
  }),
  { selector: ({ name }) => name, maxLength: 12 },
);

/** Values that each type holds exactly, another sequence for each tensor. */
const valuesOf = (shape: readonly number[], start: number): Float32Array =>
  Float32Array.from({ length: product(shape) }, (_, i) => ((start + i) % 200) / 4 - 25);

describe("shards", () => {
  it("of any size hold every tensor as it was, in any order of writing and in pieces", async () => {
    let sharded = 0;
    await fc.assert(
      fc.asyncProperty(
        TENSORS,
        fc.integer({ min: 1, max: 600 }),
        fc.integer({ min: 1, max: 9 }),
        async (described, shardBytes, together) => {
          const directory = join(folder, "any");
          remove(directory);
          const tensors = described.map(({ name, type, shape }, start): TensorToWrite => {
            const values = valuesOf(shape, start);
            const pieces = Array.from({ length: Math.ceil(values.length / together) }, (_, i) =>
              values.subarray(i * together, (i + 1) * together),
            );
            return { name, type, shape, content: () => (start % 2 === 0 ? values : pieces) };
          });
          await writeWeights(directory, tensors, { shardBytes });
          const stored = openWeights(directory);
          const expected = described.map(({ name, shape }, start) => [
            name,
            { shape, data: valuesOf(shape, start) },
          ]);
          expect(new Map(eachWeight(stored))).toEqual(new Map(expected as never));
          for (const { name, type } of described) expect(stored.tensors.get(name)!.type).toBe(type);
          const files = listFolder(directory);
          if (files.includes(INDEX_FILE)) {
            sharded++;
            const { weight_map: places } = readJson(join(directory, INDEX_FILE)) as { weight_map: object };
            expect(Object.keys(places)).toHaveLength(described.length);
            expect(files).toHaveLength(new Set(Object.values(places)).size + 1);
          } else expect(files).toEqual(["model.safetensors"]);
        },
      ),
      { numRuns: 150 },
    );
    expect(sharded).toBeGreaterThan(20);
  });

  it("hold each tensor once, none is too large without need, and none could take the next tensor", () => {
    const width = { F32: 4, F16: 2, BF16: 2 };
    fc.assert(
      fc.property(TENSORS, fc.integer({ min: 1, max: 600 }), (tensors, shardBytes) => {
        const size = (list: typeof tensors): number =>
          list.reduce((sum, { type, shape }) => sum + width[type] * product(shape), 0);
        const shards = planShards(tensors, shardBytes);
        expect(shards.flat()).toEqual([...tensors].sort((a, b) => (a.name < b.name ? -1 : 1)));
        shards.forEach((shard, i) => {
          expect(shard.length).toBeGreaterThan(0);
          expect(size(shard) <= shardBytes || shard.length === 1).toBe(true);
          const next = shards[i + 1];
          if (next !== undefined) expect(size([...shard, next[0]!])).toBeGreaterThan(shardBytes);
        });
      }),
    );
  });
});

it("a part of a stored tensor is that part of its values", async () => {
  const values = valuesOf([40, 5], 3);
  for (const type of ["F32", "F16", "BF16"] as const) {
    const directory = join(folder, type);
    await writeWeights(directory, [
      { name: "a", type, shape: [3], content: () => valuesOf([3], 0) },
      { name: "w", type, shape: [40, 5], content: () => values },
    ]);
    const tensor = openWeights(directory).tensors.get("w")!;
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 200 }), (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        expect(readValues(tensor, from, to)).toEqual(values.slice(from, to));
      }),
    );
  }
});

it("encoding and decoding of what a type holds changes nothing", () => {
  fc.assert(
    fc.property(TYPE, fc.array(fc.integer({ min: -128, max: 128 }), { maxLength: 50 }), (type, numbers) => {
      const values = Float32Array.from(numbers);
      const stored = Buffer.concat(
        [...encodeElements("w", values, 0, type, false)].map((piece) => piece.slice()),
      );
      const back = new Float32Array(values.length);
      decodeElements(Uint8Array.from(stored), type, back);
      expect(back).toEqual(values);
    }),
  );
});

it("a key is found twice exactly where JSON.parse would drop one", () => {
  const key = fc.constantFrom("a", "b", '"', "\\", "{", "a\\", ",");
  const { tree } = fc.letrec<{ tree: string; object: string }>((tie) => ({
    object: fc
      .array(fc.tuple(key, tie("tree")), { maxLength: 4 })
      .map(
        (entries) => `{${entries.map(([name, value]) => `${JSON.stringify(name)}: ${value}`).join(" , ")}}`,
      ),
    tree: fc.oneof(
      { maxDepth: 3 },
      key.map((text) => JSON.stringify(text)),
      fc.constant("1.5"),
      tie("object"),
      fc.array(tie("tree"), { maxLength: 3 }).map((items) => `[${items.join(",")}]`),
    ),
  }));
  const squeezed = (text: string): string => {
    let result = "";
    let inText = false;
    for (let i = 0; i < text.length; i++) {
      const letter = text[i]!;
      if (letter === "\\") result += letter + text[++i]!;
      else {
        if (letter === '"') inText = !inText;
        if (inText || letter !== " ") result += letter;
      }
    }
    return result;
  };
  let twice = 0;
  fc.assert(
    fc.property(tree, (text) => {
      const dropped = JSON.stringify(JSON.parse(text)).length < squeezed(text).length;
      if (dropped) twice++;
      expect(duplicateKey(text) !== undefined).toBe(dropped);
    }),
    { numRuns: 2000 },
  );
  expect(twice).toBeGreaterThan(20);
});
