import { describe, expect, it } from "vitest";

import { LAWS } from "../../src/laws/list.js";
import { NOISES, simulate, type SimulatedJudgements, type World } from "../../src/laws/simulate.js";

describe.each(LAWS.map(({ rule }) => [rule.law, rule] as const))("the judge of %s", (_, rule) => {
  const pairs = rule.seeds.length;
  // Every further pair doubles the sign patterns of an exact test.
  const repetitions = pairs > 12 ? 20 : 100;
  const slack = (share: number): number => 3 * Math.sqrt((share * (1 - share)) / repetitions);
  const judged = (world: Partial<World>): SimulatedJudgements =>
    simulate(
      rule,
      { effect: 0, control: 0, spread: rule.sesoi, noise: "normal", pairs, ...world },
      repetitions,
      1,
    );

  it("supports an effect of twice the smallest of interest", () => {
    expect(judged({ effect: 2 * rule.sesoi }).words.supported).toBeGreaterThan(0.9);
  });

  it("contradicts the opposite effect", () => {
    const { words } = judged({ effect: -2 * rule.sesoi });
    expect(words.contradicted).toBeGreaterThan(0.9);
    expect(words.supported).toBe(0);
  });

  it("does not support an effect that its control shows too", () => {
    const { words } = judged({ effect: 2 * rule.sesoi, control: 2 * rule.sesoi });
    expect(words["not supported"]).toBeGreaterThan(0.9);
    expect(words.supported).toBeLessThan(0.1);
  });

  it("says that an effect is too small to matter where it is", () => {
    expect(judged({ spread: rule.sesoi / 2 }).words["not supported"]).toBeGreaterThan(0.9);
  });

  it.each(NOISES)("finds nothing in %s noise, but for the errors that it allows itself", (noise) => {
    const { words, significant } = judged({ noise });
    expect(significant).toBeLessThanOrEqual(rule.alpha + slack(rule.alpha));
    expect(words.supported + words.contradicted).toBeLessThanOrEqual(rule.alpha + slack(rule.alpha));
  });

  it("never judges fewer pairs than a test needs", () => {
    expect(judged({ effect: 2 * rule.sesoi, pairs: 9 }).words["not a test"]).toBeCloseTo(1, 9);
  });
});
