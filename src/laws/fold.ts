import type { Interval } from "../core/statistics.js";
import type { Purpose } from "./seeds.js";

/** The five words that a judge can say. */
export type VerdictWord = "supported" | "contradicted" | "not supported" | "inconclusive" | "not a test";

/** Fewer pairs than this are not a test. */
export const FEWEST_PAIRS = 10;

/** The numbers that a verdict follows from. */
export interface FoldNumbers {
  readonly pairs: number;
  readonly effect: number;
  readonly interval: Interval | null;
  readonly adjustedP: number;
  readonly alpha: number;
  readonly sesoi: number;
  readonly control: { readonly effect: number; readonly interval: Interval | null };
}

/** One line of the fold. */
export interface FoldStep {
  readonly word: VerdictWord;
  /** The condition with its thresholds. */
  readonly condition: string;
  /** Why, where this line decides. */
  readonly because: string;
  readonly holds: boolean;
}

/** Does the effect show in the control, where it should not? */
export function controlFailed({ control, sesoi }: Pick<FoldNumbers, "control" | "sesoi">): boolean {
  return control.interval !== null && control.interval.low > 0 && control.effect >= sesoi;
}

/**
 * Every line of the fold in order; the first that holds decides:
 * pilot seeds, or fewer than 10 pairs -> not a test;
 * control interval above 0 and control mean >= SESOI -> not supported;
 * adjusted p <= alpha and mean >= SESOI -> supported;
 * adjusted p <= alpha and mean < 0 -> contradicted;
 * interval entirely below SESOI -> not supported;
 * else inconclusive. The last line always holds.
 */
export function fold(numbers: FoldNumbers, purpose: Purpose): FoldStep[] {
  const { pairs, effect, interval, adjustedP, alpha, sesoi } = numbers;
  const significant = adjustedP <= alpha;
  return [
    {
      word: "not a test",
      condition: "pilot seeds",
      because: "pilot seeds set a study up; only law seeds decide",
      holds: purpose === "pilot",
    },
    {
      word: "not a test",
      condition: `fewer than ${FEWEST_PAIRS} pairs`,
      because: `fewer than ${FEWEST_PAIRS} pairs`,
      holds: pairs < FEWEST_PAIRS,
    },
    {
      word: "not supported",
      condition: `control: interval above 0 and mean at least ${sesoi}`,
      because: "the effect also shows in the control, where it should not",
      holds: controlFailed(numbers),
    },
    {
      word: "supported",
      condition: `adjusted p at most ${alpha} and mean at least ${sesoi}`,
      because: "significant, and at least the smallest effect of interest",
      holds: significant && effect >= sesoi,
    },
    {
      word: "contradicted",
      condition: `adjusted p at most ${alpha} and mean below 0`,
      because: "significant in the other direction",
      holds: significant && effect < 0,
    },
    {
      word: "not supported",
      condition: `interval entirely below ${sesoi}`,
      because: "the whole interval lies below the smallest effect of interest",
      holds: interval !== null && interval.high < sesoi,
    },
    {
      word: "inconclusive",
      condition: "none of these",
      because: significant
        ? "an effect shows, but not whether it reaches the smallest effect of interest"
        : "neither an effect nor its absence is shown",
      holds: true,
    },
  ];
}
