import { createRequire } from "node:module";

import { initWasm, Resvg } from "@resvg/resvg-wasm";

import { readBytes } from "../core/files.js";
import { LawbookError } from "../core/errors.js";
import type { VegaLiteSpec } from "./chart.js";
import { FIGURE_FONT } from "./style.js";

// Both are CommonJS, and a figure is drawn long after most commands have ended: loaded when first used.
const load = createRequire(import.meta.url);
/** Vega with what it exports beyond its own types. */
type Vega = typeof import("vega") & {
  readonly resetSVGDefIds: () => void;
  readonly textMetrics: {
    width: (item: { fontSize?: number; fontWeight?: unknown; text?: string }, text?: string) => number;
  };
};
type VegaLite = typeof import("vega-lite");

/** Pixels of the PNG for one pixel of the SVG. */
const PNG_SCALE = 2;

/**
 * Draws a Vega-Lite v5 specification as SVG text: the same bytes on every run and machine. Data must be inside the
 * specification. Throws `request` with Vega's words where it does not compile, draw, or stay silent.
 */
export async function renderSvg(spec: VegaLiteSpec): Promise<string> {
  const vega = loadVega();
  const vegaLite = load("vega-lite") as VegaLite;
  const complaints: string[] = [];
  const logger = listener(complaints);
  let svg: string;
  try {
    const compiled = vegaLite.compile(
      structuredClone(spec) as unknown as Parameters<VegaLite["compile"]>[0],
      {
        logger: logger as never,
      },
    );
    refuse(complaints);
    vega.resetSVGDefIds();
    const loader = vega.loader();
    loader.load = (uri: string) => Promise.reject(new Error(`Data outside the figure: ${uri}`));
    const view = new vega.View(vega.parse(compiled.spec), {
      renderer: "none",
      loader,
      logger: logger as never,
    });
    svg = await view.toSVG();
    view.finalize();
  } catch (cause) {
    if (cause instanceof LawbookError) throw cause;
    throw invalidFigure((cause as Error).message, cause);
  }
  refuse(complaints);
  return roundNumbers(svg);
}

/** Draws SVG text as PNG with the project's own fonts: the same bytes on every run and machine. */
export async function renderPng(svg: string): Promise<Uint8Array> {
  await loadResvg();
  const fonts = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf"];
  const image = new Resvg(svg, {
    font: {
      fontBuffers: fonts.map((name) => readBytes(load.resolve(`dejavu-fonts-ttf/ttf/${name}`))),
      loadSystemFonts: false,
      defaultFontFamily: FIGURE_FONT,
    },
    fitTo: { mode: "zoom", value: PNG_SCALE },
  });
  const rendered = image.render();
  const png = rendered.asPng();
  rendered.free();
  image.free();
  return png;
}

let vegaModule: Vega | undefined;

function loadVega(): Vega {
  if (vegaModule === undefined) {
    vegaModule = load("vega") as Vega;
    vegaModule.textMetrics.width = (item, text) =>
      textWidth(`${text ?? item.text ?? ""}`, item.fontSize ?? 11, item.fontWeight === "bold");
  }
  return vegaModule;
}

let resvg: Promise<void> | undefined;

function loadResvg(): Promise<void> {
  resvg ??= initWasm(readBytes(load.resolve("@resvg/resvg-wasm/index_bg.wasm")));
  return resvg;
}

/**
 * Width of a text in pixels by classes of DejaVu Sans' letters. Layout must not depend on whether a canvas package is
 * installed, and Vega's own guess of 0.8 em a letter leaves wide empty margins.
 */
function textWidth(text: string, fontSize: number, bold: boolean): number {
  let em = 0;
  for (const letter of text) em += WIDTHS.find(([letters]) => letters.test(letter))?.[1] ?? 0.62;
  return Math.ceil(em * fontSize * (bold ? 1.12 : 1));
}

/** Advance in em of letters that are not about 0.62 wide. */
const WIDTHS: readonly (readonly [RegExp, number])[] = [
  [/[ijl.,:;'|! ]/, 0.32],
  [/[frt()[\]\-/]/, 0.4],
  [/[mwMW%@]/, 0.95],
  [/[+\u2212=<>~]/, 0.84],
  [/[A-Z]/, 0.7],
];

/** A Vega logger that remembers every warning and error. */
function listener(complaints: string[]): object {
  const remember = (...parts: readonly unknown[]): object => {
    complaints.push(parts.map(String).join(" "));
    return logger;
  };
  const silent = (): object => logger;
  const logger = { level: () => logger, error: remember, warn: remember, info: silent, debug: silent };
  return logger;
}

function refuse(complaints: readonly string[]): void {
  if (complaints.length > 0) throw invalidFigure(complaints.join("; "));
}

function invalidFigure(message: string, cause?: unknown): LawbookError {
  return new LawbookError("request", `The figure is not a valid Vega-Lite v5 specification: ${message}`, {
    hint: "See https://vega.github.io/vega-lite/docs/ for the fields of version 5.",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Rounds numbers inside tags to 3 decimals: the last digits of Math.tan and its kin differ between V8 versions. */
function roundNumbers(svg: string): string {
  return svg.replace(/<[^>]*>/g, (tag) =>
    tag.replace(/-?\d+\.\d{4,}(?:e-?\d+)?/g, (number) => String(Number(Number(number).toFixed(3)))),
  );
}
