import type { Chart, SpanRow } from "../figures/chart.js";
import { digitsOf, intervalText, lawName, pText, shapedWord, signed, wrapped } from "./headline.js";
import type { Verdict } from "./judge.js";
import { fittedAxis } from "./panel-rows.js";

/** One law of the forest plot. */
export interface ForestRow {
  /** Name for titles, for example "Balance-then-Diversity". */
  readonly title: string;
  readonly verdict: Verdict;
}

const ROW_HEIGHT = 62;
/** Pixels between an effect and its control beneath. */
const BENEATH = 15;

/**
 * All laws on one axis: the primary effect of each with its interval, its control hollow beneath, both divided by the
 * law's smallest effect of interest, since measures differ; raw values, verdict and N stand at the edge.
 */
export function forestChart(rows: readonly ForestRow[]): Chart {
  const name = ({ title, verdict }: ForestRow): string =>
    wrapped(lawName(verdict.number, title).replace(", ", "\n"), 26);
  const effects = rows.map((row) => spanRow(name(row), row.verdict, row.verdict));
  const controls = rows.map((row) => ({
    ...spanRow(name(row), row.verdict.control, row.verdict),
    tone: "contrast" as const,
  }));
  const ends = [...effects, ...controls].flatMap(({ mean, low, high }) => [mean, low ?? mean, high ?? mean]);
  return {
    title: "All laws: effect, control and verdict",
    subtitle: [
      "Filled: the effect of the claim, mean and 95 % t interval over seeds. Hollow, beneath: its control, where no effect is expected.",
      "Both in units of the smallest effect of interest of each law; shaded: smaller than that. Each is conditional on one base model.",
    ],
    panels: [
      {
        title: "",
        width: 380,
        height: Math.max(1, rows.length) * ROW_HEIGHT,
        x: {
          ...fittedAxis("effect in units of the smallest effect of interest", [-1, 1, ...ends]),
          format: "~g",
        },
        y: { kind: "category", title: null, values: rows.map(name) },
        layers: [
          { kind: "band", on: "x", from: -1, to: 1 },
          { kind: "zero", on: "x" },
          { kind: "spans", rows: controls, hollow: true, below: BENEATH },
          { kind: "spans", rows: effects },
          {
            kind: "remarks",
            rows: rows.map((row) => ({ y: name(row), ...remark(row.verdict) })),
          },
        ],
      },
    ],
  };
}

function spanRow(
  y: string,
  { effect, interval }: Pick<Verdict, "effect" | "interval">,
  { sesoi }: Verdict,
): SpanRow {
  return {
    y,
    mean: effect / sesoi,
    low: interval === null ? null : interval.low / sesoi,
    high: interval === null ? null : interval.high / sesoi,
  };
}

function remark(verdict: Verdict): { strong: string; quiet: string[] } {
  const { word, pairs, effect, interval, sesoi, adjustedP, family, control } = verdict;
  const digits = digitsOf(sesoi);
  const text = (mean: number, of: Verdict["interval"]): string =>
    `${signed(mean, digits)}${of === null ? "" : ` ${intervalText(of, digits)}`}`;
  return {
    strong: `${shapedWord(word)}, N = ${pairs}`,
    quiet: [
      `effect ${text(effect, interval)}, smallest of interest ${sesoi}`,
      `control ${text(control.effect, control.interval)}; ${family === "alone" ? "" : "Holm-adjusted "}p ${pText(adjustedP)}`,
    ],
  };
}
