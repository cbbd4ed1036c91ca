import { LawbookError, mismatch, type Problem } from "../core/errors.js";
import { readText, writeAtomic } from "../core/files.js";
import { notebookJson, parseNotebookJson, SpelledNumber } from "./notebook-json.js";

/** A JSON object of a notebook. */
export type Fields = Readonly<Record<string, unknown>>;

/** One output of a cell, texts joined. */
export type NotebookOutput =
  | { readonly output_type: "stream"; readonly name: string; readonly text: string }
  | { readonly output_type: "display_data"; readonly data: Fields; readonly metadata: Fields }
  | {
      readonly output_type: "execute_result";
      readonly execution_count: number | null;
      readonly data: Fields;
      readonly metadata: Fields;
    }
  | {
      readonly output_type: "error";
      readonly ename: string;
      readonly evalue: string;
      readonly traceback: readonly string[];
    };

/** A cell with code and what it gave. */
export interface CodeCell {
  readonly cell_type: "code";
  readonly id: string;
  readonly metadata: Fields;
  readonly source: string;
  readonly outputs: readonly NotebookOutput[];
  /** The number in `In [n]`; null for a cell that was not run. */
  readonly execution_count: number | null;
}

/** A cell with text. */
export interface TextCell {
  readonly cell_type: "markdown" | "raw";
  readonly id: string;
  readonly metadata: Fields;
  readonly source: string;
  readonly attachments?: Fields;
}

/** One cell of a notebook. */
export type Cell = CodeCell | TextCell;

/** A notebook of format 4.5 or a later 4.x. */
export interface Notebook {
  readonly metadata: Fields;
  readonly nbformat: 4;
  readonly nbformat_minor: number;
  readonly cells: readonly Cell[];
}

/** Reads and checks a notebook. Throws `missing` or `bad-file`, with all problems and their places. */
export function readNotebook(path: string): Notebook {
  return parseNotebook(readText(path), path);
}

/** Parses and checks the text of a notebook; `path` is named in errors. */
export function parseNotebook(text: string, path: string): Notebook {
  const value = parseNotebookJson(text, path);
  const problems: Problem[] = [];
  const notebook = takeNotebook(value, problems);
  if (problems.length > 0 || notebook === undefined) {
    const lines = problems.map((problem) => `  ${problem.path}: ${problem.message}`);
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    throw new LawbookError(
      "bad-file",
      `${path} is not a notebook of format 4.5: ${count}.\n${lines.join("\n")}`,
      {
        problems,
        data: { path },
        hint: "Open it in JupyterLab and save it, which writes the format anew.",
      },
    );
  }
  return notebook;
}

/** The bytes that nbformat writes for the same notebook, as text. */
export function notebookText(notebook: Notebook): string {
  return `${notebookJson({ ...notebook, cells: notebook.cells.map(splitCell) })}\n`;
}

/** Writes a notebook in one move. */
export function writeNotebook(path: string, notebook: Notebook): void {
  writeAtomic(path, notebookText(notebook));
}

const OUTPUT_KEYS: Readonly<Record<string, readonly string[]>> = {
  stream: ["name", "text"],
  display_data: ["data", "metadata"],
  execute_result: ["data", "execution_count", "metadata"],
  error: ["ename", "evalue", "traceback"],
};

