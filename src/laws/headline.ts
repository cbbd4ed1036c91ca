import type { Interval } from "../core/statistics.js";
import type { Contrast, Evidence } from "./evidence.js";
import { FEWEST_PAIRS, type Verdict, type VerdictWord } from "./judge.js";

/** A shape for each verdict, so that it is not told by colour or word alone. */
const SHAPES: Readonly<Record<VerdictWord, string>> = {
  supported: "\u25cf",
  contradicted: "\u2715",
  "not supported": "\u25cb",
  inconclusive: "\u25d0",
  "not a test": "\u25a1",
};

/** "● Law 1, Balance-then-Diversity: supported (10 seeds)". */
export function verdictTitle(title: string, evidence: Evidence, verdict: Verdict): string {
  const seeds = counted(verdict.pairs, evidence.purpose === "pilot" ? "pilot seed" : "seed");
  const need =
    verdict.word === "not a test"
      ? `, a test needs ${FEWEST_PAIRS} law seeds`
      : verdict.seedsToDecide === null
        ? ""
        : `, about ${verdict.seedsToDecide} would decide`;
  return `${SHAPES[verdict.word]} Law ${verdict.number}, ${title}: ${verdict.word} (${seeds}${need})`;
}

/** Two decimals with a sign, for example "+0.41". */
export function signed(value: number): string {
  const text = value.toFixed(2);
  return Number(text) < 0 ? text.replace("-", "\u2212") : `+${text.replace("-", "")}`;
}

/** "[+0.26, +0.56]", or "none" for one seed. */
export function intervalText(interval: Interval | null): string {
  return interval === null ? "none" : `[${signed(interval.low)}, ${signed(interval.high)}]`;
}

/** A p-value with three decimals, "< 0.001" below them. */
export function pText(p: number): string {
  return p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`;
}

/** "+0.41, 95 % interval [+0.26, +0.56]". */
export function effectText({ mean, interval }: Pick<Contrast, "mean" | "interval">): string {
  return `${signed(mean)}, ${interval === null ? "no interval from one seed" : `95 % interval ${intervalText(interval)}`}`;
}

/** "1 seed", "3 pilot seeds". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
