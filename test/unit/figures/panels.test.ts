import { describe, expect, it } from "vitest";

import type { Chart, Layer, Panel } from "../../../src/figures/chart.js";
import { chartSpec } from "../../../src/figures/chart.js";
import { renderSvg } from "../../../src/figures/render.js";
import { armsPanel } from "../../../src/laws/arms-panel.js";
import { balanceThenDiversity as law } from "../../../src/laws/balance-then-diversity.js";
import { differencesPanel } from "../../../src/laws/differences-panel.js";
import { contrast, type Difference } from "../../../src/laws/evidence.js";
import { forestChart } from "../../../src/laws/forest.js";
import { gridPanel, slopePerDoubling } from "../../../src/laws/grid-panel.js";
import {
  caption,
  controlText,
  lawName,
  scaleGap,
  signed,
  significance,
  verdictTitle,
  wrapped,
} from "../../../src/laws/headline.js";
import { judge, type Verdict } from "../../../src/laws/judge.js";
import { matrixPanel } from "../../../src/laws/matrix-panel.js";
import { accuracyAxis, fittedAxis } from "../../../src/laws/panel-rows.js";
import { PILOT_LIKE, plantedStudy } from "../../support/records.js";

const evidence = law.evidence(plantedStudy(law.rule.seeds, PILOT_LIKE));
const verdict = judge(law.rule, evidence);
const layer = <Kind extends Layer["kind"]>(panel: Panel, kind: Kind): Extract<Layer, { kind: Kind }> =>
  panel.layers.find((one) => one.kind === kind) as Extract<Layer, { kind: Kind }>;
const alone = (panel: Panel): Chart => ({ title: "t", subtitle: [], panels: [panel] });

describe("an arms panel", () => {
  const panel = armsPanel(evidence, {
    title: "arms",
    arms: ["balanced", "balanced+diversity"],
    references: ["instruct"],
    sesoi: 0.1,
    labels: { instruct: "Instruct,\nuntouched" },
    legend: "small discipline",
  });

  it("shows every seed of every arm with its run, and joins the same seed", () => {
    const { rows } = layer(panel, "points");
    expect(rows).toHaveLength(20);
    expect(layer(panel, "lines").rows).toEqual(rows);
    const balanced = evidence.arms.find(({ arm }) => arm === "balanced")!;
    expect(rows[3]).toEqual({
      x: "balanced",
      y: balanced.values[3],
      series: "seed 4",
      group: "biology",
      origin: balanced.runs[3]!.slice(0, 12),
    });
  });

  it("shows means with intervals, and references as rules", () => {
    const [first] = layer(panel, "intervals").rows;
    const { mean, interval } = evidence.arms.find(({ arm }) => arm === "balanced")!;
    expect(first).toMatchObject({ mean, low: interval!.low, high: interval!.high, label: mean.toFixed(2) });
    expect(layer(panel, "rules").rows).toEqual([{ y: 0, label: "Instruct,\nuntouched" }]);
    const finer = armsPanel(evidence, { title: "", sesoi: 0.05, arms: ["balanced"] });
    expect(layer(finer, "intervals").rows[0]!.label).toBe(mean.toFixed(3));
  });

  it("tells nothing apart by shape where seeds differ in draws alone", () => {
    const same = { ...evidence, units: evidence.units.map(() => "all") };
    const { rows } = layer(armsPanel(same, { title: "", sesoi: 0.1, arms: ["balanced"] }), "points");
    expect(rows.some((row) => row.group !== undefined)).toBe(false);
  });

  it("keeps the labels of near references apart, and those of far ones at their lines", () => {
    const at = (references: readonly string[]): number[] =>
      layer(
        armsPanel(evidence, { title: "", sesoi: 0.1, arms: ["balanced+diversity"], references }),
        "rules",
      ).rows.map(({ y, labelAt }) => labelAt ?? y);
    const [first, second] = at(["instruct", "proportional"]) as [number, number];
    // Two labels of one line, 13 pixels each, in 280 pixels for 1.
    expect(second - first).toBeGreaterThanOrEqual(13 / 280 - 1e-12);
    const far = ["instruct", "small discipline alone"];
    expect(at(far)).toEqual(far.map((arm) => evidence.arms.find((one) => one.arm === arm)!.mean));
  });

  it("goes up to 1, or as far as the values go where none reaches a half", () => {
    expect(panel.y).toMatchObject({ domain: [0, 1] });
    const low = {
      ...evidence,
      arms: evidence.arms.map((arm) => ({ ...arm, values: [0.06, 0.17], mean: 0.1, interval: null })),
    };
    expect(armsPanel(low, { title: "", sesoi: 0.1, arms: ["balanced"] }).y).toMatchObject({
      domain: [0, 0.2],
    });
    const above = armsPanel(low, { title: "", sesoi: 0.1, arms: ["balanced"], y: accuracyAxis() });
    expect(above.y).toMatchObject({ domain: [0, 1] });
  });

  it("refuses an arm that is not there", () => {
    expect(() => armsPanel(evidence, { title: "", sesoi: 0.1, arms: ["balancd"] })).toThrow(
      /balancd.*one of proportional/,
    );
  });
});

