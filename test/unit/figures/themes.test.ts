import { describe, expect, it } from "vitest";

import { type Chart, chartSpec, darkSpec } from "../../../src/figures/chart.js";
import { renderSvg } from "../../../src/figures/render.js";
import { CURVE_SEED_OPACITY, DARK, LIGHT, type Palette, SEED_OPACITY } from "../../../src/figures/style.js";
import { contrast, difference, lab, over, type Rgb, rgb, seenBy, VISIONS } from "./color.js";

const TEXT = 4.5;
const MARK = 3;
/** Below about 10 two patches of colour in different places are easily confused. */
const APART = 11;

const THEMES = [
  ["light", LIGHT],
  ["dark", DARK],
] as const;

/** Colours along a scale that mixes in sRGB. */
function between(ends: readonly string[]): Rgb[] {
  const parts = ends.length - 1;
  return Array.from({ length: 41 }, (_, index) => {
    const at = (index / 40) * parts;
    const part = Math.min(parts - 1, Math.floor(at));
    return over(rgb(ends[part + 1]!), at - part, rgb(ends[part]!));
  });
}

describe.each(THEMES)("the %s theme", (_, { ink, tones, designs, ramp, diverging }: Palette) => {
  const paper = rgb(ink.paper);
  const band = rgb(ink.band);

  it.each([ink.text, ink.quiet, ...Object.values(tones)])("has legible text in %s", (color) => {
    expect(contrast(rgb(color), paper)).toBeGreaterThanOrEqual(TEXT);
  });

  it.each([ink.text, ink.soft, ...Object.values(tones), ...designs])(
    "has visible marks in %s, on paper and on the band",
    (color) => {
      expect(contrast(rgb(color), paper)).toBeGreaterThanOrEqual(MARK);
      expect(contrast(rgb(color), band)).toBeGreaterThanOrEqual(MARK);
    },
  );

  it("has visible seeds, though they are not opaque", () => {
    for (const ground of [paper, band]) {
      expect(contrast(over(rgb(ink.text), SEED_OPACITY, ground), ground)).toBeGreaterThanOrEqual(MARK);
    }
    for (const design of designs) {
      expect(contrast(over(rgb(design), CURVE_SEED_OPACITY, paper), paper)).toBeGreaterThanOrEqual(MARK);
    }
  });

  it("has legible numbers on every colour of a matrix", () => {
    for (const cell of [...between(ramp), ...between(diverging)]) {
      expect(contrast(rgb(ink.text), cell)).toBeGreaterThanOrEqual(TEXT);
    }
  });

  it.each(VISIONS)("has designs that a reader with %s vision tells apart", (vision) => {
    const seen = designs.map((design) => lab(seenBy(rgb(design), vision)));
    seen.forEach((one, index) => {
      for (const other of seen.slice(0, index)) expect(difference(one, other)).toBeGreaterThanOrEqual(APART);
    });
  });

  it.each(VISIONS)("has a claim and a control that a reader with %s vision tells apart", (vision) => {
    const [claim, control] = [tones.accent, tones.contrast].map((tone) => lab(seenBy(rgb(tone), vision)));
    expect(difference(claim!, control!)).toBeGreaterThanOrEqual(APART);
  });
});

describe("a palette that would not do", () => {
  it("is caught: Okabe and Ito's yellow on white, their vermillion beside a green of equal lightness", () => {
    expect(contrast(rgb("#f0e442"), rgb("#ffffff"))).toBeLessThan(MARK);
    const [a, b] = ["#9a6a00", "#6f7a00"].map((color) => lab(seenBy(rgb(color), "deuteranopia")));
    expect(difference(a!, b!)).toBeLessThan(APART);
  });
});

