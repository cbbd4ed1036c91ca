import { stream } from "../core/random.js";
import type { Fact } from "./facts.js";

/**
 * Wrong answers to a fact in random order: other answers that training has for its relation, else the wrong ones of its
 * own choices.
 */
export function wrongAnswers(fact: Fact, trained: readonly Fact[], seed: number): readonly string[] {
  const isWrong = (answer: string): boolean => answer !== fact.answer && !fact.aliases.includes(answer);
  const seen = trained.filter(({ relation }) => relation === fact.relation).map(({ answer }) => answer);
  const others = [...new Set(seen)].filter(isWrong).sort();
  return stream(seed, "preferences", fact.id).shuffle(
    others.length > 0 ? others : fact.choices.filter(isWrong),
  );
}
