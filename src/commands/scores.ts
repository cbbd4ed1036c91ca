import type { Score, TrainResult } from "../runs/record.js";
import { textTable } from "./table.js";

type Scores = TrainResult["scores"];

/** One row of a table of scores. */
export interface ScoreRow extends Score {
  readonly set: string;
  /** The discipline, or another group of questions: a format, a pair of disciplines, `text`, `all`. */
  readonly discipline: string;
}

/** Fields in the order of the columns, with their headers and decimals. */
const COLUMNS: readonly (readonly [field: keyof Score, header: string, decimals: number])[] = [
  ["strict", "strict", 3],
  ["lenient", "lenient", 3],
  ["majority", "majority", 3],
  ["chance", "chance", 3],
  ["content", "content", 3],
  ["form", "form", 3],
  ["bareForm", "form if bare", 3],
  ["acc", "acc", 3],
  ["accNorm", "acc_norm", 3],
  ["accBytes", "acc_bytes", 3],
  ["accTokens", "acc/token", 3],
  ["choiceMajority", "commonest", 3],
  ["perplexity", "perplexity", 1],
  ["unigramPerplexity", "unigram", 1],
  ["wordPerplexity", "per word", 1],
  ["bytePerplexity", "per byte", 2],
  ["bitsPerByte", "bits/byte", 2],
  ["logLikelihood", "ln p/token", 2],
  ["questions", "questions", 0],
];

/** Scores as rows, one per set and discipline, `all` last, their columns in one order. */
export function scoreRowsOf(scores: Scores): ScoreRow[] {
  return Object.entries(scores).flatMap(([set, disciplines]) =>
    allLast(Object.entries(disciplines)).map(([discipline, score]) => {
      const fields = COLUMNS.flatMap(([field]) =>
        score[field] === undefined ? [] : [[field, score[field]]],
      );
      return { set, discipline, ...(Object.fromEntries(fields) as unknown as Score) };
    }),
  );
}

function allLast<Item extends readonly [name: string, ...rest: readonly unknown[]]>(items: Item[]): Item[] {
  return [...items.filter(([name]) => name !== "all"), ...items.filter(([name]) => name === "all")];
}

/** Scores as text tables, one for each kind of set; empty where nothing was scored. */
export function scoresText(scores: Scores): string {
  const tables = new Map<string, ScoreRow[]>();
  for (const row of scoreRowsOf(scores)) {
    const fields = Object.keys(row).sort().join(" ");
    tables.set(fields, [...(tables.get(fields) ?? []), row]);
  }
  return [...tables.values()].map(table).join("\n\n");
}

function table(rows: readonly ScoreRow[]): string {
  const columns = COLUMNS.filter(([field]) => rows[0]![field] !== undefined);
  return textTable(
    ["set", "discipline", ...columns.map(([, header]) => header)],
    rows.map((row) => [
      row.set,
      row.discipline,
      ...columns.map(([field, , decimals]) => row[field]!.toFixed(decimals)),
    ]),
  );
}
