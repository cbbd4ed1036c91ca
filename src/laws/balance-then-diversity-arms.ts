import {
  type Discipline,
  DISCIPLINES,
  type EvaluationSet,
  type SamplerRequest,
  type TrainRequest,
} from "../runs/request.js";
import type { Arms } from "./arms.js";
import type { BalanceThenDiversityRule } from "./balance-then-diversity.rule.js";
import { trainingRequest } from "./requests.js";

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

const BALANCED = { kind: "balanced", diversity: false } as const;
const BALANCED_DIVERSE = { kind: "balanced", diversity: true } as const;

/**
 * The runs of one seed: three compared arms; the two balanced ones again with more facts as control, large disciplines
 * with as many more wordings so that the ratio in rows stays; the small discipline alone and the untouched model (a
 * training of no steps) as references.
 */
export function armsOf(rule: BalanceThenDiversityRule, seed: number): Arms {
  const { small, large, control } = rule.settings;
  const { copies, diverse } = small.wordings;
  const main = { smallFacts: small.facts, large, tests: "t-recall" } as const;
  const controlled = {
    smallFacts: control.smallFacts,
    large: { facts: large.facts, wordings: control.largeWordings },
    tests: "t-trained",
  } as const;
  const alone = {
    smallFacts: small.facts,
    smallWordings: diverse,
    sampler: BALANCED_DIVERSE,
    tests: "t-recall",
  } as const;
  const request = (mixture: Mixture): TrainRequest => requestOf(rule, seed, mixture);
  return {
    [ARMS.proportional]: request({
      ...main,
      smallWordings: copies,
      sampler: { kind: "proportional", diversity: false },
    }),
    [ARMS.copies]: request({ ...main, smallWordings: copies, sampler: BALANCED }),
    [ARMS.diverse]: request({ ...main, smallWordings: diverse, sampler: BALANCED_DIVERSE }),
    [ARMS.controlCopies]: request({ ...controlled, smallWordings: copies, sampler: BALANCED }),
    [ARMS.controlDiverse]: request({ ...controlled, smallWordings: diverse, sampler: BALANCED_DIVERSE }),
    [ARMS.alone]: request(alone),
    [ARMS.instruct]: request({ ...alone, steps: 0 }),
  };
}

/** Name of a point of a grid. */
export const gridArm = (dial: string, x: number, design: string): string => `${dial} ${x}, ${design}`;

/** The samplers that are compared at every imbalance. */
export const SAMPLERS = [
  "proportional",
  "temperature",
  "UniMax",
  "balanced",
  "balanced+diversity",
  "diversity",
] as const;

/**
 * Imbalance in rows, wordings of the small discipline and its facts, one dial at a time, the others as in the compared arms.
 * Diversity without balance has the shares of the copies: its wordings do not count as size.
 */
export function gridOf(rule: BalanceThenDiversityRule, seed: number): Arms {
  const { small, large, grid } = rule.settings;
  if (!grid.seeds.includes(seed)) return {};
  const { copies, diverse } = small.wordings;
  const request = (mixture: Omit<Mixture, "tests">): TrainRequest =>
    requestOf(rule, seed, { ...mixture, tests: "t-recall" });
  const imbalance = grid.imbalance.flatMap(({ rows, facts, wordings }) => {
    const main = { smallFacts: small.facts, large: { facts, wordings } };
    const copied = (sampler: SamplerRequest): TrainRequest =>
      request({ ...main, smallWordings: copies, sampler });
    const weights = Object.fromEntries(
      DISCIPLINES.map((one) => [
        one,
        one === smallDiscipline(rule, seed) ? small.facts * copies : facts * wordings,
      ]),
    );
    const bySampler: Record<(typeof SAMPLERS)[number], TrainRequest> = {
      proportional: copied({ kind: "proportional", diversity: false }),
      temperature: copied({ kind: "temperature", temperature: grid.temperature, diversity: false }),
      UniMax: copied({ kind: "unimax", cap: grid.cap, diversity: false }),
      balanced: copied(BALANCED),
      "balanced+diversity": request({ ...main, smallWordings: diverse, sampler: BALANCED_DIVERSE }),
      diversity: request({
        ...main,
        smallWordings: diverse,
        sampler: { kind: "weighted", weights, diversity: true },
      }),
    };
    return SAMPLERS.map((sampler) => [gridArm("rows", rows, sampler), bySampler[sampler]] as const);
  });
  const main = { large, smallFacts: small.facts };
  const wordings = grid.wordings.map(
    (count) =>
      [
        gridArm("wordings", count, "balanced+diversity"),
        request({ ...main, smallWordings: count, sampler: BALANCED_DIVERSE }),
      ] as const,
  );
  const facts = grid.facts.flatMap((count) => [
    [
      gridArm("facts", count, "balanced"),
      request({ large, smallFacts: count, smallWordings: copies, sampler: BALANCED }),
    ] as const,
    [
      gridArm("facts", count, "balanced+diversity"),
      request({ large, smallFacts: count, smallWordings: diverse, sampler: BALANCED_DIVERSE }),
    ] as const,
  ]);
  return Object.fromEntries([...imbalance, ...wordings, ...facts]);
}

function requestOf(rule: BalanceThenDiversityRule, seed: number, mixture: Mixture): TrainRequest {
  const small = smallDiscipline(rule, seed);
  const used = mixture.large === undefined ? [small] : DISCIPLINES;
  const counts = (ofSmall: number, ofLarge: number): Partial<Record<Discipline, number>> =>
    Object.fromEntries(used.map((discipline) => [discipline, discipline === small ? ofSmall : ofLarge]));
  return trainingRequest(rule, seed, {
    steps: mixture.steps ?? rule.settings.training.steps,
    data: {
      facts: counts(mixture.smallFacts, mixture.large?.facts ?? 0),
      wordings: counts(mixture.smallWordings, mixture.large?.wordings ?? 0),
      sampler: mixture.sampler,
    },
    evaluate: { sets: [mixture.tests] },
  });
}
