import { LawbookError, mismatch } from "../core/errors.js";
import type { LawRule } from "./law.js";

/** A law run is judged by its rule; a pilot sets a study up and decides nothing. */
export type Purpose = "law" | "pilot";

/** Seeds from here on belong to pilots; 1 to 99 belong to laws. */
export const FIRST_PILOT_SEED = 101;

/** The first `count` pilot seeds: 101, 102, ... */
export function pilotSeeds(count: number): number[] {
  return Array.from({ length: count }, (_, index) => FIRST_PILOT_SEED + index);
}

/** What a list of seeds is for. Throws where it mixes both, repeats a seed or holds one that belongs to neither. */
export function purposeOf(rule: LawRule, seeds: readonly number[]): Purpose {
  const purpose = seeds.every((seed) => seed >= FIRST_PILOT_SEED) ? "pilot" : "law";
  checkSeeds(rule, seeds, purpose);
  return purpose;
}

/**
 * Refuses a pilot on law seeds and law seeds that the rule does not name, so that nothing is tuned on what judges.
 * Throws `usage`.
 */
export function checkSeeds(rule: LawRule, seeds: readonly number[], purpose: Purpose): void {
  const allowed =
    purpose === "pilot"
      ? (seed: number) => Number.isSafeInteger(seed) && seed >= FIRST_PILOT_SEED
      : (seed: number) => rule.seeds.includes(seed);
  const wrong = seeds.filter((seed, index) => !allowed(seed) || seeds.indexOf(seed) !== index);
  if (seeds.length > 0 && wrong.length === 0) return;
  const expected =
    purpose === "pilot"
      ? `distinct whole numbers from ${FIRST_PILOT_SEED} upwards`
      : `distinct seeds of the rule: ${rule.seeds.join(", ")}`;
  throw new LawbookError("usage", mismatch(`Seeds of a ${purpose} run of ${rule.law}`, seeds, expected), {
    hint:
      purpose === "pilot"
        ? "Law seeds decide the law and are never used to set it up."
        : `Seeds from ${FIRST_PILOT_SEED} upwards are pilot seeds; a list holds one kind only.`,
    data: { seeds: [...seeds], wrong },
  });
}
