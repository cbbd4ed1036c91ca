import type { Panel, Tone } from "../figures/chart.js";
import type { Difference, Evidence } from "./evidence.js";
import { digitsOf, signed } from "./headline.js";
import { BESIDE, fittedAxis, intervalRow, runsOfPair, seedRows } from "./panel-rows.js";

/** One difference of a panel: the claim in the accent, a control and secondary contrasts in other tones. */
export interface DifferenceRow {
  /** Words under the axis; line breaks are kept. */
  readonly label: string;
  readonly contrast: Difference;
  readonly tone?: Tone;
}

/** What a differences panel shows, and in which words. */
export interface DifferencesPanelOptions {
  readonly title: string;
  readonly rows: readonly DifferenceRow[];
  /** Smallest effect of interest; smaller differences are shaded. */
  readonly sesoi: number;
  /** Title of the axis, with the unit of the estimand. */
  readonly y: string;
  /** What the shapes of the seeds tell apart. */
  readonly legend?: string;
  /** Pixels; by the number of rows where absent. */
  readonly width?: number;
}

/** Paired differences, every seed visible, with means and intervals; differences too small to matter are shaded. */
export function differencesPanel(evidence: Evidence, options: DifferencesPanelOptions): Panel {
  const { title, rows, sesoi, legend, width = Math.max(200, 100 * rows.length) } = options;
  const y = fittedAxis(options.y, [
    -sesoi,
    sesoi,
    ...rows.flatMap(({ contrast: { values, interval } }) =>
      interval === null ? values : [...values, interval.low, interval.high],
    ),
  ]);
  return {
    title,
    width,
    height: 280,
    x: { kind: "category", title: null, values: rows.map(({ label }) => label) },
    y,
    layers: [
      {
        kind: "band",
        from: -sesoi,
        to: sesoi,
        label: `smaller than the\nsmallest effect\nof interest, ${sesoi}`,
      },
      { kind: "zero" },
      {
        kind: "points",
        rows: rows.flatMap(({ label, contrast }) =>
          seedRows(evidence, label, contrast.values, (index) => runsOfPair(evidence, contrast, index)),
        ),
        ...(legend === undefined ? {} : { legend }),
      },
      {
        kind: "intervals",
        beside: BESIDE,
        rows: rows.map(({ label, contrast, tone = "accent" }) => ({
          ...intervalRow(label, contrast, y.domain, signed(contrast.mean, digitsOf(sesoi))),
          tone,
        })),
      },
    ],
  };
}
