import type { Json } from "../core/canonical.js";

/** The one font of every figure; it travels with the project, so a drawing has the same bytes everywhere. */
export const FIGURE_FONT = "DejaVu Sans";

/** Greys, from text to shading. */
export const INK = {
  text: "#1f2933",
  quiet: "#52606d",
  soft: "#7b8794",
  grid: "#e4e7eb",
  band: "#e9edf2",
  paper: "#ffffff",
} as const;

/** Colours with a meaning, told apart by colour-blind readers too. Source: Okabe & Ito 2008. */
export const TONES = {
  /** What the claim is about. */
  accent: "#0072b2",
  /** A control or a contrast that is not the claim. */
  contrast: "#d55e00",
  /** Everything else. */
  quiet: "#52606d",
} as const;

/** A colour with a meaning. */
export type Tone = keyof typeof TONES;

/** Vega-Lite configuration of every figure. */
export const CONFIG: { readonly [key: string]: Json } = {
  font: FIGURE_FONT,
  background: INK.paper,
  padding: 12,
  view: { stroke: null },
  title: {
    anchor: "start",
    frame: "group",
    color: INK.text,
    fontSize: 15,
    fontWeight: "bold",
    subtitleColor: INK.quiet,
    subtitleFontSize: 11,
    subtitleLineHeight: 15,
    subtitlePadding: 6,
    offset: 18,
  },
  axis: {
    domainColor: INK.soft,
    tickColor: INK.soft,
    gridColor: INK.grid,
    labelColor: INK.text,
    titleColor: INK.text,
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: "normal",
    titlePadding: 8,
    labelPadding: 5,
  },
  axisX: { grid: false },
  axisY: { grid: true },
  legend: {
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: "normal",
    labelColor: INK.text,
    titleColor: INK.text,
    titleOrient: "left",
    titleAnchor: "middle",
    symbolFillColor: INK.text,
    symbolStrokeWidth: 0,
    symbolOpacity: 0.6,
    direction: "horizontal",
    offset: 12,
  },
};
