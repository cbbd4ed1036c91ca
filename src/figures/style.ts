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

/** Colours with a meaning, told apart by colour-blind readers too, and dark enough for text. After Okabe & Ito 2008. */
export const TONES = {
  /** What the claim is about. */
  accent: "#0072b2",
  /** A control or a contrast that is not the claim. */
  contrast: "#c04d00",
  /** Everything else. */
  quiet: "#52606d",
} as const;

/** A colour with a meaning. */
export type Tone = keyof typeof TONES;

/** Names of the greys. */
export type Ink = keyof typeof INK;

/** Every colour of a figure. */
export interface Palette {
  readonly ink: Readonly<Record<Ink, string>>;
  readonly tones: Readonly<Record<Tone, string>>;
  /** Designs in their order; the sixth has the first colour again, with another shape and a dashed line. */
  readonly designs: readonly string[];
  /** Cells from the least to the most; text is legible on every one. */
  readonly ramp: readonly string[];
  /** Cells from the most negative over 0 to the most positive. */
  readonly diverging: readonly string[];
}

/** Dark on white, for paper. */
export const LIGHT: Palette = {
  ink: INK,
  tones: TONES,
  designs: [TONES.accent, TONES.contrast, "#106245", "#904676", INK.text],
  ramp: ["#f1f5f9", "#6cb2dc"],
  diverging: ["#f0a268", "#f4f6f8", "#6cb2dc"],
};

/** Light on a dark screen: colours of their own, not an inversion. */
export const DARK: Palette = {
  ink: {
    text: "#e8ecf0",
    quiet: "#aab4be",
    soft: "#7f8b97",
    grid: "#2a323b",
    band: "#252e38",
    paper: "#14191f",
  },
  tones: { accent: "#4aa8ea", contrast: "#f08333", quiet: "#aab4be" },
  designs: ["#4aa8ea", "#f08333", "#4fe2af", "#c28fa8", "#e8ecf0"],
  ramp: ["#1f2730", "#21608c"],
  diverging: ["#8a4712", "#1f2730", "#21608c"],
};

/** Opacity of a seed's point: those that coincide show as darker. */
export const SEED_OPACITY = 0.65;
/** Opacity of a seed's point beside a curve in the same colour. */
export const CURVE_SEED_OPACITY = 0.75;

/** Vega-Lite configuration of a figure: the one place where its colours stand, so that a specification can change them. */
export function figureConfig({ ink, tones, designs, ramp, diverging }: Palette): Record<string, Json> {
  return {
    ...baseConfig(ink),
    style: {
      seed: { color: ink.text, opacity: SEED_OPACITY },
      pair: { color: ink.soft, strokeWidth: 0.8 },
      curve: { color: tones.accent, strokeWidth: 2 },
      reference: { color: ink.soft, strokeDash: [5, 4] },
      zero: { color: ink.soft },
      band: { color: ink.band },
      edge: { color: ink.quiet, fontSize: 10 },
      strong: { color: ink.text, fontSize: 10.5, fontWeight: "bold" },
      cell: { color: ink.text, fontSize: 11 },
      frame: { stroke: ink.paper, strokeWidth: 2 },
      halo: { color: ink.paper, stroke: ink.paper, strokeWidth: 4 },
    },
    range: {
      tones: Object.values(tones),
      category: [...designs],
      ramp: [...ramp],
      diverging: [...diverging],
    },
  };
}

function baseConfig(ink: Palette["ink"]): Record<string, Json> {
  return {
    font: FIGURE_FONT,
    background: ink.paper,
    padding: 12,
    view: { stroke: null },
    title: {
      anchor: "start",
      frame: "group",
      color: ink.text,
      fontSize: 15,
      fontWeight: "bold",
      subtitleColor: ink.quiet,
      subtitleFontSize: 11,
      subtitleLineHeight: 15,
      subtitlePadding: 6,
      offset: 18,
    },
    axis: {
      domainColor: ink.soft,
      tickColor: ink.soft,
      gridColor: ink.grid,
      labelColor: ink.text,
      titleColor: ink.text,
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
      labelColor: ink.text,
      titleColor: ink.text,
      titleOrient: "left",
      titleAnchor: "middle",
      symbolFillColor: ink.text,
      symbolStrokeWidth: 0,
      symbolOpacity: 0.6,
      direction: "horizontal",
      offset: 12,
    },
  };
}

/** Vega-Lite configuration of charts that set their colours themselves. */
export const CONFIG: { readonly [key: string]: Json } = baseConfig(INK);
