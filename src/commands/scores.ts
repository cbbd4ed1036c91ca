import type { Score, TrainResult } from "../runs/record.js";
import { textTable } from "./table.js";

type Scores = TrainResult["scores"];

/** One row of a table of scores. */
export interface ScoreRow extends Score {
  readonly set: string;
  readonly discipline: string;
}

/** Scores as rows, one per set and discipline, their columns in one order. */
export function scoreRowsOf(scores: Scores): ScoreRow[] {
  return Object.entries(scores).flatMap(([set, disciplines]) =>
    Object.entries(disciplines).map(([discipline, score]) => {
      const { strict, lenient, majority, chance, logLikelihood, questions } = score;
      return { set, discipline, strict, lenient, majority, chance, logLikelihood, questions };
    }),
  );
}

/** Scores as a text table; empty where nothing was scored. */
export function scoresText(scores: Scores): string {
  const rows = scoreRowsOf(scores);
  if (rows.length === 0) return "";
  return textTable(
    ["set", "discipline", "strict", "lenient", "majority", "chance", "ln p/token", "questions"],
    rows.map((row) => [
      row.set,
      row.discipline,
      ...[row.strict, row.lenient, row.majority, row.chance].map((share) => share.toFixed(3)),
      row.logLikelihood.toFixed(2),
      String(row.questions),
    ]),
  );
}
