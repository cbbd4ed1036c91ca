import { describe, expect, it } from "vitest";

import { mean } from "../../../src/core/math.js";
import { stream } from "../../../src/core/random.js";
import { standardDeviation } from "../../../src/core/statistics.js";
import { balanceThenDiversityRule as rule } from "../../../src/laws/balance-then-diversity.rule.js";
import {
  drawNoise,
  type Noise,
  NOISES,
  simulate,
  type SimulatedJudgements,
  type World,
} from "../../../src/laws/simulate.js";

const REPETITIONS = 1000;
const NOTHING: World = { effect: 0, control: 0, spread: 0.11, noise: "normal", pairs: 10 };
/** Worlds without an effect, drawn once for all that is asked of them. */
const nothing = new Map<Noise, SimulatedJudgements>();
function withoutEffect(noise: Noise): SimulatedJudgements {
  const found = nothing.get(noise) ?? simulate(rule, { ...NOTHING, noise }, REPETITIONS, 1);
  nothing.set(noise, found);
  return found;
}
/** Three standard errors of a simulated share. */
const slack = (share: number): number => 3 * Math.sqrt((share * (1 - share)) / REPETITIONS);

describe("noise", () => {
  it.each(NOISES)("%s has mean 0 and deviation 1", (noise) => {
    const draw = stream(1, "noise-test", noise);
    const values = Array.from({ length: 20_000 }, () => drawNoise(noise, draw));
    // Heavy tails make the deviation of Student's t with 3 degrees of freedom uncertain; rounding adds 1/12 to 1.
    const tolerance = noise === "student-t3" ? 0.15 : 0.06;
    expect(Math.abs(mean(values))).toBeLessThan(0.03);
    expect(Math.abs(standardDeviation(values) - 1)).toBeLessThan(tolerance);
  });

  it("has heavier tails as t, and zeros and ties where it is discrete", () => {
    const beyond = (noise: (typeof NOISES)[number]): number => {
      const draw = stream(2, "noise-test", noise);
      return Array.from({ length: 20_000 }, () => drawNoise(noise, draw)).filter((x) => Math.abs(x) > 4)
        .length;
    };
    expect(beyond("student-t3")).toBeGreaterThan(10 * beyond("normal"));
    const draw = stream(3, "noise-test");
    const discrete = Array.from({ length: 200 }, () => drawNoise("discrete", draw));
    expect(discrete.every(Number.isInteger)).toBe(true);
    expect(discrete.filter((value) => value === 0).length).toBeGreaterThan(40);
  });
});

describe("error rates of the primary test", () => {
  it.each(NOISES)("are at most alpha under %s noise without an effect", (noise) => {
    const { significant, words } = withoutEffect(noise);
    expect(significant).toBeLessThanOrEqual(rule.alpha + slack(rule.alpha));
    const wrong = words.supported + words.contradicted;
    expect(wrong).toBeLessThanOrEqual(rule.alpha / 4 + slack(rule.alpha / 4));
  });

  it("are not so low that the test says nothing", () => {
    expect(withoutEffect("normal").significant).toBeGreaterThan(rule.alpha - slack(rule.alpha));
  });

  it("would be seen where they are too high: with four times the alpha the bound does not hold", () => {
    const careless = { ...rule, alpha: 0.2 };
    expect(simulate(careless, NOTHING, REPETITIONS, 1).significant).toBeGreaterThan(
      rule.alpha + slack(rule.alpha),
    );
  });
});

describe("the 95 % t interval", () => {
  it.each([0, 0.2])("holds a true effect of %d in 92 to 98 of 100 worlds of normal noise", (effect) => {
    const { coverage } =
      effect === 0 ? withoutEffect("normal") : simulate(rule, { ...NOTHING, effect }, REPETITIONS, 2);
    expect(coverage).toBeGreaterThanOrEqual(0.92);
    expect(coverage).toBeLessThanOrEqual(0.98);
  });
});

describe("simulation", () => {
  it("draws the same worlds again, and others under another seed", () => {
    expect(simulate(rule, NOTHING, 50, 3)).toEqual(simulate(rule, NOTHING, 50, 3));
    expect(simulate(rule, { ...NOTHING, effect: 0.1 }, 50, 3)).not.toEqual(
      simulate(rule, { ...NOTHING, effect: 0.1 }, 50, 4),
    );
  });

  it("calls too few pairs no test in every world", () => {
    expect(simulate(rule, { ...NOTHING, pairs: 9, effect: 1 }, 20, 1).words["not a test"]).toBeCloseTo(1, 9);
  });
});
