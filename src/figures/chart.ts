import type { Json } from "../core/canonical.js";
import { position } from "./encoding.js";
import { layerSpecs } from "./layers.js";
import { DARK, figureConfig, LIGHT, type Tone } from "./style.js";

export type { Tone };

/** A Vega-Lite v5 specification with its data inside. */
export type VegaLiteSpec = { readonly [key: string]: Json };

/** One axis. Category labels may hold line breaks; numeric domains are fixed, so figures of one kind compare. */
export type Axis =
  | {
      readonly kind: "category";
      readonly title: string | null;
      readonly values: readonly string[];
      /** false: no lines at all, for cells. */
      readonly grid?: false;
    }
  | {
      readonly kind: "number";
      readonly title: string | null;
      readonly domain: readonly [number, number];
      readonly scale?: "linear" | "log" | "log2";
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
  /** Where the label stands, if not at the line: labels of near lines would overlap. */
  readonly labelAt?: number;
}

/** One line of a grid, told apart by colour, shape and, from the sixth on, dashes. */
export interface Curve {
  readonly design: string;
  /** Words of the legend. */
  readonly label: string;
  readonly means: readonly (Omit<IntervalRow, "x" | "label" | "tone"> & { readonly x: number })[];
  readonly seeds: readonly (Omit<PointRow, "x" | "group"> & { readonly x: number })[];
}

/** One field of a matrix, with the text that is written in it. */
export interface CellRow {
  readonly x: string;
  readonly y: string;
  /** Colours the cell; null leaves it empty. */
  readonly value: number | null;
  readonly label: string;
}

/** A mean with its interval along the x axis, at a category of the y axis. */
export interface SpanRow {
  readonly y: string;
  readonly mean: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly tone?: Tone;
}

/** Text at the right edge of a category of the y axis: a strong line and quiet ones. */
export interface RemarkRow {
  readonly y: string;
  readonly strong: string;
  readonly quiet: readonly string[];
}

/** One layer of a panel, drawn in order. Nothing is computed from the rows: no fit, bin, mean or density. */
export type Layer =
  | { readonly kind: "lines"; readonly rows: readonly PointRow[]; readonly weight?: "thin" | "full" }
  | { readonly kind: "points"; readonly rows: readonly PointRow[]; readonly legend?: string }
  | { readonly kind: "intervals"; readonly rows: readonly IntervalRow[]; readonly beside?: number }
  | { readonly kind: "rules"; readonly rows: readonly RuleRow[] }
  | { readonly kind: "curves"; readonly rows: readonly Curve[] }
  | {
      readonly kind: "cells";
      readonly rows: readonly CellRow[];
      /** Ends of the colours; the domain of `diverging` is symmetric about 0. */
      readonly domain: readonly [number, number];
      readonly colors: "ramp" | "diverging";
    }
  | {
      readonly kind: "spans";
      readonly rows: readonly SpanRow[];
      /** An outlined diamond in place of a filled one. */
      readonly hollow?: boolean;
      /** Pixels below the middle of the category. */
      readonly below?: number;
    }
  | { readonly kind: "remarks"; readonly rows: readonly RemarkRow[] }
  | {
      readonly kind: "band";
      readonly from: number;
      readonly to: number;
      readonly label?: string;
      /** The axis on which it has its ends; y where absent. */
      readonly on?: "x" | "y";
    }
  | { readonly kind: "zero"; readonly on?: "x" | "y" };

/** One coordinate system. Width and height in pixels, without axes. */
export interface Panel {
  readonly title: string;
  readonly width: number;
  readonly height: number;
  readonly x: Axis;
  readonly y: Axis;
  readonly layers: readonly Layer[];
}

/** A figure: panels side by side under one title, or in rows where they do not fit. */
export interface Chart {
  readonly title: string;
  readonly subtitle: readonly string[];
  readonly panels: readonly Panel[];
  /** Panels in a row; all of them where absent. */
  readonly columns?: number;
}

/** Shapes and colours mean something else in every panel and layer. */
const OWN_SCALES = { scale: { shape: "independent", color: "independent", fill: "independent" } } as const;

/** Pixels between panels; half of it where labels of rows stand between them. */
const SPACING = 40;

/** The Vega-Lite specification of a figure on paper: equal charts give equal bytes. */
export function chartSpec(chart: Chart): VegaLiteSpec {
  const { title, subtitle, panels, columns } = chart;
  const wrapped = columns !== undefined && columns < panels.length;
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v5.json",
    title: { text: title, subtitle: [...subtitle] },
    resolve: OWN_SCALES,
    ...(wrapped
      ? { concat: panels.map(panelSpec), columns, spacing: { row: SPACING, column: SPACING / 2 } }
      : { hconcat: panels.map(panelSpec), spacing: SPACING }),
    config: figureConfig(LIGHT),
  };
}

/** The same figure for a dark screen: data, marks and layout stay, the configuration that holds its colours does not. */
export function darkSpec(spec: VegaLiteSpec): VegaLiteSpec {
  return { ...spec, config: figureConfig(DARK) };
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
    resolve: OWN_SCALES,
    layer: panel.layers.map((layer) => ({
      layer: layerSpecs(layer, position(panel.x, "x"), (field = "y") => position(panel.y, field)),
    })),
  };
}
