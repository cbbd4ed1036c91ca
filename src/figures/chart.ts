import type { Json } from "../core/canonical.js";
import { CONFIG, INK, type Tone, TONES } from "./style.js";

/** A Vega-Lite v5 specification with its data inside. */
export type VegaLiteSpec = { readonly [key: string]: Json };

/** One axis. Category labels may hold line breaks; numeric domains are fixed, so figures of one kind compare. */
export type Axis =
  | { readonly kind: "category"; readonly title: string | null; readonly values: readonly string[] }
  | {
      readonly kind: "number";
      readonly title: string | null;
      readonly domain: readonly [number, number];
      readonly scale?: "linear" | "log";
      /** d3 number format, for example ".1f". */
      readonly format?: string;
      readonly ticks?: readonly number[];
    };

/** A place on the x axis: a category or a number. */
type X = string | number;

/** One observation. Rows of one series can be joined by a line. */
export interface PointRow {
  readonly x: X;
  readonly y: number;
  readonly series: string;
  /** Told apart by the shape of the mark, with a legend where there are several. */
  readonly group?: string;
  /** Where the value comes from, shown under the pointer, for example a run id. */
  readonly origin?: string;
}

/** A mean with its precomputed interval; both ends null where there is none. */
export interface IntervalRow {
  readonly x: X;
  readonly mean: number;
  readonly low: number | null;
  readonly high: number | null;
  /** Text beside the mean. */
  readonly label?: string;
  readonly tone?: Tone;
}

/** A dashed horizontal line with its label at the right edge. */
export interface RuleRow {
  readonly y: number;
  readonly label: string;
}

/** One layer of a panel, drawn in order. Nothing is computed from the rows: no fit, bin, mean or density. */
export type Layer =
  | { readonly kind: "lines"; readonly rows: readonly PointRow[]; readonly weight?: "thin" | "full" }
  | { readonly kind: "points"; readonly rows: readonly PointRow[]; readonly legend?: string }
  | { readonly kind: "intervals"; readonly rows: readonly IntervalRow[]; readonly beside?: number }
  | { readonly kind: "rules"; readonly rows: readonly RuleRow[] }
  | { readonly kind: "band"; readonly from: number; readonly to: number; readonly label: string }
  | { readonly kind: "zero" };

/** One coordinate system. Width and height in pixels, without axes. */
export interface Panel {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly x: Axis;
  readonly y: Axis;
  readonly layers: readonly Layer[];
}

/** A figure: panels side by side under one title. */
export interface Chart {
  readonly title: string;
  readonly subtitle: readonly string[];
  readonly panels: readonly Panel[];
}

/** Shapes for groups, told apart without colour. */
const SHAPES = ["circle", "square", "triangle-up", "cross", "diamond"];

/** The Vega-Lite specification of a figure: equal charts give equal bytes. */
export function chartSpec(chart: Chart): VegaLiteSpec {
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    title: { text: chart.title, subtitle: [...chart.subtitle] },
    spacing: 40,
    resolve: { scale: { shape: "independent", color: "independent" } },
    hconcat: chart.panels.map(panelSpec),
    config: CONFIG,
  };
}

function panelSpec(panel: Panel): Json {
  return {
    title: {
      text: panel.title,
      anchor: "start",
      frame: "group",
      fontSize: 11.5,
      fontWeight: "bold",
      offset: 10,
    },
    width: panel.width,
    height: panel.height,
    layer: panel.layers.flatMap((layer) => layerSpecs(layer, panel)),
  };
}

type Encoding = Record<string, Json>;

function layerSpecs(layer: Layer, panel: Panel): Json[] {
  const x = position(panel.x, "x");
  const y = (field = "y"): Encoding => ({ ...position(panel.y, field) });
  switch (layer.kind) {
    case "lines":
      return [
        {
          data: data(layer.rows),
          mark:
            layer.weight === "full"
              ? { type: "line", strokeWidth: 2, color: TONES.accent }
              : { type: "line", strokeWidth: 1, opacity: 0.4, color: INK.soft },
          encoding: { x, y: y(), detail: { field: "series", type: "nominal" } },
        },
      ];
    case "points":
      return [pointSpec(layer, x, y())];
    case "intervals":
      return intervalSpecs(layer, x, y);
    case "rules":
      return [
        {
          data: data(layer.rows),
          mark: { type: "rule", strokeDash: [5, 4], color: INK.soft },
          encoding: { y: y() },
        },
        ...layer.rows.map((row) => edgeLabel(row.label, row.y, y())),
      ];
    case "band": {
      const { from, to, label } = layer;
      return [
        {
          data: data([{ y: from, to }]),
          mark: { type: "rect", color: INK.band },
          encoding: { y: y(), y2: { field: "to" } },
        },
        edgeLabel(label, (from + to) / 2, y()),
      ];
    }
    case "zero":
      return [{ data: data([{ y: 0 }]), mark: { type: "rule", color: INK.soft }, encoding: { y: y() } }];
  }
}

