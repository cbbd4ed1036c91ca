import type { ArmEvidence, Contrast, Grid, Matrix } from "../laws/evidence.js";
import { digitsOf, intervalText, signed, thousands, unsigned } from "../laws/headline.js";
import { html, type Markup, type Part, table } from "./page-html.js";
import { pNumber } from "./page-table.js";
import type { Study } from "./study.js";

const NONE = "\u2013";

/** Every arm, control arm and reference model of a study. */
export function armsTable({ law, evidence }: Study): Markup {
  return table(
    "Arms and reference models, means over seeds",
    [
      { title: "arm and score" },
      { title: "role" },
      ...[
        "score",
        "95 % interval",
        "strict",
        "lenient",
        "majority",
        "chance",
        "tokens",
        "trained parameters",
        "wordings",
        "Vendi",
      ].map((title) => ({ title, number: true })),
    ],
    evidence.arms.map((arm) => armRow(arm, digitsOf(law.rule.sesoi))),
  );
}

function armRow(arm: ArmEvidence, digits: number): Part[] {
  const { consumed, interval } = arm;
  return [
    html`${arm.arm}<small>${arm.measure}</small>`,
    arm.role,
    arm.mean.toFixed(digits),
    unsigned(intervalText(interval, digits)),
    arm.strict.toFixed(2),
    arm.lenient.toFixed(2),
    arm.majority.toFixed(2),
    arm.chance.toFixed(2),
    thousands(arm.tokens.toFixed(0)),
    thousands(arm.parameters.toFixed(0)),
    consumed === null ? NONE : thousands(consumed.wordings.toFixed(0)),
    consumed === null ? NONE : consumed.vendi.toFixed(1),
  ];
}

/** The primary contrast, the control and the secondary ones. */
export function contrastsTable({ law, evidence, verdict }: Study): Markup {
  const digits = digitsOf(law.rule.sesoi);
  const row = (one: Contrast): Part[] => [
    one.name,
    `${one.treatment} minus ${one.comparator}`,
    one.measure,
    signed(one.mean, digits),
    intervalText(one.interval, digits),
    pNumber(one.p),
    one === evidence.primary ? pNumber(verdict.adjustedP) : NONE,
  ];
  return table(
    "Paired differences; secondary ones have no verdict",
    [
      { title: "contrast" },
      { title: "arms" },
      { title: "score" },
      ...["mean", "95 % interval", "p", "adjusted p"].map((title) => ({ title, number: true })),
    ],
    [evidence.primary, evidence.control, ...evidence.secondary].map(row),
  );
}

/** Numbers without an arm, grids and matrices, none of which has a verdict. */
export function otherTables({ evidence }: Study): Markup[] {
  const { numbers, grids, matrices } = evidence;
  const list =
    numbers.length === 0
      ? []
      : [
          table(
            "Other numbers",
            [{ title: "number" }, { title: "value", number: true }, { title: "95 % interval", number: true }],
            numbers.map(({ name, value, interval }) => [
              name,
              minus(decimals(value)),
              interval === null ? NONE : unsigned(intervalText(interval, 3)),
            ]),
          ),
        ];
  return [...list, ...grids.map(gridTable), ...matrices.map(matrixTable)];
}

function gridTable({ name, measure, x, points }: Grid): Markup {
  return table(
    `${name}: ${measure}; no verdict`,
    [
      { title: "design" },
      ...[x, "mean", "95 % interval", "seeds", "trained parameters"].map((title) => ({
        title,
        number: true,
      })),
    ],
    points.map((point) => [
      point.design,
      thousands(point.x),
      minus(point.mean.toFixed(2)),
      unsigned(intervalText(point.interval)),
      point.seeds.length,
      thousands(point.parameters.toFixed(0)),
    ]),
  );
}

function matrixTable({ name, rows, columns, values }: Matrix): Markup {
  return table(
    name,
    [{ title: "row" }, ...columns.map((title) => ({ title, number: true }))],
    rows.map((row, index) => [
      row,
      ...values[index]!.map((value) => (value === null ? NONE : minus(value.toFixed(2)))),
    ]),
  );
}

/** Three decimals, or two digits and a power of ten where these would be zeros: "0.034", "5.3e-6". */
function decimals(value: number): string {
  return value !== 0 && Math.abs(value) < 0.0005 ? value.toExponential(1) : value.toFixed(3);
}

function minus(text: string): string {
  return text.replaceAll("-", "\u2212");
}
