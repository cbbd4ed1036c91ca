import type { Panel, RuleRow } from "../figures/chart.js";
import type { Evidence } from "./evidence.js";
import { digitsOf, wrapped } from "./headline.js";
import { accuracyAxis, armOf, BESIDE, intervalRow, type NumberAxis, runOf, seedRows } from "./panel-rows.js";

/** What an arms panel shows, and in which words. */
export interface ArmsPanelOptions {
  readonly title: string;
  /** Compared arms by name, from left to right. */
  readonly arms: readonly string[];
  /** Reference models, drawn as dashed rules. */
  readonly references?: readonly string[];
  /** Smallest effect of interest; means have its decimals. */
  readonly sesoi: number;
  /** Words for names of arms; line breaks are kept. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Strict accuracy from 0 where absent. */
  readonly y?: NumberAxis;
  /** What the shapes of the seeds tell apart, for example "small discipline". */
  readonly legend?: string;
  /** Pixels; by the number of arms, at most half a notebook's page, where absent. */
  readonly width?: number;
}

const HEIGHT = 280;
/** Pixels of a line of a label. */
const LINE = 13;

/** Every arm with every seed, the runs of one seed joined by a line, means with their intervals, references as rules. */
export function armsPanel(evidence: Evidence, options: ArmsPanelOptions): Panel {
  const { title, references = [], labels = {}, legend } = options;
  const width = options.width ?? Math.min(Math.max(200, 105 * options.arms.length), 420);
  const letters = Math.floor(width / options.arms.length / 7);
  const label = (arm: string): string => labels[arm] ?? wrapped(arm, letters);
  const compared = options.arms.map((arm) => armOf(evidence, arm));
  const rules = references.map((arm) => armOf(evidence, arm));
  const shown = [
    ...compared.flatMap(({ values, interval }) => [...values, interval?.high ?? 0]),
    ...rules.map(({ mean }) => mean),
  ];
  const y = options.y ?? accuracyAxis(undefined, shown);
  const points = compared.flatMap(({ arm, values }) =>
    seedRows(evidence, label(arm), values, (index) => runOf(evidence, arm, index)),
  );
  return {
    title,
    width,
    height: HEIGHT,
    x: { kind: "category", title: null, values: compared.map(({ arm }) => label(arm)) },
    y,
    layers: [
      {
        kind: "rules",
        rows: labelsApart(
          rules.map(({ arm, mean }) => ({ y: mean, label: labels[arm] ?? wrapped(arm) })),
          (y.domain[1] - y.domain[0]) / HEIGHT,
        ),
      },
      { kind: "lines", rows: points },
      { kind: "points", rows: points, ...(legend === undefined ? {} : { legend }) },
      {
        kind: "intervals",
        beside: BESIDE,
        rows: compared.map((arm) =>
          intervalRow(label(arm.arm), arm, y.domain, arm.mean.toFixed(digitsOf(options.sesoi))),
        ),
      },
    ],
  };
}

/** Lifts labels of near lines, from the lowest up, until none overlaps another; `pixel` in units of y. */
function labelsApart(rows: readonly RuleRow[], pixel: number): RuleRow[] {
  let free = -Infinity;
  return [...rows]
    .sort((a, b) => a.y - b.y)
    .map((row) => {
      const half = (row.label.split("\n").length * LINE * pixel) / 2;
      const at = Math.max(row.y, free + half);
      free = at + half;
      return at === row.y ? row : { ...row, labelAt: at };
    });
}
