import type { Json } from "../core/canonical.js";
import type { Curve } from "./chart.js";
import { data, type Encoding, SHAPES, tooltip } from "./encoding.js";
import { CURVE_SEED_OPACITY } from "./style.js";

/** Pixels between the marks of neighbouring designs at one place. */
const APART = 6;
/** Designs from here on have a colour that was used before, and a dashed line. */
const COLORS = 5;

/** Vega-Lite layers of curves: seeds as small points, a line through the means, their intervals and marks. */
export function curveSpecs(curves: readonly Curve[], x: Encoding, y: (field?: string) => Encoding): Json[] {
  const designs = curves.map(({ design }) => design);
  const labels = JSON.stringify(Object.fromEntries(curves.map(({ design, label }) => [design, label])));
  const legend = {
    title: null,
    orient: "bottom",
    direction: "vertical",
    columns: 1,
    labelExpr: `${labels}[datum.label]`,
    labelLimit: 0,
    symbolOpacity: 1,
    symbolFillColor: null,
    symbolSize: 70,
  };
  const channel = (range: Json): Json => ({
    field: "design",
    type: "nominal",
    scale: { domain: designs, range },
    legend,
  });
  const color = channel("category");
  const shape = channel(designs.map((_, index) => SHAPES[index % SHAPES.length]!));
  return curves.flatMap((curve, index): Json[] => {
    const xOffset = (index - (curves.length - 1) / 2) * APART;
    const named = <Row extends object>(rows: readonly Row[]): (Row & { design: string })[] =>
      rows.map((row) => ({ ...row, design: curve.design }));
    const means = named(curve.means);
    return [
      {
        data: data(named(curve.seeds)),
        mark: { type: "point", filled: true, size: 14, opacity: CURVE_SEED_OPACITY, xOffset },
        encoding: {
          x,
          y: y(),
          color,
          tooltip: tooltip(named(curve.seeds), ["design", "x", "y", "series", "origin"]),
        },
      },
      {
        data: data(means),
        mark: { type: "line", strokeWidth: 1.6, xOffset, ...(index < COLORS ? {} : { strokeDash: [5, 3] }) },
        encoding: { x, y: y("mean"), color },
      },
      {
        data: data(means.filter(({ low, high }) => low !== null && high !== null)),
        mark: { type: "rule", strokeWidth: 1.8, xOffset },
        encoding: { x, y: y("low"), y2: { field: "high" }, color },
      },
      {
        data: data(means),
        mark: { type: "point", filled: true, size: 64, opacity: 1, xOffset },
        encoding: { x, y: y("mean"), color, shape },
      },
    ];
  });
}
