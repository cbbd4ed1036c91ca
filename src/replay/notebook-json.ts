import { LawbookError } from "../core/errors.js";

/**
 * A number in the spelling of another writer (`1.0`, `1E5`, 20 digits), which JavaScript would not write again.
 * Keeping it lets a notebook be read and written without a changed byte.
 */
export class SpelledNumber {
  constructor(readonly text: string) {}

  /** The nearest double. */
  get value(): number {
    return Number(this.text);
  }
}

/** Parses the JSON of a notebook; numbers that would be written otherwise become `SpelledNumber`. */
export function parseNotebookJson(text: string, path: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (cause) {
    const { message } = cause as Error;
    const position = /at position (\d+)/.exec(message)?.[1];
    const line = position === undefined ? "" : `, line ${text.slice(0, Number(position)).split("\n").length}`;
    throw new LawbookError("bad-file", `${path}${line} is not JSON: ${message}.`, {
      hint: "Restore the file, or save the notebook again.",
      cause,
      data: { path },
    });
  }
  // A string marks an odd number while JSON.parse runs, since Node 20 hides the text of numbers from revivers.
  let mark = "#number:";
  while (text.includes(mark)) mark = `#${mark}`;
  let marked = 0;
  const numbersMarked = text.replace(
    /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g,
    (token): string => {
      if (token.startsWith('"') || numberText(Number(token)) === token) return token;
      marked += 1;
      return `"${mark}${token}"`;
    },
  );
  if (marked === 0) return value;
  return JSON.parse(numbersMarked, (_, item: unknown) =>
    typeof item === "string" && item.startsWith(mark) ? new SpelledNumber(item.slice(mark.length)) : item,
  );
}

/**
 * JSON as nbformat writes it: one space of indent, keys sorted by code point, no escapes but the needed ones,
 * numbers spelled as Python spells them, no newline at the end.
 */
export function notebookJson(value: unknown, indent: string = "\n"): string {
  if (value instanceof SpelledNumber) return value.text;
  if (typeof value === "number") return numberText(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent} `;
  if (Array.isArray(value)) {
    if (value.length === 0) return "[]";
    return `[${inner}${value.map((item) => notebookJson(item, inner)).join(`,${inner}`)}${indent}]`;
  }
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  if (entries.length === 0) return "{}";
  const lines = entries
    .sort(([a], [b]) => compareCodePoints(a, b))
    .map(([key, item]) => `${JSON.stringify(key)}: ${notebookJson(item, inner)}`);
  return `{${inner}${lines.join(`,${inner}`)}${indent}}`;
}

/** A finite number as Python's json module spells it: `1e-07` where JavaScript says `1e-7`. */
function numberText(value: number): string {
  if (!Number.isFinite(value)) {
    throw new LawbookError("bad-file", `A notebook cannot hold the number ${value}.`);
  }
  const [mantissa = "", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  const small = value !== 0 && exponent < -4;
  if (!small && !String(value).includes("e")) return String(value);
  const digits = String(Math.abs(exponent)).padStart(2, "0");
  return `${mantissa}e${exponent < 0 ? "-" : "+"}${digits}`;
}

/** Order by Unicode code point; JavaScript's own order of strings is by UTF-16 unit. */
function compareCodePoints(a: string, b: string): number {
  const left = Array.from(a, (character) => character.codePointAt(0) ?? 0);
  const right = Array.from(b, (character) => character.codePointAt(0) ?? 0);
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
