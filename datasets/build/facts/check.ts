import { type Fact, factId, splitOf } from "../../../src/data/facts.js";
import type { Tokenizer } from "../../../src/data/tokenizer.js";
import { LONGEST } from "./candidate.js";
import { LARGEST_SHARE, subjectKey } from "./select.js";

/** Longest answer, in tokens. */
export const LONGEST_ANSWER_TOKENS = 12;

/** What is wrong with the facts of all disciplines together, one line each; an empty list is good. */
export function checkFacts(facts: readonly Fact[], tokenizer: Tokenizer): string[] {
  const problems: string[] = [];
  const splits = new Map<string, string>();
  const ids = new Map<string, string>();
  const asked = new Set<string>();
  const answers = new Map<string, Map<string, number>>();
  for (const fact of facts) {
    const name = `${fact.discipline} ${fact.relation} of ${fact.subject}`;
    const side = splits.get(fact.subjectKey) ?? fact.split;
    splits.set(fact.subjectKey, side);
    if (side !== fact.split) problems.push(`${name}: ${fact.subjectKey} is in ${side} and in ${fact.split}`);
    if (fact.split !== splitOf(fact.subjectKey))
      problems.push(`${name}: split does not follow from its hash`);
    if (fact.subjectKey !== subjectKey(fact.subject))
      problems.push(`${name}: wrong subject key ${fact.subjectKey}`);
    if (fact.id !== factId(fact.discipline, fact.relation, fact.subjectKey))
      problems.push(`${name}: wrong id ${fact.id}`);
    const other = ids.get(fact.id);
    if (other !== undefined) problems.push(`${name}: same id as ${other}`);
    ids.set(fact.id, name);
    if (asked.has(name.toLowerCase())) problems.push(`${name}: asked twice`);
    asked.add(name.toLowerCase());
    const length = tokenizer.encode(fact.answer).length;
    if (length > LONGEST_ANSWER_TOKENS) problems.push(`${name}: answer of ${length} tokens`);
    for (const [part, text] of [
      ["subject", fact.subject],
      ["answer", fact.answer],
    ] as const) {
      if (!/^[\x20-\x7e]+$/.test(text) || /<\/?[a-z]|&[a-z]+;/i.test(text))
        problems.push(`${name}: ${part} is not plain text`);
      if (text.length > LONGEST[part]) problems.push(`${name}: ${part} of ${text.length} characters`);
    }
    const right = [fact.answer, ...fact.aliases].map((text) => text.toLowerCase());
    if (fact.choices.filter((choice) => right.includes(choice.toLowerCase())).length !== 1) {
      problems.push(`${name}: not one right choice of four`);
    }
    const counts = answers.get(fact.relation) ?? new Map<string, number>();
    counts.set(fact.answer, (counts.get(fact.answer) ?? 0) + 1);
    answers.set(fact.relation, counts);
  }
  for (const [relation, counts] of answers) {
    const total = [...counts.values()].reduce((a, b) => a + b, 0);
    const [answer, count] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a));
    if (count / total > LARGEST_SHARE) {
      problems.push(`${relation}: ${answer} is ${((100 * count) / total).toFixed(0)} % of its facts`);
    }
  }
  return problems;
}
