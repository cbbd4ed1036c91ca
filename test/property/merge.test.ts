import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { arccos } from "../../src/merge/arccos.js";
import { dropLargest, keepLargest, largestMagnitudes } from "../../src/merge/selection.js";
import { valueAt } from "../../src/merge/recipe-parameters.js";
import { mergeBy, type TaskToTest } from "../support/merge-task.js";

const value = fc.float({ min: -100, max: 100, noNaN: true, noDefaultInfinity: true });
/** Few different values, so that ties are common. */
const tied = fc.constantFrom(0, -0, 0.5, -0.5, 1, -1, 2, 1e-40);
const vector = (size: number): fc.Arbitrary<Float32Array> =>
  fc.array(value, { minLength: size, maxLength: size }).map((list) => Float32Array.from(list));
const vectors = (count: number): fc.Arbitrary<Float32Array[]> =>
  fc
    .integer({ min: 1, max: 40 })
    .chain((size) => fc.array(vector(size), { minLength: count, maxLength: count }));
const close = (got: ArrayLike<number>, expected: ArrayLike<number>): void => {
  // float32 rounds entries of up to 100 a few times: 100 * 2^-24 * 16
  for (let i = 0; i < got.length; i++) expect(Math.abs(got[i]! - expected[i]!)).toBeLessThanOrEqual(1e-4);
};

describe("selection of the largest magnitudes", () => {
  const blocksOf = (data: Float32Array, length: number): Float32Array[] =>
    Array.from({ length: Math.ceil(data.length / length) }, (_, i) =>
      data.slice(i * length, (i + 1) * length),
    );

  it("agrees with sorting, first come first kept among equals, however the data fall into blocks", () => {
    const list = fc.array(fc.oneof(tied, value), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(
        list,
        fc.nat(),
        fc.nat(),
        fc.integer({ min: 1, max: 20 }),
        (numbers, first, second, length) => {
          const data = Float32Array.from(numbers);
          const wanted = [first % (data.length + 1), second % (data.length + 1)];
          const cuts = largestMagnitudes(
            () => blocksOf(data, length),
            () => wanted,
          );
          const order = [...data.keys()].sort((a, b) => Math.abs(data[b]!) - Math.abs(data[a]!) || a - b);
          for (const [index, cut] of cuts.entries()) {
            const largest = new Set(order.slice(0, wanted[index]));
            for (const [choose, kept] of [
              [keepLargest(cut), true],
              [dropLargest(cut), false],
            ] as const) {
              const parts = blocksOf(data, length);
              parts.forEach(choose);
              const got = parts.flatMap((part) => [...part]);
              const expected = [...data].map((one, at) => (largest.has(at) === kept ? one : 0));
              expect(got.map((one) => one + 0)).toEqual(expected.map((one) => one + 0)); // -0 counts as 0
            }
          }
        },
      ),
    );
  });

  it("counts what is not zero", () => {
    fc.assert(
      fc.property(fc.array(tied), (numbers) => {
        let seen: readonly number[] = [];
        largestMagnitudes(
          () => [Float32Array.from(numbers)],
          (nonzero, size) => {
            seen = [nonzero, size];
            return [];
          },
        );
        expect(seen).toEqual([numbers.filter((one) => one !== 0).length, numbers.length]);
      }),
    );
  });
});

describe("arccos", () => {
  it("agrees with the engine's own and stays in [0, pi]", () => {
    fc.assert(
      fc.property(fc.double({ min: -1, max: 1, noNaN: true }), (x) => {
        expect(Math.abs(arccos(x) - Math.acos(x))).toBeLessThan(3e-15);
      }),
    );
    expect([arccos(1.0000001), arccos(-1.0000001), arccos(1), arccos(-1)]).toEqual([0, Math.PI, 0, Math.PI]);
  });
});

describe("a gradient", () => {
  it("has its anchors at equal steps, is linear between them and never leaves them", () => {
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (list, p) => {
          list.forEach((anchor, i) => {
            const at = list.length === 1 ? 1 : i / (list.length - 1);
            expect(valueAt(list, at)).toBeCloseTo(anchor, 4);
          });
          const got = valueAt(list, p) as number;
          expect(got).toBeGreaterThanOrEqual(Math.min(...list) - 1e-9);
          expect(got).toBeLessThanOrEqual(Math.max(...list) + 1e-9);
        },
      ),
    );
  });
});

