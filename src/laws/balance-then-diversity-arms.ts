import {
  type Discipline,
  DISCIPLINES,
  type EvaluationSet,
  type SamplerRequest,
  type TrainRequest,
} from "../runs/request.js";
import { parseTrainRequest } from "../runs/schema.js";
import type { BalanceThenDiversityRule } from "./balance-then-diversity.rule.js";

/** Names of the runs of one seed, as evidence and figure show them. */
export const ARMS = {
  proportional: "proportional",
  copies: "balanced",
  diverse: "balanced+diversity",
  controlCopies: "balanced, control",
  controlDiverse: "balanced+diversity, control",
  alone: "small discipline alone",
  instruct: "instruct",
} as const;

/** The discipline that is small under a seed. */
export function smallDiscipline(rule: BalanceThenDiversityRule, seed: number): Discipline {
  const { disciplines } = rule.settings.small;
  return disciplines[(seed - 1) % disciplines.length]!;
}

/** The four others. */
export function largeDisciplines(rule: BalanceThenDiversityRule, seed: number): Discipline[] {
  return DISCIPLINES.filter((discipline) => discipline !== smallDiscipline(rule, seed));
}

/** What differs between the runs of a seed. */
interface Mixture {
  readonly sampler: SamplerRequest;
  readonly smallFacts: number;
  readonly smallWordings: number;
  /** Absent: the small discipline alone. */
  readonly large?: { readonly facts: number; readonly wordings: number };
  readonly tests: EvaluationSet;
  readonly steps?: number;
}

/**
 * The runs of one seed: three compared arms; the two balanced ones again with more facts as control, large disciplines
 * with as many more wordings so that the ratio in rows stays; the small discipline alone and the untouched model (a
 * training of no steps) as references.
 */
export function armsOf(rule: BalanceThenDiversityRule, seed: number): Record<string, TrainRequest> {
  const { small, large, control } = rule.settings;
  const { copies, diverse } = small.wordings;
  const balanced = { kind: "balanced", diversity: false } as const;
  const balancedDiverse = { kind: "balanced", diversity: true } as const;
  const main = { smallFacts: small.facts, large, tests: "t-recall" } as const;
  const controlled = {
    smallFacts: control.smallFacts,
    large: { facts: large.facts, wordings: control.largeWordings },
    tests: "t-trained",
  } as const;
  const alone = {
    smallFacts: small.facts,
    smallWordings: diverse,
    sampler: balancedDiverse,
    tests: "t-recall",
  } as const;
  const request = (mixture: Mixture): TrainRequest => requestOf(rule, seed, mixture);
  return {
    [ARMS.proportional]: request({
      ...main,
      smallWordings: copies,
      sampler: { kind: "proportional", diversity: false },
    }),
    [ARMS.copies]: request({ ...main, smallWordings: copies, sampler: balanced }),
    [ARMS.diverse]: request({ ...main, smallWordings: diverse, sampler: balancedDiverse }),
    [ARMS.controlCopies]: request({ ...controlled, smallWordings: copies, sampler: balanced }),
    [ARMS.controlDiverse]: request({ ...controlled, smallWordings: diverse, sampler: balancedDiverse }),
    [ARMS.alone]: request(alone),
    [ARMS.instruct]: request({ ...alone, steps: 0 }),
  };
}

/** A request in the form that `resolve` gives: disciplines in their order, wordings named for each. */
function requestOf(rule: BalanceThenDiversityRule, seed: number, mixture: Mixture): TrainRequest {
  const small = smallDiscipline(rule, seed);
  const used = mixture.large === undefined ? [small] : DISCIPLINES;
  const counts = (ofSmall: number, ofLarge: number): Partial<Record<Discipline, number>> =>
    Object.fromEntries(used.map((discipline) => [discipline, discipline === small ? ofSmall : ofLarge]));
  const { training } = rule.settings;
  return parseTrainRequest({
    ...training,
    steps: mixture.steps ?? training.steps,
    data: {
      facts: counts(mixture.smallFacts, mixture.large?.facts ?? 0),
      wordings: counts(mixture.smallWordings, mixture.large?.wordings ?? 0),
      sampler: mixture.sampler,
    },
    evaluate: { sets: [mixture.tests] },
    seed,
    device: rule.device,
  });
}
