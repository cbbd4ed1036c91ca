import type { Json } from "../core/canonical.js";
import type { Layer } from "./chart.js";
import { curveSpecs } from "./curves.js";
import { data, type Encoding, SHAPES, tooltip } from "./encoding.js";
import { type Tone, TONES } from "./style.js";

/** Vega-Lite layers of one layer; `y` gives the channel of a field. Colours come by name from the configuration. */
export function layerSpecs(layer: Layer, x: Encoding, y: (field?: string) => Encoding): Json[] {
  switch (layer.kind) {
    case "lines":
      return [
        {
          data: data(layer.rows),
          mark: { type: "line", style: layer.weight === "full" ? "curve" : "pair" },
          encoding: { x, y: y(), detail: { field: "series", type: "nominal" } },
        },
      ];
    case "points":
      return [pointSpec(layer, x, y())];
    case "intervals":
      return intervalSpecs(layer, x, y);
    case "curves":
      return curveSpecs(layer.rows, x, y);
    case "cells":
      return cellSpecs(layer, x, y());
    case "spans":
      return spanSpecs(layer, x, y());
    case "remarks":
      return layer.rows.flatMap((row) => remarkSpecs(row, y()));
    case "rules":
      return [
        { data: data(layer.rows), mark: { type: "rule", style: "reference" }, encoding: { y: y() } },
        ...layer.rows.map((row) => edgeLabel(row.label, row.labelAt ?? row.y, y())),
      ];
    case "band":
      return bandSpecs(layer, x, y);
    case "zero": {
      const rule = { type: "rule", style: "zero" };
      return layer.on === "x"
        ? [{ data: data([{ x: 0 }]), mark: rule, encoding: { x } }]
        : [{ data: data([{ y: 0 }]), mark: rule, encoding: { y: y() } }];
    }
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
    mark: { type: "point", filled: true, size: 42, style: "seed" },
    encoding: {
      x,
      y,
      ...shape,
      tooltip: tooltip(layer.rows, ["x", "y", "series", "group", "origin"]),
    },
  };
}

const TONE = {
  field: "tone",
  type: "nominal",
  scale: { domain: Object.keys(TONES), range: "tones" },
  legend: null,
} as const;

function toned<Row extends { readonly tone?: Tone }>(
  rows: readonly Row[],
): (Row & { readonly tone: Tone })[] {
  return rows.map((row) => ({ ...row, tone: row.tone ?? "accent" }));
}

function intervalSpecs(
  layer: Extract<Layer, { kind: "intervals" }>,
  x: Encoding,
  y: (field?: string) => Encoding,
): Json[] {
  const beside = layer.beside ?? 0;
  const rows = toned(layer.rows);
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
      encoding: { x, y: y("low"), y2: { field: "high" }, color: TONE },
    },
    {
      data: data(rows),
      mark: { type: "point", shape: "diamond", filled: true, size: 120, opacity: 1, xOffset: beside },
      encoding: { x, y: y("mean"), color: TONE },
    },
    { ...label, mark: { ...text, style: "halo" } },
    { ...label, mark: text, encoding: { ...label.encoding, color: TONE } },
  ];
}

function spanSpecs(layer: Extract<Layer, { kind: "spans" }>, x: Encoding, y: Encoding): Json[] {
  const rows = toned(layer.rows);
  const known = rows.filter((row) => row.low !== null && row.high !== null);
  const { hollow = false, below = 0 } = layer;
  const along = (field: string): Encoding => ({ ...x, field });
  return [
    {
      data: data(known),
      mark: { type: "rule", strokeWidth: hollow ? 1.4 : 2.4, yOffset: below },
      encoding: { x: along("low"), x2: { field: "high" }, y, color: TONE },
    },
    {
      data: data(rows),
      mark: {
        type: "point",
        shape: "diamond",
        size: hollow ? 90 : 130,
        opacity: 1,
        yOffset: below,
        filled: !hollow,
        ...(hollow ? { strokeWidth: 1.6 } : {}),
      },
      encoding: { x: along("mean"), y, color: TONE },
    },
  ];
}

function cellSpecs(layer: Extract<Layer, { kind: "cells" }>, x: Encoding, y: Encoding): Json[] {
  const [least, most] = layer.domain;
  const domain = layer.colors === "diverging" ? [least, (least + most) / 2, most] : [least, most];
  return [
    {
      data: data(layer.rows.filter(({ value }) => value !== null)),
      mark: { type: "rect", style: "frame" },
      encoding: {
        x,
        y,
        fill: {
          field: "value",
          type: "quantitative",
          scale: { domain, range: layer.colors, clamp: true, interpolate: "rgb" },
          legend: null,
        },
      },
    },
    {
      data: data(layer.rows),
      mark: { type: "text", style: "cell" },
      encoding: { x, y, text: { field: "label" } },
    },
  ];
}

function bandSpecs(
  { from, to, label, on = "y" }: Extract<Layer, { kind: "band" }>,
  x: Encoding,
  y: (field?: string) => Encoding,
): Json[] {
  const mark = { type: "rect", style: "band" };
  if (on === "x") {
    return [{ data: data([{ x: from, to }]), mark, encoding: { x, x2: { field: "to" } } }];
  }
  return [
    { data: data([{ y: from, to }]), mark, encoding: { y: y(), y2: { field: "to" } } },
    ...(label === undefined ? [] : [edgeLabel(label, (from + to) / 2, y())]),
  ];
}

const LINE_HEIGHT = 12;
/** Pixels between the edge and text beside it; where the number of the last mean may reach over the edge, more. */
const EDGE = 6;
const BEYOND_MEANS = 32;

/** Text at the right edge of a panel, centred on `at`; one line for each line break. */
function edgeLabel(label: string, at: number, y: Encoding): Json {
  const lines = label.split("\n");
  return edgeText(lines, at, y, "edge", (-(lines.length - 1) * LINE_HEIGHT) / 2, BEYOND_MEANS);
}

function remarkSpecs(row: Extract<Layer, { kind: "remarks" }>["rows"][number], y: Encoding): Json[] {
  const top = (-row.quiet.length * LINE_HEIGHT) / 2;
  return [
    edgeText([row.strong], row.y, y, "strong", top),
    edgeText(row.quiet, row.y, y, "edge", top + LINE_HEIGHT + 1),
  ];
}

function edgeText(
  lines: readonly string[],
  at: number | string,
  y: Encoding,
  style: string,
  dy: number,
  dx = EDGE,
): Json {
  return {
    data: data([{ y: at, label: lines }]),
    mark: { type: "text", align: "left", baseline: "middle", dx, dy, style, lineHeight: LINE_HEIGHT },
    encoding: { x: { value: "width" }, y, text: { field: "label" } },
  };
}