describe("slerp", () => {
  it("has the base at 0 and the other model at 1, in both forms", () => {
    fc.assert(
      fc.property(vectors(2), fc.constantFrom("mergekit", "norm-geometric"), ([a, b], form) => {
        const at = (t: number): Float32Array =>
          mergeBy("slerp", { base: a!, models: [b!], settings: { t, form } });
        fc.pre(form === "mergekit" || [a!, b!].every((x) => x.some((one) => Math.abs(one) > 1e-3)));
        close(at(0), a!);
        close(at(1), b!);
      }),
    );
  });

  it("is symmetric: t from one end is 1 - t from the other", () => {
    fc.assert(
      fc.property(vectors(2), fc.double({ min: 0, max: 1, noNaN: true }), ([a, b], t) => {
        // Nearly opposite vectors have no stable angle.
        const cosine =
          a!.reduce((sum, one, i) => sum + one * b![i]!, 0) / (Math.hypot(...a!) * Math.hypot(...b!));
        fc.pre(!(cosine < -0.999));
        const there = mergeBy("slerp", { base: a!, models: [b!], settings: { t } });
        close(mergeBy("slerp", { base: b!, models: [a!], settings: { t: 1 - t } }), there);
      }),
    );
  });

  it("keeps the norm of equally long vectors", () => {
    fc.assert(
      fc.property(vectors(2), fc.double({ min: 0, max: 1, noNaN: true }), ([a, b], t) => {
        const [na, nb] = [Math.hypot(...a!), Math.hypot(...b!)];
        fc.pre(na > 0.01 && nb > 0.01);
        const unit = (x: Float32Array, norm: number): Float32Array => x.map((one) => one / norm);
        const cosine = a!.reduce((sum, one, i) => sum + one * b![i]!, 0) / (na * nb);
        fc.pre(Math.abs(cosine) < 0.9995);
        const merged = mergeBy("slerp", { base: unit(a!, na), models: [unit(b!, nb)], settings: { t } });
        expect(Math.hypot(...merged)).toBeCloseTo(1, 4);
      }),
    );
  });
});

const TASK_METHODS = [
  "task_arithmetic",
  "ties",
  "dare_linear",
  "dare_ties",
  "della",
  "della_linear",
  "breadcrumbs",
  "breadcrumbs_ties",
];

describe.each(TASK_METHODS)("%s", (name) => {
  const given = ([base, ...models]: Float32Array[]): TaskToTest => ({ base: base!, models });

  it("is the base where lambda is 0", () => {
    fc.assert(
      fc.property(vectors(3), (all) => {
        expect(mergeBy(name, { ...given(all), settings: { lambda: 0 } }).map((one) => one + 0)).toEqual(
          all[0]!.map((one) => one + 0),
        );
      }),
    );
  });

  it("is the model from one task vector, whole and of weight 1", () => {
    fc.assert(fc.property(vectors(2), (all) => close(mergeBy(name, given(all)), all[1]!)));
  });

  // A vote may hang on the last bit of a sum.
  it.skipIf(/ties|della$/.test(name))("does not depend on the order of the models", () => {
    fc.assert(
      fc.property(vectors(4), ([base, ...models]) => {
        const there = mergeBy(name, { base: base!, models });
        close(mergeBy(name, { base: base!, models: models.toReversed() }), there);
      }),
    );
  });
});

describe("weighted means", () => {
  it("lie between the models, and the weights' scale does not matter", () => {
    fc.assert(
      fc.property(vectors(3), fc.double({ min: 0.01, max: 50, noNaN: true }), (models, factor) => {
        const own = [{ weight: 0.2 }, { weight: 0.5 }, { weight: 0.3 }];
        const merged = mergeBy("linear", { models, own });
        const scaled = own.map(({ weight }) => ({ weight: weight * factor }));
        close(mergeBy("linear", { models, own: scaled }), merged);
        merged.forEach((one, i) => {
          const each = models.map((model) => model[i]!);
          expect(one).toBeGreaterThanOrEqual(Math.min(...each) - 1e-4);
          expect(one).toBeLessThanOrEqual(Math.max(...each) + 1e-4);
        });
      }),
    );
  });
});
