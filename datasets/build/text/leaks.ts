import { words } from "../facts/candidate.js";

/** What a leak check needs of a fact. */
export interface Secret {
  readonly subject: string;
  readonly answer: string;
  readonly aliases: readonly string[];
}

/** A fact whose subject and answer stand in one line. */
export interface Leak {
  readonly subject: string;
  readonly answer: string;
}

/**
 * A check of single lines: the first fact whose subject and answer (or an alias) both stand in the line as whole words,
 * case and punctuation aside. Subjects are looked up by every run of words of the line, so the cost does not grow with
 * the number of facts.
 */
export function leakFinder(facts: Iterable<Secret>): (line: string) => Leak | undefined {
  const answersOf = new Map<string, Set<string>>();
  let longest = 0;
  for (const { subject, answer, aliases } of facts) {
    const key = words(subject);
    longest = Math.max(longest, key.split(" ").length);
    const answers = answersOf.get(key) ?? new Set<string>();
    for (const text of [answer, ...aliases]) answers.add(words(text));
    answers.delete("");
    answersOf.set(key, answers);
  }
  return (line) => {
    const text = words(line);
    const padded = ` ${text} `;
    const parts = text.split(" ");
    for (let start = 0; start < parts.length; start++) {
      let run = "";
      for (let end = start; end < Math.min(parts.length, start + longest); end++) {
        run = end === start ? parts[end]! : `${run} ${parts[end]}`;
        for (const answer of answersOf.get(run) ?? []) {
          if (padded.includes(` ${answer} `)) return { subject: run, answer };
        }
      }
    }
    return undefined;
  };
}
