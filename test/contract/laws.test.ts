import { describe, expect, it } from "vitest";

import { chartSpec } from "../../src/figures/chart.js";
import { renderSvg } from "../../src/figures/render.js";
import type { Arms } from "../../src/laws/arms.js";
import { type Evidence, gatherEvidence } from "../../src/laws/evidence.js";
import { judge, type VerdictWord } from "../../src/laws/judge.js";
import type { Law } from "../../src/laws/law.js";
import { findLaw, LAWS } from "../../src/laws/list.js";
import type { EvaluationSet } from "../../src/runs/request.js";
import { pilotArms, pilotFindings } from "../../src/laws/pilot.js";
import { plantedLaw, type Truth } from "../support/planted-law.js";

const BASE: Truth = { accuracy: 0.4, spread: 0.02 };

type Carrier = (arm: string, set: EvaluationSet) => boolean;
const named =
  (name: RegExp): Carrier =>
  (arm) =>
    name.test(arm);
const unseen: Carrier = (_, set) => set === "t-infer";

/** Which scores carry the effect of a law, and which that of its control; all others lie at the same accuracy. */
const CARRIERS: Readonly<Record<string, { readonly claim: Carrier; readonly control: Carrier }>> = {
  variability: { claim: named(/^joint, /), control: named(/^control, joint, /) },
  "balance-then-diversity": {
    claim: named(/^balanced\+diversity$/),
    control: named(/^balanced\+diversity, control$/),
  },
  "merge-then-align": { claim: named(/^merged, aligned$/), control: named(/^merged, science only$/) },
  "optimize-then-scale": {
    claim: named(/^optimised, rank 32$/),
    control: named(/^optimised, rank 32, control$/),
  },
  "share-then-specialize": {
    claim: named(/^shared A$/),
    control: named(/^shared A, nothing to share$/),
  },
  recipe: {
    claim: (arm, set) => arm === "laws 1 to 4" && !unseen(arm, set),
    control: (arm, set) => arm === "laws 1 to 4" && unseen(arm, set),
  },
};

/** An effect of some smallest effects of interest; claim 0 is about spreads, all others about means. */
function shifted({ rule }: Law, effect: number): Truth {
  return rule.number === 0
    ? { ...BASE, spread: BASE.spread + effect * 4 * rule.sesoi }
    : { ...BASE, accuracy: BASE.accuracy + effect * 2 * rule.sesoi };
}

function evidenceOf(law: Law, claim: number, control: number, seeds = law.rule.seeds): Evidence {
  const carriers = CARRIERS[law.rule.law]!;
  const wide = law.rule.number === 0 && claim < 0;
  return law.evidence(
    plantedLaw(law, seeds, (arm, set) => {
      if (carriers.claim(arm, set)) return wide ? BASE : shifted(law, claim);
      if (carriers.control(arm, set)) return shifted(law, control);
      // A spread cannot be below none: where the claim is to be contradicted the other arms scatter more.
      return wide && arm.startsWith("single, ") ? shifted(law, -claim) : BASE;
    }),
  );
}

/** Pixels of a JupyterLab cell's output in a window of 1,300. */
const PAGE = 1110;

const wordOf = (law: Law, evidence: Evidence): VerdictWord => judge(law.rule, evidence).word;

