import { digitsOf, intervalText, lawName, pText, shapedWord, signed } from "../laws/headline.js";
import type { Study } from "./study.js";

/** A law in one line, as the page and the README show it. */
export interface LawRow {
  readonly law: string;
  readonly claim: string;
  readonly verdict: string;
  /** Effect with its interval. */
  readonly effect: string;
  readonly p: string;
  /** Pairs of runs. */
  readonly n: string;
}

/** The line of a study. */
export function lawRow({ law, verdict, evidence }: Study): LawRow {
  const { word, effect, interval, adjustedP, pairs, sesoi } = verdict;
  const digits = digitsOf(sesoi);
  return {
    law: lawName(verdict.number, law.title),
    claim: law.rule.claim,
    verdict: shapedWord(word),
    effect: `${signed(effect, digits)}${interval === null ? "" : ` ${intervalText(interval, digits)}`}`,
    p: pNumber(adjustedP),
    n: `${pairs}${evidence.purpose === "pilot" ? " pilot" : ""}`,
  };
}

/** "0.008" or "< 0.001". */
export function pNumber(p: number): string {
  return pText(p).replace(/^= /, "");
}

/** The README's table of laws, by number: Markdown without a line break at its end. */
export function lawsTable(studies: readonly Study[]): string {
  const cell = (text: string): string => text.replace(/\s+/g, " ").replace(/[\\|]/g, "\\$&");
  const rows = byNumber(studies)
    .map(lawRow)
    .map(({ law, claim, verdict, effect, p, n }) => [law, claim, verdict, effect, p, n]);
  return [
    ["law", "claim", "verdict", "effect, 95 % interval", "adjusted p", "N"],
    ["---", "---", "---", "---", "---:", "---:"],
    ...rows.map((row) => row.map(cell)),
  ]
    .map((row) => `| ${row.join(" | ")} |`)
    .join("\n");
}

/** Studies in the order of their laws. */
export function byNumber(studies: readonly Study[]): Study[] {
  return [...studies].sort((a, b) => a.law.rule.number - b.law.rule.number);
}
