import type { Fields } from "lawbook/dist/jupyter/index.js";

/** One cell of the history: count, code, text of the result. */
export type HistoryEntry = readonly [count: number, code: string, output: string | null];

/** One entry of a `history_reply`: session, line, and the input or [input, output]. */
export type HistoryTuple = readonly [
  session: number,
  line: number,
  entry: string | readonly [string, string | null],
];

/** Characters of a result that the history keeps. */
const KEPT = 10_000;

/** The text of a result as the history keeps it. */
export function keptText(text: string): string {
  return text.length <= KEPT ? text : `${text.slice(0, KEPT)}…`;
}

/** Answers a `history_request`: the last n cells, a range of this session, or those that match a glob pattern. */
export function searchHistory(history: readonly HistoryEntry[], request: Fields): HistoryTuple[] {
  return chosen(history, request).map(([count, code, output]) => [
    1,
    count,
    request["output"] === true ? [code, output] : code,
  ]);
}

function chosen(history: readonly HistoryEntry[], request: Fields): readonly HistoryEntry[] {
  const n = typeof request["n"] === "number" ? request["n"] : undefined;
  const lastOf = (entries: readonly HistoryEntry[]): readonly HistoryEntry[] =>
    n === undefined ? entries : n <= 0 ? [] : entries.slice(-n);
  switch (request["hist_access_type"]) {
    case "tail":
      return lastOf(history);
    case "range": {
      // Session 0 is this one; there are no stored ones.
      if (![undefined, null, 0, 1].includes(request["session"] as number | null | undefined)) return [];
      const start = typeof request["start"] === "number" ? request["start"] : 1;
      const stop = typeof request["stop"] === "number" ? request["stop"] : Infinity;
      return history.filter(([count]) => count >= start && count < stop);
    }
    case "search": {
      const pattern = glob(String(request["pattern"] ?? "*"));
      let entries = history.filter(([, code]) => pattern.test(code));
      if (request["unique"] === true) {
        const last = new Map(entries.map((entry) => [entry[1], entry]));
        entries = entries.filter((entry) => last.get(entry[1]) === entry);
      }
      return lastOf(entries);
    }
    default:
      return [];
  }
}

function glob(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", "[\\s\\S]*")
    .replaceAll("?", "[\\s\\S]");
  return new RegExp(`^${source}$`);
}