/** Collects problems; the value that it returns is only used where there are none. */
function takeNotebook(value: unknown, problems: Problem[]): Notebook | undefined {
  const add = (path: string, message: string): void => void problems.push({ path, message });
  if (!isFields(value)) {
    add("notebook", mismatch("Content", kindOf(value), "an object"));
    return undefined;
  }
  const { nbformat, nbformat_minor: minor, metadata, cells } = value;
  if (nbformat !== 4) add("nbformat", mismatch("Format", nbformat, "4"));
  if (typeof minor !== "number" || minor < 5) {
    add("nbformat_minor", mismatch("Minor format", minor, "5 or more (cells have ids since 4.5)"));
  }
  noOtherKeys(value, ["nbformat", "nbformat_minor", "metadata", "cells"], "notebook", add);
  const notebookMetadata = takeFields(metadata, "metadata", add);
  if (!Array.isArray(cells)) {
    add("cells", mismatch("Cells", kindOf(cells), "an array"));
    return undefined;
  }
  const ids = new Map<string, number>();
  const taken = cells.map((cell: unknown, index) => {
    const result = takeCell(cell, `cells[${index}]`, add);
    const twin = result === undefined ? undefined : ids.get(result.id);
    if (twin !== undefined)
      add(`cells[${index}].id`, `The id is also that of cells[${twin}]: got ${result?.id}.`);
    if (result !== undefined) ids.set(result.id, index);
    return result;
  });
  const { orig_nbformat, orig_nbformat_minor, signature, ...kept } = notebookMetadata;
  return {
    nbformat: 4,
    nbformat_minor: minor as number,
    metadata: kept,
    cells: taken.filter((cell) => cell !== undefined),
  };
}

type Add = (path: string, message: string) => void;

function takeCell(value: unknown, path: string, add: Add): Cell | undefined {
  if (!isFields(value)) {
    add(path, mismatch("Cell", kindOf(value), "an object"));
    return undefined;
  }
  const { cell_type: type, id } = value;
  if (type !== "code" && type !== "markdown" && type !== "raw") {
    add(`${path}.cell_type`, mismatch("Kind of cell", type, "code, markdown or raw"));
    return undefined;
  }
  const own = type === "code" ? ["outputs", "execution_count"] : ["attachments"];
  noOtherKeys(value, ["cell_type", "id", "metadata", "source", ...own], path, add);
  if (typeof id !== "string" || !/^[a-zA-Z0-9-_]{1,64}$/.test(id)) {
    add(`${path}.id`, mismatch("Id of a cell", id, "1 to 64 letters, digits, - or _"));
  }
  const { trusted, ...metadata } = takeFields(value["metadata"], `${path}.metadata`, add);
  const base = { id: String(id), metadata, source: takeText(value["source"], `${path}.source`, add) };
  if (type === "code") {
    const count = takeCount(value["execution_count"], `${path}.execution_count`, add);
    const { outputs } = value;
    if (!Array.isArray(outputs)) {
      add(`${path}.outputs`, mismatch("Outputs", kindOf(outputs), "an array"));
      return undefined;
    }
    const taken = outputs.map((output: unknown, index) =>
      takeOutput(output, `${path}.outputs[${index}]`, add),
    );
    return {
      cell_type: "code",
      ...base,
      execution_count: count,
      outputs: taken.filter((output) => output !== undefined),
    };
  }
  if (value["attachments"] === undefined) return { cell_type: type, ...base };
  const attachments = Object.entries(takeFields(value["attachments"], `${path}.attachments`, add)).map(
    ([name, bundle]) => [name, takeBundle(bundle, `${path}.attachments.${name}`, add)] as const,
  );
  return { cell_type: type, ...base, attachments: Object.fromEntries(attachments) };
}

function takeOutput(value: unknown, path: string, add: Add): NotebookOutput | undefined {
  const type = isFields(value) ? value["output_type"] : undefined;
  const keys = typeof type === "string" ? OUTPUT_KEYS[type] : undefined;
  if (!isFields(value) || keys === undefined) {
    add(`${path}.output_type`, mismatch("Kind of output", type, Object.keys(OUTPUT_KEYS).join(", ")));
    return undefined;
  }
  noOtherKeys(value, ["output_type", ...keys], path, add);
  const text = (key: string): string => takeText(value[key], `${path}.${key}`, add);
  const bundle = (): { data: Fields; metadata: Fields } => ({
    data: takeBundle(value["data"], `${path}.data`, add),
    metadata: takeFields(value["metadata"], `${path}.metadata`, add),
  });
  switch (type) {
    case "stream":
      return { output_type: "stream", name: text("name"), text: text("text") };
    case "display_data":
      return { output_type: "display_data", ...bundle() };
    case "execute_result": {
      const count = takeCount(value["execution_count"], `${path}.execution_count`, add);
      return { output_type: "execute_result", execution_count: count, ...bundle() };
    }
    default: {
      const { traceback } = value;
      const lines =
        Array.isArray(traceback) && traceback.every((line) => typeof line === "string") ? traceback : [];
      if (lines !== traceback)
        add(`${path}.traceback`, mismatch("Traceback", kindOf(traceback), "an array of strings"));
      return { output_type: "error", ename: text("ename"), evalue: text("evalue"), traceback: lines };
    }
  }
}

