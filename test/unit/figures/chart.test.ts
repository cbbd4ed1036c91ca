import { describe, expect, it } from "vitest";

import { sha256 } from "../../../src/core/canonical.js";
import { type Chart, chartSpec, type Layer } from "../../../src/figures/chart.js";
import { renderPng, renderSvg } from "../../../src/figures/render.js";

const layers: readonly Layer[] = [
  { kind: "band", from: -0.1, to: 0.1, label: "too small\nto matter" },
  { kind: "zero" },
  { kind: "rules", rows: [{ y: 0.9, label: "reference" }] },
  {
    kind: "lines",
    rows: [
      { x: "a", y: 0.25, series: "1" },
      { x: "b", y: 0.5, series: "1" },
    ],
  },
  {
    kind: "points",
    legend: "kind",
    rows: [
      { x: "a", y: 0.25, series: "1", group: "round" },
      { x: "b", y: 0.5, series: "1", group: "square", origin: "0123456789ab" },
    ],
  },
  {
    kind: "intervals",
    beside: 10,
    rows: [
      { x: "a", mean: 0.25, low: 0.125, high: 0.375, label: "0.25" },
      { x: "b", mean: 0.5, low: null, high: null, tone: "contrast" },
    ],
  },
];
const chart: Chart = {
  title: "A title",
  subtitle: ["one line", "another"],
  panels: [
    {
      title: "A panel",
      width: 200,
      height: 150,
      x: { kind: "category", title: null, values: ["a", "b"] },
      y: { kind: "number", title: "value", domain: [-0.5, 1], format: ".1f", ticks: [-0.5, 0, 0.5, 1] },
      layers,
    },
  ],
};
const dataOf = (spec: unknown): string => JSON.stringify(spec);

describe("chartSpec", () => {
  it("embeds every row and computes nothing from them", () => {
    const text = dataOf(chartSpec(chart));
    expect(text).toContain('{"x":"b","y":0.5,"series":"1","group":"square","origin":"0123456789ab"}');
    expect(text).toContain('"low":0.125,"high":0.375');
    for (const computed of ["aggregate", "transform", "errorbar", "errorband", "bin", "url", "calculate"]) {
      expect(text).not.toContain(`"${computed}"`);
    }
    expect(text).toContain("vega-lite/v5.json");
  });

  it("draws no interval where there is none", async () => {
    const only = (row: { low: number | null; high: number | null }): Chart => ({
      ...chart,
      panels: [
        { ...chart.panels[0]!, layers: [{ kind: "intervals", rows: [{ x: "a", mean: 0.5, ...row }] }] },
      ],
    });
    const rules = async (one: Chart): Promise<number> =>
      ((await renderSvg(chartSpec(one))).match(/aria-roledescription="rule mark"/g) ?? []).length;
    expect(await rules(only({ low: null, high: null }))).toBe(0);
    expect(await rules(only({ low: 0.25, high: 0.75 }))).toBe(1);
  });

  it("changes with one value", () => {
    const moved = JSON.parse(JSON.stringify(chart).replace('"y":0.25', '"y":0.26')) as Chart;
    expect(dataOf(chartSpec(moved))).not.toBe(dataOf(chartSpec(chart)));
  });
});

describe("render", () => {
  it("gives the same bytes twice, whatever was drawn in between", async () => {
    const svg = await renderSvg(chartSpec(chart));
    const png = await renderPng(svg);
    const other = { ...chart, title: "Another" };
    await renderPng(await renderSvg(chartSpec(other)));
    const again = await renderSvg(chartSpec(chart));
    expect(again).toBe(svg);
    expect(sha256(await renderPng(again))).toBe(sha256(png));
    expect([...png.slice(1, 4)]).toEqual([0x50, 0x4e, 0x47]);
  });

  it("draws every layer, axis label line and legend entry", async () => {
    const svg = await renderSvg(chartSpec(chart));
    for (const text of [
      "A title",
      "another",
      "A panel",
      "too small",
      "to matter",
      "reference",
      "round",
      "0.25",
      "−0.5",
    ]) {
      expect(svg).toContain(text);
    }
    expect(svg).not.toMatch(/="[^"]*\d\.\d{4,}/);
  });

  it("paints letters with the project's font, so the image is not empty of text", async () => {
    const withText = await renderPng(await renderSvg(chartSpec(chart)));
    const blank = await renderPng(
      (await renderSvg(chartSpec(chart))).replace(/<text[^>]*>[^<]*<\/text>/g, ""),
    );
    expect(withText.length).toBeGreaterThan(blank.length * 1.2);
  });

  it("has numeric axes, logarithmic ones too", async () => {
    const curve: Chart = {
      title: "Loss",
      subtitle: [],
      panels: [
        {
          title: "",
          width: 100,
          height: 80,
          x: { kind: "number", title: "step", domain: [1, 100], scale: "log" },
          y: { kind: "number", title: "loss", domain: [0, 4] },
          layers: [
            {
              kind: "lines",
              weight: "full",
              rows: [
                { x: 1, y: 4, series: "loss" },
                { x: 10, y: 2, series: "loss" },
                { x: 100, y: 1, series: "loss" },
              ],
            },
          ],
        },
      ],
    };
    expect(await renderSvg(chartSpec(curve))).toContain('d="M0,0L50,40L100,60"');
  });

  it.each([
    [{}, /not a valid Vega-Lite v5 specification/],
    [{ mark: "blob", data: { values: [] }, encoding: {} }, /not a valid Vega-Lite/],
    [{ mark: "point", data: { url: "file:///etc/passwd" }, encoding: { x: { field: "a", type: "nominal" } } }, /Data outside the figure/], // prettier-ignore
    [{ mark: "point", data: { values: [{ a: 1 }] }, encoding: { x: { field: "a", type: "quantitative", axis: { labelExpr: "a b" } } } }, /not a valid/], // prettier-ignore
  ])("refuses %j with Vega's words", async (spec, message) => {
    await expect(renderSvg(spec as never)).rejects.toThrow(message);
    await expect(renderSvg(spec as never)).rejects.toMatchObject({ code: "request" });
  });
});
