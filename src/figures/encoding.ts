import type { Json } from "../core/canonical.js";
import type { Axis } from "./chart.js";

/** Channels of a mark by name. */
export type Encoding = Record<string, Json>;

/** Shapes for groups and designs, told apart without colour. */
export const SHAPES: readonly string[] = [
  "circle",
  "square",
  "triangle-up",
  "cross",
  "diamond",
  "triangle-down",
  "triangle-right",
  "triangle-left",
];

/** The channel of a field along an axis. */
export function position(axis: Axis, field: string): Encoding {
  if (axis.kind === "category") {
    return {
      field,
      type: "nominal",
      title: axis.title,
      sort: [...axis.values],
      scale: { domain: [...axis.values] },
      axis: {
        labelAngle: 0,
        labelExpr: "split(datum.label, '\\n')",
        labelLimit: 0,
        ticks: false,
        ...(axis.grid === false ? { grid: false, domain: false } : {}),
      },
    };
  }
  const { format, ticks, scale = "linear" } = axis;
  return {
    field,
    type: "quantitative",
    title: axis.title,
    scale: {
      domain: [...axis.domain],
      nice: false,
      ...(scale === "log2" ? { type: "log", base: 2 } : { type: scale }),
    },
    axis: {
      labelFlush: false,
      ...(format === undefined ? {} : { format }),
      ...(ticks === undefined ? {} : { values: [...ticks] }),
    },
  };
}

/** Rows inside a specification. */
export function data(rows: readonly object[]): Json {
  return { values: rows as readonly Json[] };
}

/** The fields shown under the pointer, as far as rows have them. */
export function tooltip(rows: readonly object[], fields: readonly string[]): Json {
  return fields.filter((field) => rows.some((row) => field in row)).map((field) => ({ field }));
}
