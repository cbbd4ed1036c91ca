import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { fillPack, packSequences } from "../../src/data/packing.js";

const LENGTHS = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 });
const TOKENS = fc.integer({ min: 1, max: 30 });

const named = (lengths: readonly number[]): string[][] =>
  lengths.map((length, i) => Array.from({ length }, (_, k) => `${i}.${k}`));

describe("packing", () => {
  it.each(["bfd-split", "wrapped"] as const)(
    "by %s holds every token once, in lines that fit",
    (strategy) => {
      fc.assert(
        fc.property(LENGTHS, TOKENS, fc.integer({ min: 1, max: 70 }), (lengths, tokens, together) => {
          const lines = packSequences(lengths, tokens, strategy, together).map((pack) =>
            fillPack(pack, named(lengths)),
          );
          expect(lines.every(({ length }) => length >= 1 && length <= tokens)).toBe(true);
          expect(lines.flat().sort()).toEqual(named(lengths).flat().sort());
        }),
      );
    },
  );

  it("by bfd holds the start of every sequence once, in lines that fit", () => {
    fc.assert(
      fc.property(LENGTHS, TOKENS, (lengths, tokens) => {
        const lines = packSequences(lengths, tokens, "bfd").map((pack) => fillPack(pack, named(lengths)));
        expect(lines.every(({ length }) => length >= 1 && length <= tokens)).toBe(true);
        const starts = named(lengths).flatMap((sequence) => sequence.slice(0, tokens));
        expect(lines.flat().sort()).toEqual(starts.sort());
      }),
    );
  });

  it("by bfd leaves no two lines that would fit into one where each is its first sequence alone", () => {
    fc.assert(
      fc.property(LENGTHS, TOKENS, (lengths, tokens) => {
        const alone = packSequences(lengths, tokens, "bfd")
          .filter(({ pieces }) => pieces.length === 1)
          .map(({ pieces }) => pieces[0]!.length);
        alone.forEach((length, index) =>
          alone.slice(index + 1).forEach((other) => expect(length + other).toBeGreaterThan(tokens)),
        );
      }),
    );
  });
});
