import { stream } from "../../../src/core/random.js";
import type { Candidate, Offer } from "./candidate.js";

/** Largest share of a relation's facts that may have the same answer. */
export const LARGEST_SHARE = 0.25;

/** Fewest different answers of a relation: a choice of four needs some room. */
const FEWEST_ANSWERS = 5;

/** The name of an entity, equal across relations and disciplines. */
export function subjectKey(subject: string): string {
  return subject.toLowerCase();
}

/**
 * Chooses a discipline's facts: single answers only, no answer above its share, per topic whole subjects in random order
 * until the quota is full, those with two or more relations first. Extra relations come along and do not count.
 */
export function selectFacts(discipline: string, offer: Offer, extra: ReadonlySet<string>): Candidate[] {
  const draws = stream("datasets", "select", discipline);
  const single = singleAnswers(offer.candidates);
  const pool = capShares(draws.shuffle(single));
  const chosen: Candidate[] = [];
  for (const topic of Object.keys(offer.quotas).sort()) {
    const quota = offer.quotas[topic]!;
    const subjects = groupBy(
      pool.filter((candidate) => candidate.topic === topic),
      (candidate) => subjectKey(candidate.subject),
    );
    const asked = (group: readonly Candidate[]): number =>
      group.filter(({ relation }) => !extra.has(relation)).length;
    const order = draws.shuffle([...subjects.keys()].sort());
    const several = order.filter((key) => asked(subjects.get(key)!) >= 2);
    const lone = order.filter((key) => asked(subjects.get(key)!) === 1);
    let count = 0;
    for (const key of [...several, ...lone]) {
      const group = subjects.get(key)!;
      if (count + asked(group) > quota) continue;
      count += asked(group);
      chosen.push(...group);
    }
  }
  const counts = groupBy(chosen, ({ relation }) => relation);
  const rich = chosen.filter(
    ({ relation }) => new Set(counts.get(relation)!.map((c) => c.answer)).size >= FEWEST_ANSWERS,
  );
  return capShares(rich).sort((a, b) => order(a, b));
}

/** Keeps the (relation, subject) pairs that have one answer; a synonym in the aliases counts as the same answer. */
function singleAnswers(candidates: readonly Candidate[]): Candidate[] {
  const groups = groupBy(candidates, (c) => `${c.relation}/${subjectKey(c.subject)}`);
  const kept: Candidate[] = [];
  for (const key of [...groups.keys()].sort()) {
    const group = groups.get(key)!;
    if (new Set(group.map(({ answer }) => answer)).size === 1) kept.push(group[0]!);
  }
  return kept;
}

/** Drops facts, last first, until no answer has more than its share of its relation. */
export function capShares(candidates: readonly Candidate[]): Candidate[] {
  let kept = [...candidates];
  for (;;) {
    const total = new Map<string, number>();
    const byAnswer = new Map<string, number>();
    for (const { relation, answer } of kept) {
      total.set(relation, (total.get(relation) ?? 0) + 1);
      byAnswer.set(`${relation}/${answer}`, (byAnswer.get(`${relation}/${answer}`) ?? 0) + 1);
    }
    const seen = new Map<string, number>();
    const next = kept.filter(({ relation, answer }) => {
      const key = `${relation}/${answer}`;
      const position = (seen.get(key) ?? 0) + 1;
      seen.set(key, position);
      const others = total.get(relation)! - byAnswer.get(key)!;
      const most =
        byAnswer.get(key)! <= LARGEST_SHARE * total.get(relation)!
          ? Infinity
          : (others * LARGEST_SHARE) / (1 - LARGEST_SHARE);
      return position <= Math.max(1, Math.floor(most));
    });
    if (next.length === kept.length) return kept;
    kept = next;
  }
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key) ?? [];
    group.push(item);
    groups.set(key, group);
  }
  return groups;
}

function order(a: Candidate, b: Candidate): number {
  return compare(a.topic, b.topic) || compare(a.subject, b.subject) || compare(a.relation, b.relation);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
