import { describe, expect, it } from "vitest";

import { brainsToFloats, floatsToBrains, floatsToHalves, halvesToFloats } from "../../../src/model/half.js";

const HALF = { read: halvesToFloats, write: floatsToHalves };
const BRAIN = { read: brainsToFloats, write: floatsToBrains };
type Format = typeof HALF;

const EVERY_WORD = Uint16Array.from({ length: 65536 }, (_, word) => word);

function read({ read: decode }: Format, ...words: number[]): number[] {
  const values = new Float32Array(words.length);
  decode(Uint16Array.from(words), values);
  return [...values];
}

function write({ write: encode }: Format, ...values: number[]): number[] {
  const words = new Uint16Array(values.length);
  encode(Float32Array.from(values), words);
  return [...words];
}

describe("float16", () => {
  it("reads zeros, subnormals, normals, infinities and NaN", () => {
    expect(read(HALF, 0x0000, 0x8000, 0x0001, 0x83ff, 0x0400, 0x3c00, 0xc000, 0x7bff)).toEqual([
      0,
      -0,
      2 ** -24,
      -1023 * 2 ** -24,
      2 ** -14,
      1,
      -2,
      65504,
    ]);
    expect(read(HALF, 0x7c00, 0xfc00, 0x7e00, 0xfc01)).toEqual([Infinity, -Infinity, NaN, NaN]);
  });

  it("reads every one of its 65,536 patterns as the formula of IEEE 754 has it", () => {
    const values = new Float32Array(65536);
    halvesToFloats(EVERY_WORD, values);
    for (const word of EVERY_WORD) {
      const sign = word >= 0x8000 ? -1 : 1;
      const exponent = (word >> 10) & 31;
      const fraction = (word & 1023) / 1024;
      const infinite = fraction === 0 ? Infinity : NaN;
      const size =
        exponent === 31
          ? infinite
          : exponent === 0
            ? 2 ** -14 * fraction
            : 2 ** (exponent - 15) * (1 + fraction);
      if (!Object.is(values[word], sign * size))
        expect.fail(`${word.toString(16)}: ${values[word]}, not ${sign * size}`);
    }
  });

  it("rounds to the nearest, ties to even, subnormals too", () => {
    const unit = 2 ** -10;
    expect(write(HALF, 1 + unit / 2, 1 + 1.5 * unit, 1 + unit * 0.5001, -1 - unit / 2)).toEqual([
      0x3c00, 0x3c02, 0x3c01, 0xbc00,
    ]);
    const least = 2 ** -24;
    expect(write(HALF, least / 2, least * 0.5001, least * 1.5, least * 2.5, -least / 4)).toEqual([
      0, 1, 2, 2, 0x8000,
    ]);
    expect(write(HALF, 2 ** -14 - least / 2, 2 - unit / 4)).toEqual([0x0400, 0x4000]);
  });

  it("tells the first finite value that it cannot hold", () => {
    const words = new Uint16Array(5);
    const values = Float32Array.of(Infinity, 65519.99609375, -65520, 1e9, NaN);
    expect(floatsToHalves(values, words)).toBe(2);
    expect([...words]).toEqual([0x7c00, 0x7bff, 0xfc00, 0x7c00, 0x7e00]);
    expect(floatsToHalves(Float32Array.of(1, Infinity, NaN), words)).toBe(-1);
  });
});

describe("bfloat16", () => {
  it("reads the upper half of a float32", () => {
    expect(read(BRAIN, 0x3fc0, 0xbf80, 0x0001, 0x7f80, 0x7fc0)).toEqual([1.5, -1, 2 ** -133, Infinity, NaN]);
  });

  it("rounds to the nearest, ties to even, subnormals too", () => {
    const unit = 2 ** -7;
    expect(write(BRAIN, 1 + unit / 2, 1 + 1.5 * unit, 1 + unit * 0.5001, -1 - unit / 2)).toEqual([
      0x3f80, 0x3f82, 0x3f81, 0xbf80,
    ]);
    expect(write(BRAIN, 2 ** -134, 2 ** -134 + 2 ** -149, -(2 ** -149))).toEqual([0, 1, 0x8000]);
  });

  it("tells the first finite value that it cannot hold", () => {
    const words = new Uint16Array(4);
    const values = Float32Array.of(-Infinity, 3.3961e38, 3.4028234663852886e38, NaN);
    expect(floatsToBrains(values, words)).toBe(2);
    expect([...words]).toEqual([0xff80, 0x7f7f, 0x7f80, 0x7fc0]);
  });
});

it.each([
  ["float16", HALF, 2046],
  ["bfloat16", BRAIN, 254],
])("%s: reading and writing gives every pattern back, and NaN as NaN", (_, format, nans) => {
  const values = new Float32Array(65536);
  format.read(EVERY_WORD, values);
  const back = new Uint16Array(65536);
  expect(format.write(values, back)).toBe(-1);
  const again = new Float32Array(65536);
  format.read(back, again);
  const isNumber = (word: number): boolean => !Number.isNaN(values[word]);
  expect([...EVERY_WORD].filter((word) => isNumber(word) && back[word] !== word)).toEqual([]);
  const found = EVERY_WORD.filter((word) => !isNumber(word) && Number.isNaN(again[word])).length;
  expect(found).toBe(nans);
});

it("a signalling NaN stays a NaN, though its lower bits alone tell it from infinity", () => {
  const values = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer);
  const words = new Uint16Array(2);
  expect(floatsToHalves(values, words)).toBe(-1);
  expect([...words]).toEqual([0x7e00, 0xfe00]);
  expect(floatsToBrains(values, words)).toBe(-1);
  expect([...words]).toEqual([0x7fc0, 0xffc0]);
});

it("a view into a larger buffer is read and written in its place", () => {
  const values = new Float32Array(4);
  halvesToFloats(Uint16Array.of(9, 0x3c00, 0xc000).subarray(1), values.subarray(2));
  expect([...values]).toEqual([0, 0, 1, -2]);
  const words = new Uint16Array(3);
  floatsToBrains(values.subarray(2), words.subarray(1));
  expect([...words]).toEqual([0, 0x3f80, 0xc000]);
});
