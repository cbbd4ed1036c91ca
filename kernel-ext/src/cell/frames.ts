import { SourceMap, type SourceMapPayload } from "node:module";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";

import type { SourceMapData } from "./source-text.js";

/** A place in a cell, both counted from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One change of a cell's text on its way to the code that ran. */
export interface MapStep {
  readonly map: SourceMapData;
  /** Lines that stand before the cell in the text that the map leads to. */
  readonly linesBefore: number;
}

/** How the code that ran came from a cell: the steps from the last to the first. */
export interface CellMaps {
  readonly steps: readonly MapStep[];
  /** Characters before the converted code on its first line. */
  readonly prefix: number;
}

/** Name of the script of a cell in stack traces; `label` is its count, or any other word of one that is not counted. */
export function scriptName(label: string): string {
  return `lawbook-cell-${label}`;
}

/** How a cell is called in front of a person: by its count, blank for one that is not counted. */
export function cellName(label: string): string {
  return /^\d+$/.test(label) ? `In[${label}]` : "In[ ]";
}

/** Maps a position of the code that ran back to its cell; undefined where a map has nothing there. */
export function originalPlace(cell: CellMaps, place: Place): Place | undefined {
  let { line, column } = place;
  if (line === 1) column = Math.max(1, column - cell.prefix);
  for (const { map, linesBefore } of cell.steps) {
    const entry = parsed(map).findEntry(line - 1, column - 1);
    if (!("originalLine" in entry) || entry.generatedLine !== line - 1) return undefined;
    line = entry.originalLine + 1 - linesBefore;
    column = entry.originalColumn + 1;
  }
  return line < 1 ? undefined : { line, column };
}

const cache = new WeakMap<SourceMapData, SourceMap>();

function parsed(data: SourceMapData): SourceMap {
  let map = cache.get(data);
  if (map === undefined) {
    map = new SourceMap({
      ...data,
      file: "",
      sourceRoot: "",
      sourcesContent: [],
    } as unknown as SourceMapPayload);
    cache.set(data, map);
  }
  return map;
}

/**
 * The frames of a stack as the person wrote the code: those of cells as `In[n]:line:column`, frames of packages by
 * their path inside `node_modules`, other files relative to the working directory; no frame of Node, tslab or Lawbook.
 */
export function describeFrames(
  stack: string,
  cells: ReadonlyMap<string, CellMaps>,
  cwd: string,
  own: readonly string[],
): string[] {
  const lines = stack.split("\n");
  const first = lines.findIndex((line) => /^\s+at /.test(line));
  return first < 0 ? [] : lines.slice(first).flatMap((line) => frame(line, cells, cwd, own));
}

function frame(
  text: string,
  cells: ReadonlyMap<string, CellMaps>,
  cwd: string,
  own: readonly string[],
): string[] {
  const match = /^\s+at (?:(.*?) \()?(.*?):(\d+):(\d+)\)?$/.exec(text);
  if (match === null) return [];
  const [, rawName, where = "", line, column] = match;
  const name = rawName?.replace(/^(async )?(exports|Object|Proxy)\./, "$1").replace(/^(async )?eval$/, "");
  const show = (place: string): string[] => [
    name === undefined || name === "" ? `    at ${place}` : `    at ${name} (${place})`,
  ];
  const cell = /(?:^|\/)lawbook-cell-(\w+)$/.exec(where);
  if (cell !== null) {
    const label = cell[1] ?? "";
    const maps = cells.get(label);
    const place = maps && originalPlace(maps, { line: Number(line), column: Number(column) });
    // Without a place it is the function that tslab puts around the cell.
    return place === undefined ? [] : show(`${cellName(label)}:${place.line}:${place.column}`);
  }
  if (/^node:|^evalmachine|^<anonymous>$|^internal\//.test(where)) return [];
  const path = where.startsWith("file://") ? fileURLToPath(where) : where;
  const plain = path.replaceAll("\\", "/");
  if (own.some((folder) => plain.startsWith(`${folder.replaceAll("\\", "/")}/`))) return [];
  const inside = plain.lastIndexOf("/node_modules/");
  return show(
    `${inside >= 0 ? plain.slice(inside + "/node_modules/".length) : relative(cwd, path)}:${line}:${column}`,
  );
}
