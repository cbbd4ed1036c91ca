import { afterEach, describe, expect, it, vi } from "vitest";

import { contentId } from "../../../src/core/canonical.js";
import { stream } from "../../../src/core/random.js";
import { balanceThenDiversity } from "../../../src/laws/balance-then-diversity.js";
import { contrast, type Evidence } from "../../../src/laws/evidence.js";
import { judge } from "../../../src/laws/judge.js";
import { PILOT_LIKE, plantedStudy, type Plan } from "../../support/records.js";

const law = balanceThenDiversity;
const LAW_SEEDS = law.rule.seeds;
const NO_CONTROL_EFFECT = [0.01, -0.02, 0.0, 0.02, -0.01, 0.0, 0.01, -0.02, 0.01, 0.0];

/** Evidence whose paired differences are given; everything else as planted. */
function evidenceOf(primary: readonly number[], control: readonly number[] = NO_CONTROL_EFFECT): Evidence {
  const zeros = { arm: "balanced", values: primary.map(() => 0) };
  return {
    ...law.evidence(plantedStudy(LAW_SEEDS, PILOT_LIKE)),
    primary: {
      name: "primary",
      ...contrast("planted", { arm: "balanced+diversity", values: primary }, zeros),
    },
    control: {
      name: "control",
      ...contrast("planted", { arm: "balanced+diversity", values: control }, zeros),
    },
  };
}

const verdictOf = (plan: Partial<Plan>, seeds: readonly number[] = LAW_SEEDS): string => {
  const evidence = law.evidence(plantedStudy(seeds, { ...PILOT_LIKE, ...plan }));
  return judge(law.rule, evidence).word;
};

describe("the fold", () => {
  it("supports an effect that was planted in records", () => {
    expect(verdictOf({})).toBe("supported");
  });

  it("contradicts where diversity was planted to hurt", () => {
    expect(verdictOf({ balanced: 0.6, diverse: 0.3 })).toBe("contradicted");
  });

  it("does not support an effect that its control shows too", () => {
    const evidence = law.evidence(
      plantedStudy(LAW_SEEDS, { ...PILOT_LIKE, controlBalanced: 0.4, controlDiverse: 0.8 }),
    );
    const verdict = judge(law.rule, evidence);
    expect(verdict).toMatchObject({ word: "not supported", control: { failed: true } });
    expect(verdict.because).toMatch(/control/);
    expect(verdict.p).toBeLessThan(0.05);
  });

  it("does not support an effect below the smallest of interest", () => {
    const verdict = judge(law.rule, evidenceOf([0.02, 0.03, 0.01, 0.04, 0.02, 0.05, 0.01, 0.03, 0.02, 0.03]));
    expect(verdict.word).toBe("not supported");
    expect(verdict.adjustedP).toBeLessThan(0.05);
    expect(verdict.control.failed).toBe(false);
  });

  it("is inconclusive where the interval holds both 0 and the smallest effect, and says how many pairs decide", () => {
    const verdict = judge(law.rule, evidenceOf([0.5, -0.4, 0.6, -0.3, 0.4, -0.2, 0.7, -0.1, 0.3, 0.0]));
    expect(verdict.word).toBe("inconclusive");
    expect(verdict.interval!.low).toBeLessThan(0);
    expect(verdict.interval!.high).toBeGreaterThan(0.1);
    // mean 0.15, deviation 0.3979: t_{0.99375, n - 1} * 0.3979 / sqrt(n) <= 0.15 first at n = 48 (computed apart).
    expect(verdict.seedsToDecide).toBe(48);
  });

  it("names no number of pairs where none within reason decides", () => {
    // The mean is 0.0999, so only an interval of half width 0.0001 would settle it.
    const verdict = judge(law.rule, evidenceOf([1, 1, 1, 1, 1, -0.8, -0.8, -0.8, -0.8, -0.801]));
    expect(verdict).toMatchObject({ word: "inconclusive", seedsToDecide: null });
  });

  it.each([1, 3, 9])("does not call %i pairs a test", (count) => {
    expect(verdictOf({}, LAW_SEEDS.slice(0, count))).toBe("not a test");
  });

  it("never judges a pilot, however many seeds it has", () => {
    expect(verdictOf({}, [101, 102, 103])).toBe("not a test");
    expect(
      verdictOf(
        {},
        Array.from({ length: 12 }, (_, index) => 101 + index),
      ),
    ).toBe("not a test");
  });

  it("adjusts p for the four laws, unknown ones counted at worst", () => {
    const evidence = evidenceOf([0.4, 0.5, 0.3, 0.4, 0.5, 0.3, 0.4, 0.5, 0.3, 0.4]);
    expect(judge(law.rule, evidence)).toMatchObject({ p: 2 / 1024, adjustedP: 8 / 1024 });
    expect(judge(law.rule, evidence, [0.0001, 0.0001, 0.0001]).adjustedP).toBe(2 / 1024);
    expect(() => judge(law.rule, evidence, [0.1, 0.1, 0.1, 0.1])).toThrow(/at most 3/);
  });

  it("refuses evidence that was gathered under another rule", () => {
    const evidence = evidenceOf(NO_CONTROL_EFFECT);
    const stricter = { ...law.rule, sesoi: 0.05 };
    expect(() => judge(stricter, evidence)).toThrow(/Rule of the evidence/);
    expect(judge(stricter, { ...evidence, rule: contentId(stricter) }).word).toBe("not supported");
  });
});