describe("a differences panel", () => {
  const of = (values: readonly number[]): Difference =>
    contrast("m", { arm: "balanced+diversity", values }, { arm: "balanced", values: values.map(() => 0) });
  const panelOf = (one: Difference, sesoi = 0.1): Panel =>
    differencesPanel(evidence, {
      title: "differences",
      rows: [
        { label: "claim", contrast: one },
        { label: "control", contrast: evidence.control, tone: "contrast" },
      ],
      sesoi,
      y: "difference",
    });

  it("shades what is too small to matter, and names both runs of a difference", () => {
    const panel = panelOf(evidence.primary);
    expect(layer(panel, "band")).toMatchObject({ from: -0.1, to: 0.1 });
    expect(layer(panel, "points").rows[0]!.origin).toMatch(/^[0-9a-f]{12} - [0-9a-f]{12}$/);
    expect(layer(panel, "intervals").rows.map(({ tone }) => tone)).toEqual(["accent", "contrast"]);
    expect(layer(panel, "intervals").rows[0]!.label).toMatch(/^\+0\.\d\d$/);
  });

  it("has room for every seed, interval and the band, whatever their size", () => {
    for (const scale of [0.001, 0.01, 0.3, 1]) {
      const one = of(evidence.primary.values.map((value) => scale * value));
      const { y } = panelOf(one, scale / 10);
      const [low, high] = (y as Extract<Panel["y"], { kind: "number" }>).domain;
      for (const value of [...one.values, one.interval!.low, one.interval!.high, scale / 10, -scale / 10]) {
        expect(low).toBeLessThanOrEqual(value);
        expect(high).toBeGreaterThanOrEqual(value);
      }
    }
  });

  it("names no run where a value is made of several", () => {
    const macro = { ...evidence.primary, treatment: "macro" };
    expect(layer(panelOf(macro), "points").rows[0]!.origin).toBe("");
  });
});

describe("an axis fitted to values", () => {
  it.each([
    [[0, 1], [0, 1], ".1f"],
    [[-0.013, 0.021], [-0.02, 0.03], ".2f"],
    [[0.05, 0.31], [0.05, 0.35], ".2f"],
    [[3, 3], [3, 3.005], ".3f"],
    [[-2.2, 6.3], [-4, 8], ".0f"],
  ])("of %j ends at %j", (values, domain, format) => {
    expect(fittedAxis("a", values)).toMatchObject({ domain, format });
  });

  it("has two to eight ticks and refuses what is no number", () => {
    for (const values of [
      [0, 0.001],
      [-1, 1],
      [0, 5000],
    ]) {
      // prettier-ignore
      const { ticks } = fittedAxis("a", values);
      expect(ticks!.length).toBeGreaterThanOrEqual(2);
      expect(ticks!.length).toBeLessThanOrEqual(9);
    }
    expect(() => fittedAxis("a", [0, NaN])).toThrow(/finite/);
    expect(() => fittedAxis("a", [])).toThrow(/finite/);
  });
});