function pointSpec(layer: Extract<Layer, { kind: "points" }>, x: Encoding, y: Encoding): Json {
  const groups = [...new Set(layer.rows.flatMap((row) => (row.group === undefined ? [] : [row.group])))];
  const shape =
    groups.length === 0
      ? {}
      : {
          shape: {
            field: "group",
            type: "nominal",
            scale: { domain: groups, range: SHAPES.slice(0, groups.length) },
            legend: layer.legend === undefined ? null : { title: layer.legend, orient: "bottom" },
          },
        };
  return {
    data: data(layer.rows),
    mark: { type: "point", filled: true, size: 42, opacity: 0.5, color: INK.text },
    encoding: {
      x,
      y,
      ...shape,
      tooltip: ["x", "y", "series", "group", "origin"].map((field) => ({ field })),
    },
  };
}

function intervalSpecs(
  layer: Extract<Layer, { kind: "intervals" }>,
  x: Encoding,
  y: (field?: string) => Encoding,
): Json[] {
  const beside = layer.beside ?? 0;
  const color = {
    field: "tone",
    type: "nominal",
    scale: { domain: Object.keys(TONES), range: Object.values(TONES) },
    legend: null,
  };
  const rows = layer.rows.map((row) => ({ ...row, tone: row.tone ?? "accent" }));
  const known = rows.filter((row) => row.low !== null && row.high !== null);
  const text = { type: "text", align: "left", baseline: "middle", dx: beside + 10, fontSize: 10.5 };
  // Drawn twice: a halo in the colour of the paper keeps the number legible over lines.
  const label = {
    data: data(rows.filter((row) => row.label !== undefined)),
    encoding: { x, y: y("mean"), text: { field: "label" } },
  };
  return [
    {
      data: data(known),
      mark: { type: "rule", strokeWidth: 2.4, xOffset: beside },
      encoding: { x, y: y("low"), y2: { field: "high" }, color },
    },
    {
      data: data(rows),
      mark: { type: "point", shape: "diamond", filled: true, size: 120, opacity: 1, xOffset: beside },
      encoding: { x, y: y("mean"), color },
    },
    { ...label, mark: { ...text, stroke: INK.paper, strokeWidth: 4 } },
    { ...label, mark: text, encoding: { ...label.encoding, color } },
  ];
}

/** Text at the right edge of a panel, centred on `at`; one line for each line break. */
function edgeLabel(label: string, at: number, y: Encoding): Json {
  const lines = label.split("\n");
  const lineHeight = 12;
  return {
    data: data([{ y: at, label: lines }]),
    mark: {
      type: "text",
      align: "left",
      baseline: "middle",
      dx: 6,
      dy: (-(lines.length - 1) * lineHeight) / 2,
      color: INK.quiet,
      fontSize: 10,
      lineHeight,
    },
    encoding: { x: { value: "width" }, y, text: { field: "label" } },
  };
}

function data(rows: readonly object[]): Json {
  return { values: rows as readonly Json[] };
}

function position(axis: Axis, field: string): Encoding {
  if (axis.kind === "category") {
    return {
      field,
      type: "nominal",
      title: axis.title,
      sort: [...axis.values],
      scale: { domain: [...axis.values] },
      axis: { labelAngle: 0, labelExpr: "split(datum.label, '\\n')", labelLimit: 0, ticks: false },
    };
  }
  const { format, ticks } = axis;
  return {
    field,
    type: "quantitative",
    title: axis.title,
    scale: { domain: [...axis.domain], nice: false, type: axis.scale ?? "linear" },
    axis: {
      ...(format === undefined ? {} : { format }),
      ...(ticks === undefined ? {} : { values: [...ticks] }),
    },
  };
}
