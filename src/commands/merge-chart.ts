import type { Json } from "../core/canonical.js";
import type { VegaLiteSpec } from "../figures/chart.js";
import { CONFIG } from "../figures/style.js";
import { heatCells, type MergePreview } from "../merge/preview.js";

/** Pixels of a cell. */
const CELL = { width: 62, height: 22 };

/** Heat maps over layers and their parts: the angle of the vectors, and where their signs are in conflict. */
export function mergeChart(preview: MergePreview, title: string): VegaLiteSpec {
  const panels = [
    {
      measure: "angle",
      title: `angle of ${preview.vectors}, degrees`,
      digits: 1,
      domain: [0, 90],
      range: ["#ffffff", "#0072b2"],
    },
    {
      measure: "signConflict",
      title: "share of signs in conflict",
      digits: 2,
      domain: [0, 0.5],
      range: ["#ffffff", "#d55e00"],
    },
  ] as const;
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    title: { text: title },
    spacing: 40,
    resolve: { scale: { color: "independent" } },
    hconcat: panels.map(({ measure, title: words, digits, domain, range }): Json => {
      const cells = heatCells(preview, measure).map((cell) => ({
        ...cell,
        label: cell.value.toFixed(digits),
      }));
      const parts = [...new Set(cells.map(({ part }) => part))];
      const layers = [...new Set(cells.map(({ layer }) => layer))];
      const place = {
        x: { field: "part", type: "nominal", title: null, sort: parts, axis: { labelAngle: -40 } },
        y: { field: "layer", type: "ordinal", title: "layer", sort: "ascending", axis: { grid: false } },
      } as const;
      return {
        title: { text: words, anchor: "start", fontSize: 11.5, fontWeight: "bold" },
        width: Math.max(1, parts.length) * CELL.width,
        height: Math.max(1, layers.length) * CELL.height,
        data: { values: cells as unknown as Json },
        layer: [
          {
            mark: { type: "rect" },
            encoding: {
              ...place,
              color: {
                field: "value",
                type: "quantitative",
                title: null,
                scale: { domain: [...domain], range: [...range], interpolate: "rgb", clamp: true },
                legend: null,
              },
              tooltip: ["layer", "part", "value"].map((field) => ({ field })),
            },
          },
          {
            mark: { type: "text", fontSize: 9.5 },
            encoding: {
              ...place,
              text: { field: "label" },
              color: {
                condition: { test: `datum.value > ${0.7 * domain[1]}`, value: "#ffffff" },
                value: "#1b2530",
              },
            },
          },
        ],
      };
    }),
    config: CONFIG,
  };
}