describe("a grid panel", () => {
  const rows = [2, 4, 8].flatMap((x, i) => [
    { design: "default", x, values: [0.1, 0.2], runs: ["a".repeat(64), "b".repeat(64)] },
    { design: "optimised", x, values: [0.1 + 0.1 * i, 0.2 + 0.2 * i] },
  ]);
  const panel = gridPanel(rows, { title: "grid", seeds: [1, 2], x: { title: "rank", scale: "log2" } });

  it("computes the slope per doubling of each seed by least squares", () => {
    // Seeds rise by 0.1 and 0.2 a doubling.
    const { values, mean } = slopePerDoubling(rows.filter(({ design }) => design === "optimised"));
    expect(values[0]).toBeCloseTo(0.1, 12);
    expect(values[1]).toBeCloseTo(0.2, 12);
    expect(mean).toBeCloseTo(0.15, 12);
    // Values 0, 1, 1 at 1, 2, 4: slope (1 * 1 + 1 * 0 - 1 * 0) / 2 = 0.5.
    expect(slopePerDoubling([{ x: 1, values: [0] }, { x: 2, values: [1] }, { x: 4, values: [1] }]).mean).toBeCloseTo(0.5, 12); // prettier-ignore
    expect(() => slopePerDoubling([{ x: 2, values: [1] }])).toThrow(/two different places/);
  });

  it("has a line a design with its slope in the legend, seeds and intervals", () => {
    const [standard, optimised] = layer(panel, "curves").rows;
    expect(standard!.label).toBe("default: +0.000 [+0.000, +0.000] per doubling");
    expect(optimised!.label).toMatch(/^optimised: \+0\.150 \[/);
    expect(standard!.seeds).toHaveLength(6);
    expect(standard!.seeds[1]).toEqual({ x: 2, y: 0.2, series: "seed 2", origin: "b".repeat(12) });
    expect(standard!.means.map(({ x }) => x)).toEqual([2, 4, 8]);
    expect(standard!.means[0]!.mean).toBeCloseTo(0.15, 12);
  });

  it("tells more designs than colours apart by dashes and shapes", () => {
    const many = Array.from({ length: 7 }, (_, index) => [1, 2].map((x) => ({ design: `d${index}`, x, values: [index / 10] }))); // prettier-ignore
    const options = { title: "", seeds: [1], x: { title: "x", scale: "linear" as const } };
    const spec = JSON.stringify(chartSpec(alone(gridPanel(many.flat(), options))));
    expect(spec.match(/"strokeDash":\[5,3\]/g)).toHaveLength(2);
    const [, shapes] = /"range":(\["circle"[^\]]*\])/.exec(spec)!;
    expect(new Set(JSON.parse(shapes!) as string[]).size).toBe(7);
  });

  it("refuses rows with a missing seed and places that have no logarithm", () => {
    const options = { title: "grid", seeds: [1, 2], x: { title: "rank", scale: "log2" as const } };
    expect(() => gridPanel([{ design: "a", x: 2, values: [1] }], options)).toThrow(/one value a seed/);
    expect(() => gridPanel([{ design: "a", x: 0, values: [1, 2] }], options)).toThrow(/above 0/);
    expect(() => gridPanel([], options)).toThrow(/Rows of "grid"/);
  });
});

describe("a matrix panel", () => {
  const options = { title: "matrix", xs: ["expert 1", "expert 2"], ys: ["biology"], domain: [0, 1] as const };

  it("writes every value in its cell, differences with a sign", () => {
    const rows = [{ x: "expert 1", y: "biology", value: 0.25 }, { x: "expert 2", y: "biology", value: null }]; // prettier-ignore
    expect(layer(matrixPanel(rows, options), "cells")).toMatchObject({ colors: "ramp" });
    expect(layer(matrixPanel(rows, options), "cells").rows.map(({ label }) => label)).toEqual(["0.25", "–"]);
    const signedCells = layer(matrixPanel(rows, { ...options, domain: [-1, 1] }), "cells");
    expect(signedCells).toMatchObject({ colors: "diverging" });
    expect(signedCells.rows[0]!.label).toBe("+0.25");
  });

  it.each([
    [[{ x: "expert 3", y: "biology", value: 1 }]],
    [[{ x: "expert 1", y: "biology", value: NaN }]],
    [[{ x: "expert 1", y: "biology", value: 1 }, { x: "expert 1", y: "biology", value: 2 }]], // prettier-ignore
  ])("refuses %j", (rows) => {
    expect(() => matrixPanel(rows, options)).toThrow(/Cells of "matrix"/);
  });
});

describe("a chart of several panels", () => {
  const panel = matrixPanel([{ x: "a", y: "b", value: 1 }], {
    title: "m",
    xs: ["a"],
    ys: ["b"],
    domain: [0, 1],
  });
  const size = async (columns?: number): Promise<number[]> => {
    const chart = {
      title: "t",
      subtitle: [],
      panels: [panel, panel],
      ...(columns === undefined ? {} : { columns }),
    };
    const svg = await renderSvg(chartSpec(chart));
    return ["width", "height"].map((side) => Number(new RegExp(`<svg[^>]* ${side}="(\\d+)"`).exec(svg)![1]));
  };

  it("has them side by side, or in rows where it says so", async () => {
    const [wide, low] = (await size()) as [number, number];
    const [narrow, high] = (await size(1)) as [number, number];
    expect(narrow).toBeLessThan(wide);
    expect(high).toBeGreaterThan(low);
  });
});

