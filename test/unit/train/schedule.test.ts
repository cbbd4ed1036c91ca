import { describe, expect, it } from "vitest";

import { ADAMW, adamwScalars } from "../../../src/train/optimizer.js";
import {
  scheduleRate,
  schedulerRate,
  type SchedulerName,
  type SchedulerOptions,
} from "../../../src/train/schedule.js";

describe("the rate of a step", () => {
  it("is that of the updates made before it", () => {
    const cosine = { kind: "cosine", warmup: 4, floor: 0.1 } as const;
    expect(scheduleRate(cosine, 1, 1, 100)).toBe(0);
    expect(scheduleRate(cosine, 1, 3, 100)).toBeCloseTo(0.5, 12);
    expect(scheduleRate(cosine, 2, 5, 100)).toBeCloseTo(2, 12);
    expect(scheduleRate(cosine, 1, 53, 100)).toBeCloseTo(0.55, 12);
    const wsd = { kind: "wsd", warmup: 0, floor: 0.2, decay: 10 } as const;
    expect([1, 91, 96].map((t) => scheduleRate(wsd, 1, t, 100))).toEqual([1, 1, expect.closeTo(0.6, 12)]);
  });
});

describe("the scalars of AdamW", () => {
  it("make the first step the sign of the gradient times the rate", () => {
    const { rate, epsilon, keep } = adamwScalars(ADAMW, 1, 0.01, 0.1);
    // m' = g, v' = g^2, so the step is rate g / (|g| + epsilon).
    expect(rate).toBeCloseTo(0.01, 12);
    expect(epsilon).toBeCloseTo(1e-8, 16);
    expect(keep).toBeCloseTo(0.999, 12);
  });

  it("equal the textbook's bias corrections later", () => {
    const { rate, epsilon } = adamwScalars(ADAMW, 7, 0.01, 0);
    const [g, m, v] = [0.3, 2.1, 0.8];
    const first = (ADAMW.beta1 * m + g) * (1 - ADAMW.beta1);
    const second = (ADAMW.beta2 * v + g * g) * (1 - ADAMW.beta2);
    const textbook = (0.01 * first) / (1 - 0.9 ** 7) / (Math.sqrt(second / (1 - 0.95 ** 7)) + 1e-8);
    expect((rate * (ADAMW.beta1 * m + g)) / (Math.sqrt(ADAMW.beta2 * v + g * g) + epsilon)).toBeCloseTo(
      textbook,
      12,
    );
  });
});

describe("a scheduler", () => {
  const rates = (name: SchedulerName, options: SchedulerOptions, count: number): number[] =>
    Array.from({ length: count }, (_, k) => schedulerRate(name, k, options));
  const expectRates = (got: readonly number[], expected: readonly number[]): void => {
    expect(got).toHaveLength(expected.length);
    got.forEach((rate, index) => expect(rate, `update ${index}`).toBeCloseTo(expected[index]!, 12));
  };
  const base = { peak: 8, warmup: 2, steps: 6 } as const;

  it("warms up from zero and falls in a line to zero, where it stays", () => {
    expectRates(rates("linear", base, 8), [0, 4, 8, 6, 4, 2, 0, 0]);
  });

  it("falls by half a cosine to a floor", () => {
    const slope = 8 * 0.45 * Math.cos(Math.PI / 4);
    expectRates(rates("cosine", { ...base, floor: 0.1 }, 7), [0, 4, 8, 4.4 + slope, 4.4, 4.4 - slope, 0.8]);
  });

  it("keeps a cosine at its floor past the end, where transformers lets it rise again", () => {
    expect(schedulerRate("cosine", 10, { ...base, floor: 0.1 })).toBeCloseTo(0.8, 12);
    expect(schedulerRate("cosine", 10, { ...base, floor: 0.1, convention: "transformers" })).toBeCloseTo(
      8,
      12,
    );
  });

  it("warms up, stays, and decays over the last updates", () => {
    const wsd = { ...base, steps: 8, decay: 4, fall: "linear" } as const;
    expectRates(rates("wsd", wsd, 10), [0, 4, 8, 8, 8, 6, 4, 2, 0, 0]);
  });

  it("warms up from zero with a floor, where transformers warms up from the floor", () => {
    const wsd = { ...base, steps: 8, decay: 4, floor: 0.5 } as const;
    expect(rates("wsd", wsd, 2)).toEqual([0, 4]);
    expect(rates("wsd", { ...wsd, convention: "transformers" }, 2)).toEqual([4, 6]);
  });

  it.each([
    ["linear", [0, 2, 4, 6]],
    ["cosine", [0, 4 - 4 * Math.cos(Math.PI / 4), 4, 4 + 4 * Math.cos(Math.PI / 4)]],
    ["1-sqrt", [0, 8 - 8 * Math.sqrt(0.75), 8 - 8 * Math.sqrt(0.5), 4]],
  ] as const)("of wsd rises by the curve %s", (rise, expected) => {
    expectRates(rates("wsd", { ...base, warmup: 4, steps: 8, decay: 2, rise }, 4), expected);
  });

  it("stays at the peak when constant", () => {
    expect(rates("constant", base, 4)).toEqual([0, 4, 8, 8]);
  });

  it.each([
    ["wsd", { ...base }, "Decay of the schedule"],
    ["wsd", { ...base, decay: 5 }, 'got "2 + 5", expected at most 6 steps'],
    ["cosine", { ...base, floor: 2 }, "Floor of the schedule: got 2"],
    ["linear", { ...base, warmup: -1 }, "Warm-up of the schedule: got -1"],
    ["cosin" as SchedulerName, base, 'got "cosin", expected one of constant, linear, cosine, wsd'],
  ] as const)("is refused: %s %j", (name, options, message) => {
    expect(() => schedulerRate(name, 0, options)).toThrow(message);
  });
});
