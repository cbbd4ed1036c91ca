import type { Discipline } from "../../../src/runs/request.js";
import type { Origin } from "../sources.js";

/** A possible fact before selection. */
export interface Candidate {
  readonly discipline: Discipline;
  readonly topic: string;
  readonly relation: string;
  readonly subject: string;
  readonly answer: string;
  readonly aliases: readonly string[];
  readonly origin: Origin;
}

/** How many facts of each topic a discipline keeps at most. */
export type Quotas = Readonly<Record<string, number>>;

/** What one discipline offers. */
export interface Offer {
  readonly quotas: Quotas;
  readonly candidates: readonly Candidate[];
}

/** Longest subject and answer, in characters. */
export const LONGEST = { subject: 28, answer: 24 } as const;

/** Collects candidates of one discipline. */
export class Candidates {
  readonly list: Candidate[] = [];

  constructor(private readonly discipline: Discipline) {}

  /** Adds a fact unless a text is empty or too long, is not ASCII after folding accents, or the question shows the answer. */
  add(
    origin: Origin,
    topic: string,
    relation: string,
    subject: string,
    answer: string,
    aliases: readonly string[] = [],
  ): void {
    const [s, a] = [fold(subject), fold(answer)];
    if (s === undefined || a === undefined || s.length > LONGEST.subject || a.length > LONGEST.answer) return;
    if (` ${words(s)} `.includes(` ${words(a)} `) || words(a) === "" || words(s) === "") return;
    const others = aliases
      .map(fold)
      .filter((alias) => alias !== undefined && alias.toLowerCase() !== a.toLowerCase());
    this.list.push({
      discipline: this.discipline,
      topic,
      relation,
      subject: s,
      answer: a,
      aliases: [...new Set(others as string[])].sort(),
      origin,
    });
  }
}

/** Text without accents and outer blanks, or undefined where it is empty or something other than printable ASCII is left. */
export function fold(text: string): string | undefined {
  const plain = text.normalize("NFD").replace(/\p{M}/gu, "").replace(/\s+/g, " ").trim();
  return /^[\x20-\x7e]+$/.test(plain) ? plain : undefined;
}

/** Lower-case words of letters and digits, joined by one blank: the form in which texts are compared. */
export function words(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, " ")
    .trim();
}
