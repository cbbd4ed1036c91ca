import type { DataFrame } from "danfojs-node";

import type { Bundle } from "./cell/api.js";

/** Rows as a danfojs DataFrame; nested values become JSON. danfojs takes about a second to load. */
export async function toDataFrame(rows: readonly object[]): Promise<DataFrame> {
  const danfo = (await import("danfojs-node")) as unknown as {
    default?: { DataFrame: typeof DataFrame };
    DataFrame: typeof DataFrame;
  };
  const Frame = danfo.DataFrame ?? danfo.default?.DataFrame;
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  return new Frame(
    rows.map((row) => columns.map((column) => plain((row as Record<string, unknown>)[column]))),
    { columns },
  );
}

/** A DataFrame as an HTML table, with text beside it. */
export async function tableBundle(rows: readonly object[], text?: string): Promise<Bundle> {
  return frameBundle(await toDataFrame(rows), text);
}

/** The bundle of a DataFrame: an HTML table, and text in aligned columns unless another one is given. */
export function frameBundle(frame: DataFrame, text?: string): Bundle {
  const head = ["", ...frame.columns.map(String)];
  const body = (frame.values as unknown[][]).map((values, index) => [
    String(frame.index[index]),
    ...values.map(shown),
  ]);
  const row = (tag: (column: number) => string, cells: readonly string[]): string =>
    `<tr>${cells.map((value, column) => `<${tag(column)}>${escape(value)}</${tag(column)}>`).join("")}</tr>`;
  return {
    "text/html": [
      "<table>",
      `<thead>${row(() => "th", head)}</thead>`,
      "<tbody>",
      ...body.map((cells) => row((column) => (column === 0 ? "th" : "td"), cells)),
      "</tbody>",
      "</table>",
    ].join("\n"),
    "text/plain": text ?? aligned([head, ...body]),
  };
}

/** A value as a table shows it: numbers with at most six significant digits. */
function shown(value: unknown): string {
  return typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value ?? "");
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  return rows
    .map((cells) =>
      cells
        .map((value, column) => value.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function plain(value: unknown): string | number | boolean {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  return value === null || value === undefined ? "" : JSON.stringify(value);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