describe("the forest plot", () => {
  const other: Verdict = {
    ...verdict,
    number: 3,
    word: "contradicted",
    effect: -0.2,
    interval: { low: -0.3, high: -0.1 },
    sesoi: 0.02,
    control: { effect: 0.01, interval: null, failed: false },
  };
  const chart = forestChart([
    { title: "Balance-then-Diversity", verdict },
    { title: "Optimize-then-Scale", verdict: other },
  ]);
  const [panel] = chart.panels as [Panel];
  const [controls, effects] = panel.layers.filter((one) => one.kind === "spans");

  it("measures each law in its own smallest effect of interest", () => {
    expect(effects!.rows[0]).toMatchObject({ mean: verdict.effect / 0.1, low: verdict.interval!.low / 0.1 });
    expect(effects!.rows[1]!.mean).toBeCloseTo(-10, 12);
    expect(effects!.rows[1]!.low).toBeCloseTo(-15, 12);
    expect(layer(panel, "band")).toMatchObject({ from: -1, to: 1, on: "x" });
    const [low, high] = (panel.x as Extract<Panel["x"], { kind: "number" }>).domain;
    expect(low).toBeLessThanOrEqual(-15);
    expect(high).toBeGreaterThanOrEqual(verdict.interval!.high / 0.1);
  });

  it("draws controls hollow beneath, without an interval where there is none", () => {
    expect(controls).toMatchObject({ hollow: true });
    expect(controls!.below).toBeGreaterThan(0);
    expect(controls!.rows[1]).toMatchObject({ mean: 0.5, low: null, high: null, tone: "contrast" });
  });

  it("says verdict, N and raw values in words", async () => {
    const [first, second] = layer(panel, "remarks").rows;
    expect(first!.strong).toBe("● supported, N = 10");
    expect(second!.strong).toBe("✕ contradicted, N = 10");
    expect(second!.quiet.join("; ")).toContain("effect −0.200 [−0.300, −0.100], smallest of interest 0.02");
    expect(first!.quiet.join("; ")).toContain("Holm-adjusted p = 0.008");
    const [alone] = layer(
      forestChart([{ title: "Variability", verdict: { ...verdict, family: "alone" } }]).panels[0]!,
      "remarks",
    ).rows;
    expect(alone!.quiet.join("; ")).not.toContain("Holm");
    const svg = await renderSvg(chartSpec(chart));
    for (const text of ["Law 1", "Balance-then-Diversity", "Law 3", "✕ contradicted, N = 10"]) {
      expect(svg).toContain(`>${text}<`);
    }
  });

  it("stands empty without laws", async () => {
    expect(await renderSvg(chartSpec(forestChart([])))).toContain("smallest effect of interest");
  });
});

describe("headlines", () => {
  it("name a law, the variability claim and what is neither", () => {
    expect([lawName(0, "Variability"), lawName(4, "Share"), lawName(5, "The recipe")]).toEqual([
      "Claim 0, Variability",
      "Law 4, Share",
      "The recipe",
    ]);
    expect(verdictTitle("Balance", evidence, verdict)).toBe("● Law 1, Balance: supported (10 seeds)");
  });

  it("say how far the scale is from the source, in every caption", () => {
    expect(scaleGap({ model: "s-instruct", parameters: 700_000 })).toContain("10,000 times as large");
    const lines = caption(evidence, verdict, { contrast: "A minus B", setting: "One. Two." });
    expect(lines.join(" ")).toContain(scaleGap(evidence.base));
    expect(lines.join(" ")).toMatch(/^A minus B: \+0\.\d\d, 95 % interval/);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(140);
  });

  it("keep the sign of what rounds to zero", () => {
    expect([-0.004, 0, -0, 0.004, -0.125].map((value) => signed(value))).toEqual([
      "\u22120.00",
      "+0.00",
      "+0.00",
      "+0.00",
      "\u22120.13",
    ]);
  });

  it("name an adjusted p only where a claim is adjusted with others", () => {
    const ps = { p: 0.002, adjustedP: 0.0078 };
    expect(significance({ ...ps, family: "four-laws-holm" })).toBe("p = 0.002, Holm-adjusted = 0.008");
    expect(significance({ ...ps, family: "alone" })).toBe("p = 0.002");
  });

  it("say of a control whether the effect, its opposite or nothing of interest shows", () => {
    const text = (effect: number, high: number, failed = false): string =>
      controlText({ sesoi: 0.05, control: { effect, interval: { low: -1, high }, failed } });
    expect(text(0.06, 0.1, true)).toBe("the effect shows where it should not");
    expect(text(0.02, 0.04)).toBe("the effect does not show, as it should");
    expect(text(-0.04, -0.01)).toBe("the effect does not show, as it should");
    expect(text(-0.06, 0.01)).toBe("the effect does not show, as it should");
    expect(text(-0.06, -0.01)).toMatch(/^the opposite of the effect shows/);
  });

  it("break long names between words alone", () => {
    expect(wrapped("balanced, control arm", 10)).toBe("balanced,\ncontrol\narm");
    expect(wrapped("Share-then-Specialize", 5)).toBe("Share-then-Specialize");
    expect(wrapped("a b\nc", 20)).toBe("a b\nc");
  });
});
