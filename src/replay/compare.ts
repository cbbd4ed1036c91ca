import { canonicalJson, sha256 } from "../core/canonical.js";
import type { Cell, CodeCell, Fields, Notebook, NotebookOutput } from "./notebook.js";
import { SpelledNumber } from "./notebook-json.js";

/** Fields of a notebook that are never compared, each with its reason. Everything else is compared. */
export const VOLATILE: readonly { readonly field: string; readonly reason: string }[] = [
  {
    field: "cell.metadata.execution",
    reason: "times at which a front end saw messages; no part of the result",
  },
];

/** One difference between a committed notebook and its replay. */
export interface CellDifference {
  /** 1-based number of the cell among all cells; 0 for the notebook itself. */
  readonly cell: number;
  readonly cellId: string;
  /** 1-based number of the output; absent where the cell itself differs. */
  readonly output?: number;
  /** What differs: a field, or a MIME type. */
  readonly part: string;
  /** The first difference, readable: `-` committed, `+` replayed. */
  readonly diff: string;
}

/** "cell 3 (id tour-3), output 2, text/plain" */
export function placeOf({ cell, cellId, output, part }: CellDifference): string {
  if (cell === 0) return part;
  return `cell ${cell} (id ${cellId})${output === undefined ? "" : `, output ${output}`}, ${part}`;
}

/** The first difference of every cell that differs; empty where the replay gave what is committed. */
export function compareNotebooks(committed: Notebook, replayed: Notebook): CellDifference[] {
  const whole = compareParts({ cell: 0, cellId: "" }, [
    ["notebook metadata", committed.metadata, replayed.metadata],
    ["number of cells", committed.cells.length, replayed.cells.length],
  ]);
  const cells = committed.cells.map((cell, index) => {
    const other = replayed.cells[index];
    return other === undefined ? undefined : compareCells(cell, other, index + 1);
  });
  return [whole, ...cells].filter((difference) => difference !== undefined);
}

function compareCells(committed: Cell, replayed: Cell, number: number): CellDifference | undefined {
  const place = { cell: number, cellId: committed.id };
  const different = compareParts(place, [
    ["id", committed.id, replayed.id],
    ["kind of cell", committed.cell_type, replayed.cell_type],
    ["source", committed.source, replayed.source],
    ["metadata", withoutVolatile(committed.metadata), withoutVolatile(replayed.metadata)],
  ]);
  if (different !== undefined) return different;
  if (committed.cell_type === "code" && replayed.cell_type === "code") {
    return compareOutputs(committed, replayed, place);
  }
  return undefined;
}

/** Compares outputs one by one, the first that differs wins, so that one extra output is not ten differences. */
function compareOutputs(committed: CodeCell, replayed: CodeCell, place: Place): CellDifference | undefined {
  const left = joinStreams(committed.outputs);
  const right = joinStreams(replayed.outputs);
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const a = left[index];
    const b = right[index];
    const different =
      a === undefined || b === undefined
        ? { ...place, part: "number of outputs", diff: missingOutput(a, b) }
        : compareOutput(a, b, place);
    if (different !== undefined) return { ...different, output: index + 1 };
  }
  return compareParts(place, [["execution count", committed.execution_count, replayed.execution_count]]);
}

function compareOutput(a: NotebookOutput, b: NotebookOutput, place: Place): CellDifference | undefined {
  if (a.output_type !== b.output_type) {
    return { ...place, part: "kind of output", diff: `- ${summary(a)}\n+ ${summary(b)}` };
  }
  if (a.output_type === "stream" && b.output_type === "stream") {
    return compareParts(place, [
      ["name of the stream", a.name, b.name],
      [a.name, a.text, b.text],
    ]);
  }
  if (a.output_type === "error" && b.output_type === "error") {
    return compareParts(place, [
      ["name of the error", a.ename, b.ename],
      ["message of the error", a.evalue, b.evalue],
      ["traceback", a.traceback.join("\n"), b.traceback.join("\n")],
    ]);
  }
  if ("data" in a && "data" in b) {
    const types = Object.keys(a.data).sort();
    const different = compareParts(place, [
      ["MIME types", types, Object.keys(b.data).sort()],
      ...types.map((mime): Part => [mime, a.data[mime], b.data[mime]]),
      ["metadata of the output", a.metadata, b.metadata],
    ]);
    if (different !== undefined) return different;
  }
  if (a.output_type === "execute_result" && b.output_type === "execute_result") {
    return compareParts(place, [["execution count of the output", a.execution_count, b.execution_count]]);
  }
  return undefined;
}

type Place = Pick<CellDifference, "cell" | "cellId">;
type Part = readonly [name: string, committed: unknown, replayed: unknown];

function compareParts(place: Place, parts: readonly Part[]): CellDifference | undefined {
  for (const [part, committed, replayed] of parts) {
    const diff = BINARY.test(part)
      ? pictureDifference(committed, replayed)
      : firstDifference(committed, replayed);
    if (diff !== undefined) return { ...place, part, diff };
  }
  return undefined;
}

