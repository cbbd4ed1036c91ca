import { sha256 } from "../../../src/core/canonical.js";
import { stream } from "../../../src/core/random.js";
import { splitOf } from "../../../src/data/facts.js";
import type { Candidate } from "./candidate.js";
import { subjectKey } from "./select.js";

/** Distractors are drawn from this many answers that are nearest in frequency. */
const NEIGHBOURS = 12;

/**
 * Four choices for each fact: the answer and three other answers of the relation that are about as common. Only answers
 * of training subjects serve (of all subjects where there are fewer than four), and never another right answer.
 */
export function addChoices(facts: readonly Candidate[]): (readonly string[])[] {
  const pools = new Map<string, Pool>();
  for (const relation of new Set(facts.map((fact) => fact.relation))) {
    const own = facts.filter((fact) => fact.relation === relation);
    const training = own.filter((fact) => splitOf(subjectKey(fact.subject)) === "train");
    const pool = poolOf(own, training);
    pools.set(relation, pool.answers.length > NEIGHBOURS ? pool : poolOf(own, own));
  }
  return facts.map((fact) => {
    const { answers, order } = pools.get(fact.relation)!;
    const right = new Set([fact.answer, ...fact.aliases].map((text) => text.toLowerCase()));
    // The place of an answer that no training subject has is where it would stand.
    const place = answers.filter((answer) => order(answer, fact.answer) < 0).length;
    const near = answers
      .map((answer, rank) => ({ answer, distance: Math.abs(rank - place) }))
      .filter(({ answer }) => !right.has(answer.toLowerCase()))
      .sort((a, b) => a.distance - b.distance || order(a.answer, b.answer))
      .slice(0, NEIGHBOURS)
      .map(({ answer }) => answer);
    const draws = stream("datasets", "choices", fact.relation, subjectKey(fact.subject));
    return draws.shuffle([fact.answer, ...draws.shuffle(near).slice(0, 3)]);
  });
}

interface Pool {
  /** Different answers of some facts, in `order`. */
  readonly answers: readonly string[];
  /** The most common in the whole relation first; equal counts in hash order, which has nothing to do with the spelling. */
  readonly order: (a: string, b: string) => number;
}

function poolOf(relation: readonly Candidate[], facts: readonly Candidate[]): Pool {
  const counts = new Map<string, number>();
  for (const { answer } of relation) counts.set(answer, (counts.get(answer) ?? 0) + 1);
  const hashes = new Map([...counts.keys()].map((answer) => [answer, sha256(answer)]));
  const order = (a: string, b: string): number =>
    counts.get(b)! - counts.get(a)! || (a === b ? 0 : hashes.get(a)! < hashes.get(b)! ? -1 : 1);
  return { answers: [...new Set(facts.map(({ answer }) => answer))].sort(order), order };
}
