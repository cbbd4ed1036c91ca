import { LawbookError, mismatch } from "../core/errors.js";
import type { Axis, IntervalRow, PointRow } from "../figures/chart.js";
import type { ArmEvidence, Difference, Evidence, Sample } from "./evidence.js";

/** Pixels between a mean and the seeds that it summarises. */
export const BESIDE = 16;

/** Pixels of a panel with another one above or below, none beside it. */
export const WHOLE_WIDTH = 640;

/** A vertical axis of numbers. */
export type NumberAxis = Extract<Axis, { kind: "number" }>;

/** Accuracies in [0, 1]; where none of these values reaches a half, from 0 to as far as they go. */
export function accuracyAxis(title = "strict accuracy", values: readonly number[] = [1]): NumberAxis {
  if (Math.max(0, ...values) < 0.5) return fittedAxis(title, [0, ...values]);
  return { kind: "number", title, domain: [0, 1], format: ".1f", ticks: [0, 0.2, 0.4, 0.6, 0.8, 1] };
}

/** Steps between ticks, from fine to coarse. */
const STEPS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100];
const MOST_TICKS = 8;

/** An axis whose ends are round numbers and hold all values; the finest step that needs at most eight ticks. */
export function fittedAxis(title: string, values: readonly number[]): NumberAxis {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (!Number.isFinite(least) || !Number.isFinite(most)) {
    throw new LawbookError("internal", mismatch(`Values of the axis "${title}"`, values, "finite numbers"));
  }
  const ends = (step: number): [number, number] => [Math.floor(least / step), Math.ceil(most / step)];
  const step =
    STEPS.find((one) => ends(one)[1] - ends(one)[0] < MOST_TICKS) ?? (most - least) / (MOST_TICKS - 1);
  const [from, wanted] = ends(step);
  const to = wanted === from ? from + 1 : wanted;
  const digits = step < 0.01 ? 3 : step < 0.1 ? 2 : step < 1 ? 1 : 0;
  const at = (index: number): number => Number((index * step).toFixed(digits));
  return {
    kind: "number",
    title,
    domain: [at(from), at(to)],
    format: `.${digits}f`,
    ticks: Array.from({ length: to - from + 1 }, (_, index) => at(from + index)),
  };
}

/** An arm by its name. Throws `internal` where the evidence has none. */
export function armOf(evidence: Evidence, arm: string): ArmEvidence {
  const found = evidence.arms.find((one) => one.arm === arm);
  if (found === undefined) {
    const known = evidence.arms.map((one) => one.arm);
    throw new LawbookError("internal", mismatch("Arm of a figure", arm, `one of ${known.join(", ")}`));
  }
  return found;
}

/** One point a seed; seeds that vary something besides their draws are told apart by shape. */
export function seedRows(
  evidence: Evidence,
  x: string,
  values: readonly number[],
  origin: (index: number) => string,
): PointRow[] {
  const varied = new Set(evidence.units).size > 1;
  return values.map((y, index) => ({
    x,
    y,
    series: `seed ${evidence.seeds[index]}`,
    ...(varied ? { group: evidence.units[index]! } : {}),
    origin: origin(index),
  }));
}

/** The first 12 digits of a run's id, enough for `lawbook retrain`; empty where a value has no single run. */
export function runOf(evidence: Evidence, arm: string, index: number): string {
  return evidence.arms.find((one) => one.arm === arm)?.runs[index]?.slice(0, 12) ?? "";
}

/** The two runs of a paired difference, or "" where an arm has no single run. */
export function runsOfPair(evidence: Evidence, contrast: Difference, index: number): string {
  const [treatment, comparator] = [contrast.treatment, contrast.comparator].map((arm) =>
    runOf(evidence, arm, index),
  );
  return treatment === "" || comparator === "" ? "" : `${treatment} - ${comparator}`;
}

/** An interval cut at the ends of the axis; the whole one stands in the evidence. */
export function intervalRow(
  x: string,
  one: Sample,
  [least, most]: readonly [number, number],
  label: string,
): IntervalRow {
  const { mean, interval } = one;
  return { x, mean, ...(interval === null ? { low: null, high: null } : cut(interval, least, most)), label };
}

function cut(
  { low, high }: { low: number; high: number },
  least: number,
  most: number,
): { low: number; high: number } {
  return { low: Math.max(least, low), high: Math.min(most, high) };
}