/** The first difference of two values, in two or three short lines; undefined where they are the same. */
export function firstDifference(committed: unknown, replayed: unknown): string | undefined {
  if (typeof committed === "string" && typeof replayed === "string") {
    return committed === replayed ? undefined : differenceOfTexts(committed, replayed);
  }
  const left = plain(committed);
  const right = plain(replayed);
  if (canonical(left) === canonical(right)) return undefined;
  return differenceOfValues(left, right, "");
}

/** Descends to the first place, in order of keys, where two JSON values differ. */
function differenceOfValues(a: unknown, b: unknown, path: string): string {
  const at = (key: string): string => (path === "" ? key : `${path}.${key}`);
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      if (canonical(a[i]) !== canonical(b[i])) return differenceOfValues(a[i], b[i], `${path}[${i}]`);
    }
  } else if (isObject(a) && isObject(b)) {
    for (const key of [...new Set([...Object.keys(a), ...Object.keys(b)])].sort()) {
      if (canonical(a[key]) !== canonical(b[key])) return differenceOfValues(a[key], b[key], at(key));
    }
  }
  const prefix = path === "" ? "" : `${path}\n`;
  if (typeof a === "string" && typeof b === "string") return prefix + differenceOfTexts(a, b);
  return `${prefix}- ${clip(canonical(a), 0)}\n+ ${clip(canonical(b), 0)}`;
}

function differenceOfTexts(committed: string, replayed: string): string {
  const left = committed.split("\n");
  const right = replayed.split("\n");
  let line = 0;
  while (left[line] === right[line]) line += 1;
  const a = left[line];
  const b = right[line];
  let column = 0;
  while (column < Math.min(a?.length ?? 0, b?.length ?? 0) && a?.[column] === b?.[column]) column += 1;
  const head = left.length > 1 || right.length > 1 ? [`line ${line + 1}`] : [];
  const shown = (text: string | undefined): string =>
    text === undefined ? "(end of the text)" : clip(visible(text), column);
  return [...head, `- ${shown(a)}`, `+ ${shown(b)}`].join("\n");
}

/** nbformat keeps each chunk of a stream; a chunk border is an accident of time, so neighbours are one output. */
function joinStreams(outputs: readonly NotebookOutput[]): NotebookOutput[] {
  const joined: NotebookOutput[] = [];
  for (const output of outputs) {
    const last = joined.at(-1);
    if (output.output_type === "stream" && last?.output_type === "stream" && last.name === output.name) {
      joined[joined.length - 1] = { ...last, text: last.text + output.text };
    } else {
      joined.push(output);
    }
  }
  return joined;
}

function withoutVolatile(metadata: Fields): Fields {
  const names = VOLATILE.map(({ field }) => field.replace("cell.metadata.", ""));
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !names.includes(key)));
}

function missingOutput(committed: NotebookOutput | undefined, replayed: NotebookOutput | undefined): string {
  return `- ${committed === undefined ? "(no output)" : summary(committed)}\n+ ${replayed === undefined ? "(no output)" : summary(replayed)}`;
}

function summary(output: NotebookOutput): string {
  switch (output.output_type) {
    case "stream":
      return `${output.name}: ${clip(visible(output.text), 0)}`;
    case "error":
      return `error ${output.ename}: ${clip(visible(output.evalue), 0)}`;
    default: {
      const text = output.data["text/plain"];
      const types = Object.keys(output.data).sort().join(", ");
      return `${output.output_type} ${types}${typeof text === "string" ? `: ${clip(visible(text), 0)}` : ""}`;
    }
  }
}

const SHOWN = 120;

/** At most 120 characters around a column. */
function clip(text: string, column: number): string {
  if (text.length <= SHOWN) return text;
  const start = Math.max(0, Math.min(column - 40, text.length - SHOWN));
  const end = start + SHOWN;
  return `${start > 0 ? "…" : ""}${text.slice(start, end)}${end < text.length ? "…" : ""}`;
}

/** Control characters as escapes, so that a difference in them can be seen. */
function visible(text: string): string {
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, (c) =>
    JSON.stringify(c).slice(1, -1).replace(/^.$/u, hex),
  );
}

function hex(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}

/** MIME types whose content is base64, of which no line can be shown. */
const BINARY = /^(image\/(?!svg)|audio\/|video\/|application\/pdf$)/;

function pictureDifference(committed: unknown, replayed: unknown): string | undefined {
  if (committed === replayed) return undefined;
  const show = (content: unknown): string => {
    const text = String(content);
    return `${Buffer.from(text, "base64").length} bytes, sha256 ${sha256(text).slice(0, 16)}`;
  };
  return `- ${show(committed)}\n+ ${show(replayed)}`;
}

function plain(value: unknown): unknown {
  if (value instanceof SpelledNumber) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (isObject(value))
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  return value;
}

function canonical(value: unknown): string {
  return value === undefined ? "(absent)" : canonicalJson(value);
}

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
