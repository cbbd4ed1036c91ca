import type { Json } from "../core/canonical.js";
import type { TrainResult } from "../runs/record.js";
import { textTable } from "./table.js";

type Scores = TrainResult["scores"];

/** Scores as rows, one per set and discipline. */
export function scoreRowsOf(scores: Scores): Record<string, Json>[] {
  return Object.entries(scores).flatMap(([set, disciplines]) =>
    Object.entries(disciplines).map(([discipline, score]) => ({ set, discipline, ...score })),
  );
}

/** Scores as a text table; empty where nothing was scored. */
export function scoresText(scores: Scores): string {
  const rows = scoreRowsOf(scores);
  if (rows.length === 0) return "";
  const share = (value: Json | undefined): string => (value as number).toFixed(3);
  return textTable(
    ["set", "discipline", "strict", "lenient", "majority", "chance", "ln p/token", "questions"],
    rows.map((row) => [
      row["set"] as string,
      row["discipline"] as string,
      share(row["strict"]),
      share(row["lenient"]),
      share(row["majority"]),
      share(row["chance"]),
      (row["logLikelihood"] as number).toFixed(2),
      String(row["questions"]),
    ]),
  );
}