describe("light and dark", () => {
  const chart: Chart = {
    title: "All layers",
    subtitle: ["one line"],
    panels: [
      {
        title: "numbers",
        width: 200,
        height: 120,
        x: { kind: "number", title: "rank", domain: [1, 16], scale: "log2", ticks: [2, 4, 8] },
        y: { kind: "number", title: "score", domain: [0, 1] },
        layers: [
          { kind: "band", from: 0.1, to: 0.2, label: "small" },
          { kind: "zero" },
          { kind: "rules", rows: [{ y: 0.9, label: "reference" }] },
          { kind: "lines", rows: [{ x: 2, y: 0.5, series: "1" }, { x: 4, y: 0.6, series: "1" }] }, // prettier-ignore
          { kind: "points", rows: [{ x: 2, y: 0.5, series: "1", group: "a" }] },
          { kind: "intervals", rows: [{ x: 8, mean: 0.5, low: 0.4, high: 0.6, label: "0.50" }] },
          {
            kind: "curves",
            rows: ["a", "b"].map((design) => ({
              design,
              label: `${design}: +0.1 per doubling`,
              means: [
                { x: 2, mean: 0.2, low: 0.1, high: 0.3 },
                { x: 8, mean: 0.4, low: null, high: null },
              ],
              seeds: [{ x: 2, y: 0.25, series: "seed 1" }],
            })),
          },
        ],
      },
      {
        title: "categories",
        width: 160,
        height: 80,
        x: { kind: "number", title: "effect", domain: [-2, 2] },
        y: { kind: "category", title: null, values: ["p", "q"] },
        layers: [
          { kind: "band", on: "x", from: -1, to: 1 },
          { kind: "zero", on: "x" },
          {
            kind: "spans",
            hollow: true,
            below: 8,
            rows: [{ y: "p", mean: 0, low: -1, high: 1, tone: "contrast" }],
          },
          { kind: "spans", rows: [{ y: "p", mean: 1, low: 0, high: 2 }] },
          { kind: "remarks", rows: [{ y: "p", strong: "supported", quiet: ["one", "two"] }] },
        ],
      },
      {
        title: "cells",
        width: 100,
        height: 60,
        x: { kind: "category", title: null, values: ["u", "v"], grid: false },
        y: { kind: "category", title: null, values: ["p"], grid: false },
        layers: [
          {
            kind: "cells",
            domain: [-1, 1],
            colors: "diverging",
            rows: [
              { x: "u", y: "p", value: 0.5, label: "+0.50" },
              { x: "v", y: "p", value: null, label: "–" },
            ],
          },
        ],
      },
    ],
  };
  const light = chartSpec(chart);
  const dark = darkSpec(light);

  it("differ in the configuration alone, which holds every colour", () => {
    const { config: lightConfig, ...lightRest } = light;
    const { config: darkConfig, ...darkRest } = dark;
    expect(darkRest).toEqual(lightRest);
    expect(darkConfig).not.toEqual(lightConfig);
    expect(JSON.stringify(lightRest)).not.toMatch(/#[0-9a-f]{3,8}"|"(black|white|gr[ae]y|red|blue|green)"/i);
  });

  it("are drawn in their own colours, every layer of them, at the same places", async () => {
    const [onPaper, onScreen] = [await renderSvg(light), await renderSvg(dark)];
    // What Vega would use where a colour were missing.
    for (const svg of [onPaper, onScreen]) expect(svg).not.toMatch(/#4c78a8|"#000"|"black"|#888"/);
    const colorsOf = (palette: Palette): string[] => [
      ...Object.values(palette.ink),
      ...Object.values(palette.tones),
      ...palette.designs,
    ];
    const own = (palette: Palette, other: Palette): string[] =>
      colorsOf(palette).filter((color) => !colorsOf(other).includes(color));
    for (const color of own(LIGHT, DARK)) expect(onScreen).not.toContain(color);
    for (const color of own(DARK, LIGHT)) expect(onPaper).not.toContain(color);
    const bare = (svg: string): string => svg.replace(/"(#[0-9a-f]{6}|rgb\([^)]*\)|white)"/g, '""');
    expect(bare(onScreen)).toBe(bare(onPaper));
  });

  it("show a mark, a label and a legend entry for every row", async () => {
    const svg = await renderSvg(light);
    for (const text of ["+0.50", "–", "supported", "two", "a: +0.1 per doubling", "small", "reference"]) {
      expect(svg).toContain(`>${text}<`);
    }
    // Three of the four means have an interval; both spans have one.
    expect((svg.match(/aria-roledescription="rule mark"/g) ?? []).length).toBe(1 + 1 + 1 + 2 + 1 + 2);
  });

  it("puts numbers of a base-2 axis at equal steps", async () => {
    const svg = await renderSvg(light);
    const at = [2, 4, 8].map((tick) =>
      Number(new RegExp(`translate\\(([\\d.]+),\\d+\\)"[^>]*>${tick}<`).exec(svg)?.[1]),
    );
    expect(at[1]! - at[0]!).toBeCloseTo(at[2]! - at[1]!, 2);
  });
});