function takeFields(value: unknown, path: string, add: Add): Fields {
  if (isFields(value)) return value;
  add(path, mismatch("Value", kindOf(value), "an object"));
  return {};
}

/** A MIME bundle: texts joined, JSON types left as they are. */
function takeBundle(value: unknown, path: string, add: Add): Fields {
  const entries = Object.entries(takeFields(value, path, add)).map(
    ([mime, item]) => [mime, isJsonMime(mime) ? item : takeText(item, `${path}["${mime}"]`, add)] as const,
  );
  return Object.fromEntries(entries);
}

function takeText(value: unknown, path: string, add: Add): string {
  if (typeof value === "string") return value;
  if (Array.isArray(value) && value.every((line) => typeof line === "string")) return value.join("");
  add(path, mismatch("Text", kindOf(value), "a string or an array of strings"));
  return "";
}

function takeCount(value: unknown, path: string, add: Add): number | null {
  if (value === null || (typeof value === "number" && Number.isInteger(value) && value >= 0)) return value;
  add(path, mismatch("Execution count", value, "a whole number from 0, or null"));
  return null;
}

function noOtherKeys(value: Fields, known: readonly string[], path: string, add: Add): void {
  for (const key of Object.keys(value)) {
    if (!known.includes(key))
      add(`${path}.${key}`, `Unknown field: got ${key}, expected ${known.join(", ")}.`);
  }
}

function isFields(value: unknown): value is Fields {
  return (
    typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof SpelledNumber)
  );
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (value instanceof SpelledNumber) return "number";
  return Array.isArray(value) ? "array" : typeof value;
}

function isJsonMime(mime: string): boolean {
  return mime === "application/json" || (mime.startsWith("application/") && mime.endsWith("+json"));
}

function splitCell(cell: Cell): Fields {
  const source = splitLines(cell.source);
  if (cell.cell_type === "code") return { ...cell, source, outputs: cell.outputs.map(splitOutput) };
  if (cell.attachments === undefined) return { ...cell, source };
  const attachments = Object.entries(cell.attachments).map(([name, bundle]) => [
    name,
    splitBundle(bundle as Fields),
  ]);
  return { ...cell, source, attachments: Object.fromEntries(attachments) as Fields };
}

function splitOutput(output: NotebookOutput): Fields {
  if (output.output_type === "stream") return { ...output, text: splitLines(output.text) };
  return "data" in output ? { ...output, data: splitBundle(output.data) } : { ...output };
}

/** nbformat splits text and the two textual application types; pictures stay one string. */
function splitBundle(bundle: Fields): Fields {
  const entries = Object.entries(bundle).map(([mime, item]) => {
    const split = mime.startsWith("text/") || mime === "application/javascript" || mime === "image/svg+xml";
    return [mime, split && typeof item === "string" ? splitLines(item) : item] as const;
  });
  return Object.fromEntries(entries);
}

/** Lines with their ends, at every character that Python's `splitlines` takes for the end of a line. */
function splitLines(text: string): string[] {
  return (
    text
      .match(/[^\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*(?:\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|$)/g)
      ?.filter((line) => line !== "") ?? []
  );
}