describe("portability", () => {
  afterEach(() => vi.restoreAllMocks());

  it("needs none of the functions of Math that differ between engines", () => {
    const records = plantedStudy(LAW_SEEDS, { ...PILOT_LIKE, diverse: 0.3, spread: 0.15 });
    const plain = judge(law.rule, law.evidence(records));
    expect(plain.seedsToDecide).not.toBeNull();
    for (const name of ["exp", "log", "pow", "sin", "cos", "tan", "hypot", "log2", "expm1"] as const) {
      vi.spyOn(Math, name).mockImplementation(() => {
        throw new Error(`Math.${name} was called`);
      });
    }
    const evidence = law.evidence(records);
    const verdict = judge(law.rule, evidence);
    const chart = law.chart(evidence, verdict);
    vi.restoreAllMocks();
    expect(verdict).toEqual(plain);
    expect(chart.panels).toHaveLength(2 + evidence.grids.length);
    expect(evidence.grids).toHaveLength(3);
  });
});

describe("error rates, by simulation with a fixed stream", () => {
  const repetitions = 1000;
  const base = evidenceOf(NO_CONTROL_EFFECT);
  const simulate = (truth: number, others: readonly number[]): Map<string, number> => {
    const draw = stream(1, "type-one-error");
    const words = new Map<string, number>();
    for (let i = 0; i < repetitions; i++) {
      const values = Array.from({ length: 10 }, () => draw.normal(truth, 0.15));
      const zeros = { arm: "balanced", values: values.map(() => 0) };
      const primary = {
        name: "primary",
        ...contrast("planted", { arm: "balanced+diversity", values }, zeros),
      };
      const { word } = judge(law.rule, { ...base, primary }, others);
      words.set(word, (words.get(word) ?? 0) + 1);
    }
    return words;
  };
  const share = (words: Map<string, number>, ...which: string[]): number =>
    which.reduce((total, word) => total + (words.get(word) ?? 0), 0) / repetitions;

  it("errs in at most alpha / 4 of the worlds without an effect, in alpha where the other laws hold", () => {
    // Three standard errors of a simulated share p: 3 * sqrt(p (1 - p) / 1000).
    const alone = simulate(0, []);
    expect(share(alone, "supported", "contradicted")).toBeLessThanOrEqual(0.0125 + 0.0105);
    const last = simulate(0, [1e-4, 1e-4, 1e-4]);
    const rate = share(last, "supported", "contradicted");
    expect(rate).toBeLessThanOrEqual(0.05 + 0.0207);
    expect(rate).toBeGreaterThan(0.01);
  });

  it("finds an effect of two deviations nearly always", () => {
    expect(share(simulate(0.3, []), "supported")).toBeGreaterThan(0.95);
  });
});
