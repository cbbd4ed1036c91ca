import { LawbookError, mismatch } from "../core/errors.js";
import type { Panel } from "../figures/chart.js";
import type { Matrix } from "./evidence.js";
import { signed, wrapped } from "./headline.js";

/** One value of a matrix, for example the share of a discipline's tokens that an expert got. */
export interface MatrixRow {
  readonly x: string;
  readonly y: string;
  /** null where there is no such cell. */
  readonly value: number | null;
}

/** A matrix of the evidence as a panel, its rows and columns in their order. */
export function evidencePanel(
  { rows, columns, values }: Matrix,
  options: Omit<MatrixPanelOptions, "xs" | "ys" | "domain">,
): Panel {
  const cells = rows.flatMap((y, row) =>
    columns.map((x, column) => ({ x, y, value: values[row]![column]! })),
  );
  return matrixPanel(cells, { ...options, xs: columns, ys: rows, domain: [0, 1] });
}

/** What a matrix panel shows, and in which words. */
export interface MatrixPanelOptions {
  readonly title: string;
  /** Columns from left to right and rows from top to bottom. */
  readonly xs: readonly string[];
  readonly ys: readonly string[];
  /** Ends of the colours; symmetric about 0 for differences, which are then shown with a sign. */
  readonly domain: readonly [number, number];
  readonly digits?: number;
  readonly x?: string;
  readonly y?: string;
  /** Pixels of one cell. */
  readonly cell?: { readonly width: number; readonly height: number };
}

/** A matrix with the value written in every cell, so that no colour needs to be read. */
export function matrixPanel(rows: readonly MatrixRow[], options: MatrixPanelOptions): Panel {
  const { title, xs, ys, domain, digits = 2, cell = { width: 72, height: 34 } } = options;
  const column = (x: string): string => wrapped(x, Math.floor(cell.width / 7));
  const places = rows.map(({ x, y }) => `${x}, ${y}`);
  const wrong = rows.filter(
    ({ x, y, value }, index) =>
      !xs.includes(x) ||
      !ys.includes(y) ||
      (value !== null && !Number.isFinite(value)) ||
      places.indexOf(places[index]!) !== index,
  );
  if (wrong.length > 0) {
    throw new LawbookError("internal", mismatch(`Cells of "${title}"`, wrong, "one number a row and column"));
  }
  const difference = domain[0] < 0;
  return {
    title,
    width: cell.width * xs.length,
    height: cell.height * ys.length,
    x: { kind: "category", title: options.x ?? null, values: xs.map(column), grid: false },
    y: { kind: "category", title: options.y ?? null, values: ys, grid: false },
    layers: [
      {
        kind: "cells",
        domain,
        colors: difference ? "diverging" : "ramp",
        rows: rows.map(({ x, y, value }) => ({
          x: column(x),
          y,
          value,
          label: value === null ? "\u2013" : difference ? signed(value, digits) : value.toFixed(digits),
        })),
      },
    ],
  };
}
