import { LawbookError, mismatch } from "../core/errors.js";
import { ln, mean, sum } from "../core/math.js";
import type { Panel } from "../figures/chart.js";
import { type Grid, type Sample, sample } from "./evidence.js";
import { digitsOf, intervalText, signed } from "./headline.js";
import { accuracyAxis, type NumberAxis } from "./panel-rows.js";

/** One cell of a grid: the values of one design at one place of the axis, one a seed in the order of the seeds. */
export interface GridRow {
  readonly design: string;
  /** For example a rank, a number of experts or of trainable parameters. */
  readonly x: number;
  readonly values: readonly number[];
  /** The runs behind the values. */
  readonly runs?: readonly string[];
}

/** What a grid panel shows, and in which words. */
export interface GridPanelOptions {
  readonly title: string;
  readonly seeds: readonly number[];
  readonly x: { readonly title: string; readonly scale: "linear" | "log2"; readonly format?: string };
  /** Strict accuracy in [0, 1] where absent. */
  readonly y?: NumberAxis;
  /** Words for names of designs. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Slope per doubling in the legend, in units of y; on a log2 axis where absent. */
  readonly slopes?: boolean;
  readonly width?: number;
}

/** A grid of the evidence as a panel: its dial doubles from place to place. */
export function evidenceGridPanel(
  { points, x }: Grid,
  options: Pick<GridPanelOptions, "title" | "y">,
): Panel {
  return gridPanel(points, { ...options, seeds: points[0]!.seeds, x: { title: x, scale: "log2" } });
}

/** A line for each design over a numeric axis, with intervals, its seeds as small points, and its slope per doubling. */
export function gridPanel(rows: readonly GridRow[], options: GridPanelOptions): Panel {
  const {
    title,
    seeds,
    x,
    y = accuracyAxis(),
    labels = {},
    slopes = x.scale === "log2",
    width = 330,
  } = options;
  const wrong = rows.filter(
    ({ values, x: at }) => values.length !== seeds.length || !(at > 0 || x.scale === "linear"),
  );
  if (rows.length === 0 || wrong.length > 0) {
    throw new LawbookError(
      "internal",
      mismatch(`Rows of "${title}"`, wrong, "one value a seed at a place above 0"),
    );
  }
  const designs = [...new Set(rows.map(({ design }) => design))];
  const places = [...new Set(rows.map((row) => row.x))].sort((a, b) => a - b);
  return {
    title,
    width,
    height: 280,
    x: {
      kind: "number",
      title: x.title,
      domain: padded(places, x.scale),
      scale: x.scale,
      ticks: places,
      format: x.format ?? ".3~s",
    },
    y,
    layers: [
      {
        kind: "curves",
        rows: designs.map((design) => {
          const own = rows.filter((row) => row.design === design).sort((a, b) => a.x - b.x);
          const name = labels[design] ?? design;
          return {
            design,
            label: slopes && own.length > 1 ? `${name}: ${slopeText(slopePerDoubling(own))}` : name,
            means: own.map((row) => ({ x: row.x, ...intervalWithin(sample(row.values), y.domain) })),
            seeds: own.flatMap(({ x: at, values, runs }) =>
              values.map((value, index) => ({
                x: at,
                y: value,
                series: `seed ${seeds[index]}`,
                origin: runs?.[index]?.slice(0, 12) ?? "",
              })),
            ),
          };
        }),
      },
    ],
  };
}

/**
 * Slope of y per doubling of x, one a seed, by least squares:
 * b_s = sum_i (u_i - u) y_is / sum_i (u_i - u)^2, u_i = log2 x_i, u their mean.
 * x > 0, at least two different places; y_is: value of seed s at place i.
 */
export function slopePerDoubling(rows: readonly Pick<GridRow, "x" | "values">[]): Sample {
  const logs = rows.map(({ x }) => ln(x) / Math.LN2);
  const centred = logs.map((log) => log - mean(logs));
  const spread = sum(centred.map((log) => log * log));
  const seeds = rows[0]?.values ?? [];
  if (!(spread > 0)) {
    throw new LawbookError(
      "internal",
      mismatch(
        "Slope over",
        rows.map(({ x }) => x),
        "two different places above 0",
      ),
    );
  }
  return sample(
    seeds.map((_, seed) => sum(rows.map(({ values }, i) => centred[i]! * values[seed]!)) / spread),
  );
}

function slopeText({ mean: slope, interval }: Sample): string {
  const digits = digitsOf(0);
  return `${signed(slope, digits)} ${interval === null ? "" : `${intervalText(interval, digits)} `}per doubling`;
}

function intervalWithin(
  { mean: at, interval }: Sample,
  [least, most]: readonly [number, number],
): { mean: number; low: number | null; high: number | null } {
  if (interval === null) return { mean: at, low: null, high: null };
  return { mean: at, low: Math.max(least, interval.low), high: Math.min(most, interval.high) };
}

/** Room for marks at both ends. */
function padded(places: readonly number[], scale: "linear" | "log2"): [number, number] {
  const [first, last] = [places[0]!, places.at(-1)!];
  if (scale === "log2") return [first / 1.4, last * 1.4];
  const room = last > first ? (last - first) * 0.08 : 1;
  return [first - room, last + room];
}
