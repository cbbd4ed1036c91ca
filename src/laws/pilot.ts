import { mean } from "../core/math.js";
import { type RunRecord, tokenParameters } from "../runs/record.js";
import type { Discipline, EvaluationSet, RunRequest } from "../runs/request.js";
import type { Arms } from "./arms.js";
import { matchRuns, macroScore, scoreOf } from "./evidence.js";

/**
 * What is tried on pilot seeds before a rule is written. Candidates are scored on validation items alone, every design has
 * as many of them; the gate asks whether the law can be measured at all.
 */
export interface Pilot {
  /** From 101 on. */
  readonly seeds: readonly number[];
  /** The runs of each candidate of a design, as many candidates for every design; a candidate's score is their mean. */
  trials(seed: number): Readonly<Record<string, Candidates>>;
  /** The candidate that the rule has for each design; it must be what the trials chose. */
  readonly inRule: Readonly<Record<string, string>>;
  /** Runs that trials start from. */
  before?(seed: number): Arms;
  /** Which score chooses, and of which groups, each counting alike. */
  readonly chosenBy: {
    readonly set: EvaluationSet;
    readonly key: "strict" | "lenient";
    groups(seed: number): readonly string[];
  };
  /** Single-discipline trainings under the rule's budget, scored on t-recall. */
  gate(seed: number): Arms;
}

/** Runs by the name of the candidate. */
export type Candidates = Readonly<Record<string, readonly RunRequest[]>>;

/** The name of a candidate that is a peak learning rate. */
export const rateName = (lr: number): string => `lr ${lr}`;

/** Peak learning rates as candidates. */
export function candidateRates(
  rates: readonly number[],
  requests: (lr: number) => readonly RunRequest[],
): Candidates {
  return Object.fromEntries(rates.map((lr) => [rateName(lr), requests(lr)]));
}

/** A discipline trained alone, on unseen phrasings, mean over the pilot seeds. */
export interface GateRow {
  readonly arm: string;
  readonly discipline: Discipline;
  readonly strict: number;
  readonly majority: number;
  readonly lenient: number;
  readonly chance: number;
  /** Strict beats the commonest answer, or lenient beats guessing, by 10 percentage points. */
  readonly passes: boolean;
}

/** What the candidates of a design got, mean over the pilot seeds, and which was best. */
export interface TuningRow {
  readonly design: string;
  readonly candidates: readonly {
    readonly name: string;
    readonly score: number;
    readonly runs: readonly string[];
  }[];
  readonly chosen: string;
  /** Does the rule have it? */
  readonly inRule: boolean;
}

/** What a pilot found; a pure function of its records. */
export interface PilotFindings {
  readonly law: string;
  readonly seeds: readonly number[];
  readonly measure: string;
  readonly gate: readonly GateRow[];
  readonly passes: boolean;
  readonly tuning: readonly TuningRow[];
  readonly cost: { readonly runs: number; readonly tokenParameters: number };
}

const MARGIN = 0.1;

/** Every run of a pilot's seed. */
export function pilotArms(pilot: Pilot, seed: number): Arms {
  const trials = Object.entries(pilot.trials(seed)).flatMap(([design, candidates]) =>
    Object.entries(candidates).flatMap(([name, requests]) =>
      requests.map((request, index) => [trialArm(design, name, index), request] as const),
    ),
  );
  return { ...pilot.before?.(seed), ...Object.fromEntries(trials), ...pilot.gate(seed) };
}

const trialArm = (design: string, candidate: string, index: number): string =>
  `${design} | ${candidate} | ${index}`;

/** Reads a pilot's records: the gate, and the candidate of each design with the highest score, the first of equals. */
export function pilotFindings(law: string, pilot: Pilot, records: readonly RunRecord[]): PilotFindings {
  const runs = matchRuns((seed) => pilotArms(pilot, seed), records);
  const seeds = [...runs.keys()];
  const { set, key, groups } = pilot.chosenBy;
  const tuning = Object.entries(pilot.trials(seeds[0]!)).map(([design, trials]): TuningRow => {
    const candidates = Object.entries(trials).map(([name, requests]) => {
      const own = seeds.flatMap((seed) =>
        requests.map((_, index) => ({ seed, run: runs.get(seed)![trialArm(design, name, index)]! })),
      );
      return {
        name,
        score: mean(own.map(({ seed, run }) => macroScore(run, set, groups(seed))[key])),
        runs: own.map(({ run }) => run.id),
      };
    });
    const best = candidates.reduce((a, b) => (b.score > a.score ? b : a));
    return { design, candidates, chosen: best.name, inRule: pilot.inRule[design] === best.name };
  });
  const gate = Object.keys(pilot.gate(seeds[0]!)).flatMap((arm) =>
    gateRows(
      arm,
      seeds.map((seed) => runs.get(seed)![arm]!),
    ),
  );
  return {
    law,
    seeds,
    measure: `${key} ${set}`,
    gate,
    passes: gate.every(({ passes }) => passes),
    tuning,
    cost: { runs: records.length, tokenParameters: tokenParameters(records) },
  };
}

/** The disciplines of a gate's runs; seeds may rotate them. */
function gateRows(arm: string, runs: readonly RunRecord[]): GateRow[] {
  const disciplines = [
    ...new Set(runs.flatMap((run) => Object.keys(run.result.scores["t-recall"] ?? {}))),
  ].sort();
  return disciplines.map((discipline) => {
    const scores = runs
      .filter((run) => run.outcome === "diverged" || discipline in (run.result.scores["t-recall"] ?? {}))
      .map((run) => scoreOf(run, "t-recall", discipline));
    const of = (key: "strict" | "majority" | "lenient" | "chance"): number =>
      mean(scores.map((score) => score[key]));
    const [strict, majority, lenient, chance] = [of("strict"), of("majority"), of("lenient"), of("chance")];
    return {
      arm,
      discipline: discipline as Discipline,
      strict,
      majority,
      lenient,
      chance,
      passes: strict >= majority + MARGIN || lenient >= chance + MARGIN,
    };
  });
}
