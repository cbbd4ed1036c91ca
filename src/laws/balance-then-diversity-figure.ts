import type { Chart, IntervalRow, Panel, PointRow } from "../figures/chart.js";
import { ARMS } from "./balance-then-diversity-arms.js";
import type { BalanceThenDiversityRule } from "./balance-then-diversity.rule.js";
import type { ArmEvidence, Contrast, Evidence, Sample } from "./evidence.js";
import { effectText, pText, signed, verdictTitle } from "./headline.js";
import type { Verdict } from "./judge.js";

/** Qwen2.5-7B-Instruct, the model of the source. */
const SOURCE_PARAMETERS = 7e9;

const ARM_LABELS: Readonly<Record<string, string>> = {
  [ARMS.proportional]: "proportional",
  [ARMS.copies]: "balanced,\ncopies",
  [ARMS.diverse]: "balanced,\ndiverse",
};
const CLAIM_LABEL = "unseen phrasings\n(the claim)";
const CONTROL_LABEL = "trained wording\n(the control)";
/** Pixels between a mean and the seeds that it summarises. */
const BESIDE = 16;

/**
 * Left: accuracy of the small discipline per arm and seed, paired lines, reference models as dashed rules.
 * Right: the paired differences of the claim and of the control, differences too small to matter shaded.
 */
export function balanceThenDiversityChart(
  rule: BalanceThenDiversityRule,
  title: string,
  evidence: Evidence,
  verdict: Verdict,
): Chart {
  const { small, large, training } = rule.settings;
  const { sesoi, at } = rule;
  const parameters = evidence.base.parameters;
  return {
    title: verdictTitle(title, evidence, verdict),
    subtitle: [
      `Diverse minus copies: ${effectText(evidence.primary)}; p ${pText(verdict.p)}, Holm-adjusted ${pText(verdict.adjustedP)}.`,
      `Control: ${effectText(evidence.control)}.`,
      `${small.facts} facts of one small discipline against ${large.facts} in each of four others, ${at.rows} in rows;`,
      `${training.steps} steps of ${training.batch} rows in every arm. Diamonds: means with 95 % t intervals.`,
      `Conditional on one base model, ${evidence.base.model}, of ${(parameters / 1e6).toFixed(2)} million parameters;`,
      `the source trained one of 7,000 million, ${scaleGap(parameters)} times as large.`,
    ],
    panels: [armsPanel(evidence), differencesPanel(evidence, sesoi)],
  };
}

function armsPanel(evidence: Evidence): Panel {
  const compared = evidence.arms.filter(({ role }) => role === "arm");
  const reference = (arm: string): number => evidence.arms.find((one) => one.arm === arm)!.mean;
  const label = (arm: string): string => ARM_LABELS[arm] ?? arm;
  const points = compared.flatMap((arm) =>
    arm.values.map((value, index) => pointRow(evidence, arm, label, value, index)),
  );
  return {
    title: "Small discipline, asked in unseen phrasings",
    width: 290,
    height: 280,
    x: { kind: "category", title: null, values: compared.map(({ arm }) => label(arm)) },
    y: {
      kind: "number",
      title: "strict accuracy",
      domain: [0, 1],
      format: ".1f",
      ticks: [0, 0.2, 0.4, 0.6, 0.8, 1],
    },
    layers: [
      {
        kind: "rules",
        rows: [
          { y: reference(ARMS.alone), label: "small discipline\nalone, diverse" },
          { y: reference(ARMS.instruct), label: "Instruct,\nuntouched" },
        ],
      },
      { kind: "lines", rows: points },
      { kind: "points", rows: points, legend: "small discipline" },
      {
        kind: "intervals",
        beside: BESIDE,
        rows: compared.map((arm) => intervalRow(label(arm.arm), arm, [0, 1], arm.mean.toFixed(2))),
      },
    ],
  };
}

function differencesPanel(evidence: Evidence, sesoi: number): Panel {
  const both: readonly (readonly [string, Contrast])[] = [
    [CLAIM_LABEL, evidence.primary],
    [CONTROL_LABEL, evidence.control],
  ];
  // A difference of accuracies lies in [-1, 1]; the empty lower part is left out where no seed needs it.
  const lowest = both.every(([, { values }]) => values.every((value) => value >= -0.4)) ? -0.4 : -1;
  return {
    title: "Diverse minus copies, same seed",
    width: 215,
    height: 280,
    x: { kind: "category", title: null, values: [CLAIM_LABEL, CONTROL_LABEL] },
    y: {
      kind: "number",
      title: "difference in strict accuracy",
      domain: [lowest, 1],
      format: ".1f",
      ticks: [-1, -0.8, -0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 1].filter((tick) => tick >= lowest),
    },
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
        rows: both.flatMap(([x, { values, treatment, comparator }]) =>
          values.map((y, index) => ({
            x,
            y,
            series: `seed ${evidence.seeds[index]}`,
            group: evidence.units[index]!,
            origin: `${runOf(evidence, treatment, index)} - ${runOf(evidence, comparator, index)}`,
          })),
        ),
      },
      {
        kind: "intervals",
        beside: BESIDE,
        rows: both.map(([x, one]) => ({
          ...intervalRow(x, one, [lowest, 1], signed(one.mean)),
          tone: one === evidence.primary ? ("accent" as const) : ("contrast" as const),
        })),
      },
    ],
  };
}

function pointRow(
  evidence: Evidence,
  arm: ArmEvidence,
  label: (arm: string) => string,
  y: number,
  index: number,
): PointRow {
  return {
    x: label(arm.arm),
    y,
    series: `seed ${evidence.seeds[index]}`,
    group: evidence.units[index]!,
    origin: runOf(evidence, arm.arm, index),
  };
}

/** The first 12 digits of a run's id, enough for `lawbook retrain`. */
function runOf(evidence: Evidence, arm: string, index: number): string {
  return evidence.arms.find((one) => one.arm === arm)!.runs[index]!.slice(0, 12);
}

/** An interval cut at the range of the score; the whole one stands in the evidence. */
function intervalRow(
  x: string,
  one: Sample,
  [least, most]: readonly [number, number],
  label: string,
): IntervalRow {
  const { interval } = one;
  return {
    x,
    mean: one.mean,
    low: interval === null ? null : Math.max(least, interval.low),
    high: interval === null ? null : Math.min(most, interval.high),
    label,
  };
}

/** How many times larger the source's 7 billion parameters are, to two digits, with thousands separated. */
function scaleGap(parameters: number): string {
  const digits = Number((SOURCE_PARAMETERS / parameters).toPrecision(2)).toFixed(0);
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}