describe.each(LAWS.map((law) => [law.rule.law, law] as const))("the law %s", (_, law) => {
  it("supports an effect that was planted", () => {
    expect(wordOf(law, evidenceOf(law, 1, 0))).toBe("supported");
  });

  it("contradicts where the opposite was planted", () => {
    expect(wordOf(law, evidenceOf(law, -1, 0))).toBe("contradicted");
  });

  it("does not support an effect that its control has as well", () => {
    const evidence = evidenceOf(law, 1, 1);
    expect(judge(law.rule, evidence)).toMatchObject({ word: "not supported", control: { failed: true } });
  });

  it("supports nothing where nothing was planted", () => {
    expect(wordOf(law, evidenceOf(law, 0, 0))).not.toBe("supported");
  });

  it("calls pilots and fewer than ten seeds no test", () => {
    expect(wordOf(law, evidenceOf(law, 1, 0, [101, 102]))).toBe("not a test");
    expect(wordOf(law, evidenceOf(law, 1, 0, law.rule.seeds.slice(0, 9)))).toBe("not a test");
  });

  it("finds its runs in any order, and draws them no wider than a notebook's page", async () => {
    const records = plantedLaw(law, [1, 4], () => BASE);
    const evidence = law.evidence(records);
    expect(law.evidence([...records].reverse())).toEqual(evidence);
    const svg = await renderSvg(chartSpec(law.chart(evidence, judge(law.rule, evidence))));
    expect(svg).toContain("not a test");
    expect(Number(/width="(\d+)"/.exec(svg)?.[1])).toBeLessThanOrEqual(PAGE);
    expect(/[^ ]{0,60}(?:NaN|undefined)/.exec(svg)?.[0]).toBeUndefined();
  });

  it("draws a grid on those of its seeds that have it", () => {
    const begun = { ...law, grid: (seed: number): Arms => (seed === 1 ? (law.grid?.(seed) ?? {}) : {}) };
    const evidence = law.evidence(plantedLaw(begun, [1, 2], () => BASE));
    for (const { points } of evidence.grids) for (const { seeds } of points) expect(seeds).toEqual([1]);
    expect(() => law.chart(evidence, judge(law.rule, evidence))).not.toThrow();
  });

  it("has a difference for each of its secondary claims, in their words", () => {
    const evidence = evidenceOf(law, 1, 0);
    const { secondary } = evidence;
    expect(secondary.map(({ name }) => name)).toEqual(law.rule.secondary);
    expect(secondary.every(({ values }) => values.length === law.rule.seeds.length)).toBe(true);
    const longer = { ...law, rule: { ...law.rule, secondary: [...law.rule.secondary, "one more"] } };
    const records = plantedLaw(law, [1], () => BASE);
    expect(() => gatherEvidence(longer, records, () => evidence)).toThrow(/Secondary differences/);
  });

  it("says what it measures where that is not the arms' own score, and over which seeds a matrix is", () => {
    const { arms, primary, control, secondary, matrices } = evidenceOf(law, 1, 0);
    for (const { treatment, comparator, measure, mean } of [primary, control, ...secondary]) {
      const [more, less] = [treatment, comparator].map((name) =>
        arms.find((arm) => arm.arm === name && arm.measure === measure),
      );
      if (more !== undefined && less !== undefined) expect(mean).toBeCloseTo(more.mean - less.mean, 12);
    }
    for (const { name } of matrices) expect(name).toMatch(/, (?:mean over \d+ seeds?|seed \d+)$/);
  });

  it("names a run that a seed lacks", () => {
    const records = plantedLaw(law, [4], () => BASE);
    const last = records.at(-1)!;
    expect(() => law.evidence(records.filter((record) => record !== last))).toThrow(/Seed 4 is incomplete/);
  });

  it("has a pilot that chooses from as many candidates for each design", () => {
    const { pilot } = law;
    const counts = Object.values(pilot.trials(101)).map((trials) => Object.keys(trials).length);
    expect(new Set(counts).size).toBe(1);
    const asLaw = { ...law, arms: (seed: number) => pilotArms(pilot, seed) };
    const [design] = Object.keys(pilot.trials(101));
    const [, second] = Object.keys(pilot.trials(101)[design!]!);
    const records = plantedLaw(asLaw, pilot.seeds, (arm) =>
      arm.startsWith(`${design} | ${second} | `)
        ? { accuracy: 0.8, spread: 0 }
        : { accuracy: 0.3, spread: 0 },
    );
    const findings = pilotFindings(law.rule.law, pilot, records);
    expect(findings.tuning.find((row) => row.design === design)!.chosen).toBe(second);
    expect(findings.passes).toBe(true);
    const weak = plantedLaw(asLaw, pilot.seeds, () => ({ accuracy: 0.1, spread: 0 }));
    expect(pilotFindings(law.rule.law, pilot, weak).passes).toBe(false);
  });
});

describe("the tokens of an arm", () => {
  // A planted run has 1,000 tokens. Merged: a stem, five branches of it, their merge, its scoring.
  it.each([
    ["merge-then-align", { merged: 8, "merged, aligned": 9, joint: 2, instruct: 1 }],
    ["recipe", { default: 1, "laws 1 and 2": 2, "laws 1 to 4": 2 }],
  ])("of %s are those of all runs on the way, each counted once", (key, thousands) => {
    const law = findLaw(key);
    const { arms } = law.evidence(plantedLaw(law, [1, 4], () => BASE));
    for (const [name, expected] of Object.entries(thousands))
      expect([name, arms.find(({ arm }) => arm === name)!.tokens]).toEqual([name, expected * 1000]);
  });
});
