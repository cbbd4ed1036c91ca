import { describe, expect, it } from "vitest";

import { fold, type FoldNumbers } from "../../../src/laws/fold.js";

const supported: FoldNumbers = {
  pairs: 10,
  effect: 0.3,
  interval: { low: 0.2, high: 0.4 },
  adjustedP: 0.008,
  alpha: 0.05,
  sesoi: 0.1,
  control: { effect: 0.02, interval: { low: -0.03, high: 0.07 } },
};
const decided = (changes: Partial<FoldNumbers>, purpose: "law" | "pilot" = "law"): string =>
  fold({ ...supported, ...changes }, purpose).find(({ holds }) => holds)!.word;

describe("the fold, line by line", () => {
  it("supports at the thresholds themselves", () => {
    expect(decided({})).toBe("supported");
    expect(decided({ effect: 0.1, adjustedP: 0.05 })).toBe("supported");
  });

  it.each([
    [{ pairs: 9 }, "not a test"],
    [{ control: { effect: 0.1, interval: { low: 0.001, high: 0.2 } } }, "not supported"],
    [{ adjustedP: 0.0501 }, "inconclusive"],
    [{ effect: 0.0999, interval: { low: 0.05, high: 0.15 } }, "inconclusive"],
    [{ effect: -0.01, interval: { low: -0.02, high: -0.001 } }, "contradicted"],
    [{ effect: 0.05, interval: { low: 0.01, high: 0.0999 } }, "not supported"],
    [{ effect: 0.05, interval: { low: 0.01, high: 0.1 } }, "inconclusive"],
    [{ effect: -0.05, adjustedP: 0.2, interval: { low: -0.15, high: 0.05 } }, "not supported"],
  ] as const)("says for %j: %s", (changes, word) => {
    expect(decided(changes)).toBe(word);
  });

  it("tells an effect of unknown size from no known effect", () => {
    const between = { effect: 0.05, interval: { low: 0.01, high: 0.15 } };
    const because = (adjustedP: number): string =>
      fold({ ...supported, ...between, adjustedP }, "law").at(-1)!.because;
    expect(because(0.01)).toMatch(/an effect shows, but not whether/);
    expect(because(0.06)).toMatch(/neither an effect nor its absence/);
  });

  it("lets the earlier line win: a failed control before an effect, a pilot before all", () => {
    const leak = { control: { effect: 0.3, interval: { low: 0.2, high: 0.4 } } };
    expect(decided(leak)).toBe("not supported");
    expect(decided(leak, "pilot")).toBe("not a test");
    expect(decided({ ...leak, pairs: 3 })).toBe("not a test");
  });

  it("does not fail a control that has no interval, or an effect of no size", () => {
    expect(decided({ control: { effect: 0.5, interval: null } })).toBe("supported");
    expect(decided({ control: { effect: 0.05, interval: { low: 0.01, high: 0.09 } } })).toBe("supported");
  });

  it("ends with a line that always holds, and names every threshold", () => {
    const steps = fold(supported, "law");
    expect(steps.at(-1)).toMatchObject({ word: "inconclusive", holds: true });
    expect(steps.map(({ condition }) => condition).join("; ")).toMatch(/10 pairs.*0\.1.*0\.05.*below 0/);
  });
});
