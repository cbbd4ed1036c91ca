import { type Discipline, DISCIPLINES, type TrainRequest } from "../runs/request.js";
import { parseTrainRequest, type TrainInput } from "../runs/schema.js";
import type { Arms } from "./arms.js";
import type { LawRule, TrainingSettings } from "./law.js";

/** A rule whose settings hold one training that its arms vary. */
export type TrainingRule = LawRule<{ readonly training: TrainingSettings }>;

/** The training of a rule with what an arm changes, in the form that a resolved request has. */
export function trainingRequest(
  rule: TrainingRule,
  seed: number,
  changes: Partial<TrainInput> & Pick<TrainInput, "data">,
): TrainRequest {
  return parseTrainRequest({ ...rule.settings.training, seed, device: rule.device, ...changes });
}

/** The same number for every discipline. */
export function each(
  count: number,
  disciplines: readonly Discipline[] = DISCIPLINES,
): Record<Discipline, number> {
  return Object.fromEntries(
    DISCIPLINES.filter((one) => disciplines.includes(one)).map((one) => [one, count]),
  ) as Record<Discipline, number>;
}

/** A training on all disciplines as one on each alone, `<discipline> alone`; `steps`: a discipline's share where left out. */
export function aloneRequests(whole: TrainRequest, steps: number = whole.steps / DISCIPLINES.length): Arms {
  if ("text" in whole.data) return {};
  const { data } = whole;
  return Object.fromEntries(
    DISCIPLINES.map((one) => [
      `${one} alone`,
      {
        ...whole,
        steps,
        data: { ...data, facts: { [one]: data.facts[one]! }, wordings: { [one]: data.wordings[one]! } },
      },
    ]),
  );
}
