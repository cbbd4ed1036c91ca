import type { Interval } from "../core/statistics.js";
import type { Contrast, Evidence } from "./evidence.js";
import { FEWEST_PAIRS, type Verdict, type VerdictWord } from "./judge.js";

/** A shape for each verdict, so that it is not told by colour or word alone. */
export const VERDICT_SHAPES: Readonly<Record<VerdictWord, string>> = {
  supported: "\u25cf",
  contradicted: "\u2715",
  "not supported": "\u25cb",
  inconclusive: "\u25d0",
  "not a test": "\u25a1",
};

/** Qwen2.5-7B-Instruct, the model of the source of the four laws. */
const SOURCE_PARAMETERS = 7e9;
/** Letters of a line under a title. */
const CAPTION_LETTERS = 140;
/** Up to this smallest effect of interest a third decimal is shown. */
const FINE = 0.05;

/** "● Law 1, Balance-then-Diversity: supported (10 seeds)". */
export function verdictTitle(title: string, evidence: Evidence, verdict: Verdict): string {
  const seeds = counted(verdict.pairs, evidence.purpose === "pilot" ? "pilot seed" : "seed");
  const need =
    verdict.word === "not a test"
      ? `, a test needs ${FEWEST_PAIRS} law seeds`
      : verdict.seedsToDecide === null
        ? ""
        : `, about ${verdict.seedsToDecide} would decide`;
  return `${shapedWord(verdict.word, lawName(verdict.number, title))} (${seeds}${need})`;
}

/** "● supported", or with a name "● Law 1, Balance-then-Diversity: supported". */
export function shapedWord(word: VerdictWord, name?: string): string {
  return `${VERDICT_SHAPES[word]} ${name === undefined ? "" : `${name}: `}${word}`;
}

/** "Law 1, Balance-then-Diversity"; number 0 is a claim and 5 upwards no law. */
export function lawName(number: number, title: string): string {
  return number === 0 ? `Claim 0, ${title}` : number <= 4 ? `Law ${number}, ${title}` : title;
}

/**
 * What stands under every law's title: the effect with its p-values, the control, the setting in the law's words, what
 * the marks are, and how far the scale is from the source. `contrast` names the difference, for example "Diverse minus
 * copies"; `setting` is one or more sentences.
 */
export function caption(
  evidence: Evidence,
  verdict: Verdict,
  words: { readonly contrast: string; readonly setting: string },
): string[] {
  const digits = digitsOf(verdict.sesoi);
  return [
    `${words.contrast}: ${effectText(evidence.primary, digits)}; ${significance(verdict)}.`,
    `Control: ${effectText(evidence.control, digits)}.`,
    words.setting,
    "Small marks: single seeds, the same seed joined by a line. Diamonds: means with 95 % t intervals.",
    scaleGap(evidence.base),
  ].flatMap((text) => wrapped(text, CAPTION_LETTERS).split("\n"));
}

/** The one base model that all of it is conditional on, and how many times larger the source's is. */
export function scaleGap({ model, parameters }: Pick<Evidence["base"], "model" | "parameters">): string {
  const times = Number((SOURCE_PARAMETERS / parameters).toPrecision(2)).toFixed(0);
  return (
    `Conditional on one base model, ${model}, of ${(parameters / 1e6).toFixed(2)} million parameters; ` +
    `the source trained one of 7,000 million, ${thousands(times)} times as large.`
  );
}

/** Digits in groups of three: "18,000". */
export function thousands(digits: string | number): string {
  return String(digits).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Decimals in which effects are shown: 2, or 3 where the smallest effect of interest is at most 0.05. */
export function digitsOf(sesoi: number): number {
  return sesoi <= FINE ? 3 : 2;
}

/** Two decimals (or as many as given) with the sign that the value had before rounding, for example "+0.41", "\u22120.00". */
export function signed(value: number, digits = 2): string {
  return `${value < 0 ? "\u2212" : "+"}${Math.abs(value).toFixed(digits)}`;
}

/** "[+0.26, +0.56]", or "none" for one seed. */
export function intervalText(interval: Interval | null, digits = 2): string {
  return interval === null ? "none" : `[${signed(interval.low, digits)}, ${signed(interval.high, digits)}]`;
}

/** An interval of levels, which need no plus: "[0.26, 0.56]". */
export function unsigned(text: string): string {
  return text.replaceAll("+", "");
}

/** A p-value with three decimals, "< 0.001" below them. */
export function pText(p: number): string {
  return p < 0.001 ? "< 0.001" : `= ${p.toFixed(3)}`;
}

/** "p = 0.002, Holm-adjusted = 0.008", or "p = 0.043" of a claim that is adjusted with no other. */
export function significance({ p, adjustedP, family }: Pick<Verdict, "p" | "adjustedP" | "family">): string {
  return `p ${pText(p)}${family === "alone" ? "" : `, Holm-adjusted ${pText(adjustedP)}`}`;
}

/** What the control shows: the effect, its opposite where that is as large, or nothing of interest. */
export function controlText({ control, sesoi }: Pick<Verdict, "control" | "sesoi">): string {
  if (control.failed) return "the effect shows where it should not";
  const opposite = control.interval !== null && control.interval.high < 0 && control.effect <= -sesoi;
  return opposite
    ? "the opposite of the effect shows, where nothing should"
    : "the effect does not show, as it should";
}

/** "+0.41, 95 % interval [+0.26, +0.56]". */
export function effectText({ mean, interval }: Pick<Contrast, "mean" | "interval">, digits = 2): string {
  return `${signed(mean, digits)}, ${interval === null ? "no interval from one seed" : `95 % interval ${intervalText(interval, digits)}`}`;
}

/** "1 seed", "3 pilot seeds". */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Name of values that are means: "steps, mean over 10 seeds". */
export function meanOver(name: string, seeds: number): string {
  return `${name}, mean over ${counted(seeds, "seed")}`;
}

/** Words in lines of at most `width` letters, for labels under an axis; a longer word stays whole. */
export function wrapped(text: string, width = 16): string {
  return text
    .split("\n")
    .flatMap((line) => wrapLine(line, width))
    .join("\n");
}

function wrapLine(line: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of line.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
