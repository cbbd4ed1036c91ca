import { inspect } from "node:util";

import type { Bundle } from "./cell/api.js";
import { type CellMaps, cellName, describeFrames } from "./cell/frames.js";
import type { CellDiagnostic } from "./cell/tslab.js";
import { checkedBundle } from "./vega.js";

/** Content of an `error` message. */
export interface CellError {
  readonly ename: string;
  readonly evalue: string;
  readonly traceback: readonly string[];
}

/** What every stopped cell says: the same text whatever it was doing. */
export const KEYBOARD_INTERRUPT: CellError = {
  ename: "KeyboardInterrupt",
  evalue: "",
  traceback: ["KeyboardInterrupt"],
};

/** Key of the method by which a value says how it is shown; the convention of Deno's kernel. */
const DISPLAY = Symbol.for("Jupyter.display");

/**
 * Bundle of the value of the last expression; the text does not depend on the terminal. `warn` hears what is left out of a
 * chart that a value shows itself by.
 */
export async function presentValue(value: unknown, warn: (text: string) => void): Promise<Bundle> {
  if (typeof value === "object" && value !== null) {
    const own = (value as Record<symbol, unknown>)[DISPLAY];
    if (typeof own === "function") return checkedBundle((await own.call(value)) as Bundle, warn);
    if (isDataFrame(value)) return (await import("./table.js")).frameBundle(value as never);
  }
  return { "text/plain": presentText(value) };
}

/** Text of a value: strings as they are, all else as Node prints it, without colours, 80 columns wide. */
export function presentText(value: unknown): string {
  return typeof value === "string"
    ? value
    : inspect(value, { colors: false, breakLength: 80, compact: 3, depth: 4, sorted: false });
}

function isDataFrame(value: object): boolean {
  return (
    value.constructor?.name === "DataFrame" && "columns" in value && "values" in value && "index" in value
  );
}

/** What an error needs to be told in the person's own lines. */
export interface ErrorScene {
  readonly maps: ReadonlyMap<string, CellMaps>;
  readonly cwd: string;
  /** Folders of Lawbook and tslab, whose frames are left out. */
  readonly own: readonly string[];
}

/** The error message of something that was thrown. */
export function presentError(error: unknown, scene: ErrorScene): CellError {
  if (typeof error !== "object" || error === null || typeof (error as Error).message !== "string") {
    const text = presentText(error);
    return { ename: "Uncaught", evalue: text, traceback: [`Uncaught ${text}`] };
  }
  const { name, message, stack } = error as Error;
  const ename = name === "" ? "Error" : String(name ?? "Error");
  // A foreseen error of Lawbook says what to do; where it was raised inside does not matter to a person.
  if (ename === "LawbookError") return { ename, evalue: message, traceback: [`${ename}: ${message}`] };
  const head = message === "" ? ename : `${ename}: ${message}`;
  const frames = typeof stack === "string" ? describeFrames(stack, scene.maps, scene.cwd, scene.own) : [];
  const cause = (error as Error).cause;
  return {
    ename,
    evalue: message,
    traceback: [
      head,
      ...frames,
      ...(cause === undefined
        ? []
        : presentError(cause, scene).traceback.map((line, index) =>
            index === 0 ? `caused by ${line}` : line,
          )),
    ],
  };
}

/** The error message of a cell that does not compile: each fault with its place and the line it is on. */
export function presentDiagnostics(
  diagnostics: readonly CellDiagnostic[],
  source: string,
  label: string,
): CellError {
  const lines = source.split("\n");
  const traceback = diagnostics.flatMap(({ place, length, code, message, file }) => {
    if (place === undefined) return [`${file ?? "?"}: error TS${code}: ${message}`];
    const text = lines[place.line - 1] ?? "";
    const mark =
      " ".repeat(place.column - 1) +
      "^".repeat(Math.max(1, Math.min(length, text.length - place.column + 1)));
    return [
      `${cellName(label)}:${place.line}:${place.column} - error TS${code}: ${message}`,
      `    ${text}`,
      `    ${mark}`,
    ];
  });
  return { ename: "TypeScriptError", evalue: diagnostics[0]?.message ?? "", traceback };
}
