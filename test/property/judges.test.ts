import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { contentId } from "../../src/core/canonical.js";
import { balanceThenDiversityRule as rule } from "../../src/laws/balance-then-diversity.rule.js";
import { contrast } from "../../src/laws/evidence.js";
import { fold, type FoldNumbers } from "../../src/laws/fold.js";
import { judge, type Judged, type Verdict } from "../../src/laws/judge.js";
import { brownForsythe, spreadBySeed, spreadRatio } from "../../src/laws/spread.js";

/** Differences in multiples of 1/1024, so that scaling by powers of two and changes of sign lose no bit. */
const differences = (pairs: { min: number; max: number }): fc.Arbitrary<number[]> =>
  fc.array(
    fc.integer({ min: -700, max: 700 }).map((value) => value / 1024),
    { minLength: pairs.min, maxLength: pairs.max },
  );
const judged = (primary: readonly number[], control: readonly number[], under = rule): Verdict => {
  const of = (values: readonly number[]): Judged["primary"] =>
    contrast("m", { arm: "a", values }, { arm: "b", values: values.map(() => 0) });
  const evidence: Judged = {
    rule: contentId(under),
    purpose: "law",
    primary: of(primary),
    control: of(control),
  };
  return judge(under, evidence);
};
const still = Array.from({ length: 10 }, () => 0);

describe("a verdict", () => {
  it("is one of five words with a reason, and means what it says", () => {
    fc.assert(
      fc.property(differences({ min: 1, max: 12 }), differences({ min: 1, max: 12 }), (primary, control) => {
        const verdict = judged(primary, control);
        const { word, effect, adjustedP, interval, sesoi } = verdict;
        expect(verdict.because).not.toBe("");
        expect(word === "not a test").toBe(primary.length < 10);
        if (word === "supported") {
          expect(effect).toBeGreaterThanOrEqual(sesoi);
          expect(adjustedP).toBeLessThanOrEqual(0.05);
          expect(verdict.control.failed).toBe(false);
        }
        if (word === "contradicted") expect(effect).toBeLessThan(0);
        if (word === "not supported" && !verdict.control.failed) expect(interval!.high).toBeLessThan(sesoi);
        if (word !== "inconclusive") expect(verdict.seedsToDecide).toBeNull();
      }),
      { numRuns: 60 },
    );
  });

  it("does not depend on the order of seeds", () => {
    fc.assert(
      fc.property(differences({ min: 10, max: 11 }), (primary) => {
        expect(judged([...primary].reverse(), still).word).toBe(judged(primary, still).word);
      }),
      { numRuns: 40 },
    );
  });

  it("does not depend on the unit of the estimand", () => {
    fc.assert(
      fc.property(differences({ min: 10, max: 10 }), fc.integer({ min: -3, max: 3 }), (primary, power) => {
        const scale = 2 ** power;
        const other = { ...rule, sesoi: rule.sesoi * scale };
        const scaled = primary.map((value) => value * scale);
        expect(judged(scaled, still, other).word).toBe(judged(primary, still).word);
      }),
      { numRuns: 40 },
    );
  });

  it("is never supported on data and on their opposite", () => {
    fc.assert(
      fc.property(differences({ min: 10, max: 10 }), (primary) => {
        const words = [primary, primary.map((value) => -value)].map((one) => judged(one, still).word);
        expect(words.filter((word) => word === "supported").length).toBeLessThan(2);
        if (words[0] === "supported") expect(words[1]).toBe("contradicted");
      }),
      { numRuns: 60 },
    );
  });
});

describe("the fold", () => {
  const number = fc.double({ min: -1, max: 1, noNaN: true });
  const interval = fc.tuple(number, number).map(([a, b]) => ({ low: Math.min(a, b), high: Math.max(a, b) }));
  const numbers: fc.Arbitrary<FoldNumbers> = fc.record({
    pairs: fc.integer({ min: 1, max: 30 }),
    effect: number,
    interval: fc.option(interval),
    adjustedP: fc.double({ min: 0, max: 1, noNaN: true }),
    alpha: fc.constant(0.05),
    sesoi: fc.double({ min: 0.01, max: 0.5, noNaN: true }),
    control: fc.record({ effect: number, interval: fc.option(interval) }),
  });

  it("always decides, and a pilot never more than that it is no test", () => {
    fc.assert(
      fc.property(numbers, (given) => {
        expect(fold(given, "law").filter(({ holds }) => holds)).not.toHaveLength(0);
        expect(fold(given, "pilot")[0]).toMatchObject({ word: "not a test", holds: true });
      }),
    );
  });

  it("does not turn a supported claim by a smaller p, a larger effect or a smaller control", () => {
    fc.assert(
      fc.property(numbers, fc.double({ min: 0, max: 1, noNaN: true }), (given, share) => {
        const word = (one: FoldNumbers): string => fold(one, "law").find(({ holds }) => holds)!.word;
        if (word(given) !== "supported") return;
        expect(word({ ...given, adjustedP: given.adjustedP * share })).toBe("supported");
        expect(word({ ...given, effect: given.effect + share })).toBe("supported");
        expect(word({ ...given, control: { ...given.control, effect: given.control.effect - share } })).toBe("supported"); // prettier-ignore
      }),
      { numRuns: 2000 },
    );
  });
});

describe("spread", () => {
  const scores = fc.array(
    fc.array(
      fc.array(
        fc.integer({ min: 0, max: 100 }).map((value) => value / 128),
        { minLength: 3, maxLength: 3 },
      ),
      { minLength: 4, maxLength: 4 },
    ),
    { minLength: 2, maxLength: 5 },
  );

  it("scales with the scores, does not see a shift, and its ratio to itself is 1", () => {
    fc.assert(
      fc.property(scores, fc.integer({ min: -4, max: 4 }), (given, shift) => {
        const changed = given.map((discipline) =>
          discipline.map((row) => row.map((value) => 2 * value + shift)),
        );
        spreadBySeed(changed).forEach((value, seed) =>
          expect(value).toBeCloseTo(2 * spreadBySeed(given)[seed]!, 10),
        );
        const { ratio } = spreadRatio(given, given);
        if (ratio !== null) expect(ratio).toBe(1);
        const twice = spreadRatio(changed, given).ratio;
        if (twice !== null) expect(twice).toBeCloseTo(2, 9);
      }),
    );
  });

  it("tested by Brown and Forsythe does not depend on order, unit or the level of a group, and p lies in [0, 1]", () => {
    fc.assert(
      fc.property(fc.array(differences({ min: 2, max: 8 }), { minLength: 2, maxLength: 4 }), (groups) => {
        const found = brownForsythe(groups);
        const other = brownForsythe(
          [...groups].reverse().map((group, index) => group.map((value) => 4 * value + index).reverse()),
        );
        expect(found.p).toBeGreaterThanOrEqual(0);
        expect(found.p).toBeLessThanOrEqual(1);
        if (Number.isFinite(found.statistic)) expect(other.p).toBeCloseTo(found.p, 9);
      }),
    );
  });
});
