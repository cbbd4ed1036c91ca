import { contentId } from "../core/canonical.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { holm, type Interval, tQuantile } from "../core/statistics.js";
import type { Difference, Evidence } from "./evidence.js";
import { controlFailed, FEWEST_PAIRS, fold, type VerdictWord } from "./fold.js";
import type { LawRule } from "./law.js";

export { FEWEST_PAIRS, type VerdictWord };

/** The part of the evidence that a verdict follows from. */
export type Judged = Pick<Evidence, "rule" | "purpose"> & Readonly<Record<"primary" | "control", Difference>>;

/** A verdict with every number that led to it. */
export interface Verdict {
  readonly law: string;
  readonly number: number;
  readonly claim: string;
  readonly word: VerdictWord;
  /** The step of the fold that decided. */
  readonly because: string;
  readonly pairs: number;
  /** Mean paired difference of the primary contrast, in the unit of the estimand. */
  readonly effect: number;
  readonly interval: Interval | null;
  readonly p: number;
  readonly family: LawRule["family"];
  /** p adjusted for the family; claims of the family that have no p yet count as 1. */
  readonly adjustedP: number;
  readonly alpha: number;
  readonly sesoi: number;
  readonly control: { readonly effect: number; readonly interval: Interval | null; readonly failed: boolean };
  /** For `inconclusive`: pairs that would decide if mean and deviation stayed as they are; null beyond 10,000. */
  readonly seedsToDecide: number | null;
}

/** Claims in each family of adjusted p-values; the variability claim is adjusted with no other. */
const FAMILY_SIZES: Readonly<Record<string, number>> = { "four-laws-holm": 4, alone: 1 };
const MOST_PAIRS = 10_000;

/**
 * Judges evidence by a rule: the first line of the fold that holds decides.
 * `others`: p-values of the other claims of the family, as far as they are known.
 * Throws where the evidence was gathered under another rule.
 */
export function judge(rule: LawRule, evidence: Judged, others: readonly number[] = []): Verdict {
  const ruleId = contentId(rule);
  if (evidence.rule !== ruleId) {
    throw new LawbookError(
      "record-damaged",
      mismatch(`Rule of the evidence of ${rule.law}`, evidence.rule, ruleId),
      { hint: "Gather the evidence again from the records." },
    );
  }
  const { primary, control, purpose } = evidence;
  const numbers = {
    law: rule.law,
    number: rule.number,
    claim: rule.claim,
    pairs: primary.values.length,
    effect: primary.mean,
    interval: primary.interval,
    p: primary.p,
    family: rule.family,
    adjustedP: adjust(rule, primary.p, others),
    alpha: rule.alpha,
    sesoi: rule.sesoi,
    control: { effect: control.mean, interval: control.interval },
  };
  const { word, because } = fold(numbers, purpose).find(({ holds }) => holds)!;
  return {
    ...numbers,
    control: { ...numbers.control, failed: controlFailed(numbers) },
    word,
    because,
    seedsToDecide: word === "inconclusive" ? seedsToDecide(rule, evidence) : null,
  };
}

function familySize({ law, family }: LawRule): number {
  const size = FAMILY_SIZES[family];
  if (size === undefined) {
    throw new LawbookError(
      "internal",
      mismatch(`Family of ${law}`, family, `one of ${Object.keys(FAMILY_SIZES).join(", ")}`),
    );
  }
  return size;
}

/** Holm-adjusted p of one claim; claims of the family without a p count as 1, the worst case. */
function adjust(rule: LawRule, p: number, others: readonly number[]): number {
  const size = familySize(rule);
  if (others.length > size - 1) {
    throw new LawbookError(
      "internal",
      mismatch(`Other claims of ${rule.family}`, others.length, `at most ${size - 1}`),
    );
  }
  const unknown = Array.from({ length: size - 1 - others.length }, () => 1);
  return holm([p, ...others, ...unknown])[0]!;
}

/**
 * The fewest pairs n at which the fold would decide, mean m and deviation s staying as they are:
 * m >= SESOI or m < 0: t_{1 - alpha / (2 k), n - 1} s / sqrt(n) <= |m|;
 * m < SESOI: m + t_{0.975, n - 1} s / sqrt(n) < SESOI.
 * k: claims in the family. Deviation: the t quantile stands for the exact test, whose
 * smallest p, 2^(1 - n), lies below alpha / k from 10 pairs on.
 */
function seedsToDecide(rule: LawRule, evidence: Judged): number | null {
  const { mean, deviation } = evidence.primary;
  const level = rule.alpha / familySize(rule);
  const decides = (n: number): boolean => {
    const error = (deviation ?? 0) / Math.sqrt(n);
    const significant = tQuantile(1 - level / 2, n - 1) * error <= Math.abs(mean);
    const below = mean + tQuantile(0.975, n - 1) * error < rule.sesoi;
    return below || (significant && (mean >= rule.sesoi || mean < 0));
  };
  if (!decides(MOST_PAIRS)) return null;
  // Both conditions, once true, stay true as n grows.
  let [short, enough] = [FEWEST_PAIRS - 1, MOST_PAIRS];
  while (enough - short > 1) {
    const middle = Math.floor((short + enough) / 2);
    if (decides(middle)) enough = middle;
    else short = middle;
  }
  return enough;
}
