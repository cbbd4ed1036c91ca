import { mean } from "../core/math.js";
import type { RunRecord } from "../runs/record.js";
import { DISCIPLINES } from "../runs/request.js";
import {
  type ArmScores,
  armEvidence,
  contrast,
  type Difference,
  type Evidence,
  gatherEvidence,
  meanArm,
  type OwnEvidence,
  recallMeasure,
  type RunsBySeed,
  scoreOf,
} from "./evidence.js";
import type { Law } from "./law.js";
import { candidateRates, type Pilot, rateName } from "./pilot.js";
import { each } from "./requests.js";
import { type SpreadScores, spreadContrast, spreadRatio, spreadTest } from "./spread.js";
import {
  armsOf,
  INSTRUCT,
  jointArm,
  jointControl,
  methodsOf,
  partsOf,
  requestOf,
  singleArm,
  singleControl,
} from "./variability-arms.js";
import { variabilityChart } from "./variability-figure.js";
import { type VariabilityRule, variabilityRule, type VariedMethod } from "./variability.rule.js";

const TITLE = "Variability";
const SPREAD = "mean distance from the median of the discipline";
const RECALL = recallMeasure("strict");

/** The claim under a rule: arms, evidence and figure all follow from it. */
export function variabilityUnder(rule: VariabilityRule): Law<VariabilityRule> {
  const law: Law<VariabilityRule> = {
    rule,
    title: TITLE,
    arms: (seed) => armsOf(rule, seed),
    pilot: pilotOf(rule),
    evidence: (records) => gatherEvidence(law, records, (runs) => evidenceOf(rule, runs)),
    chart: (evidence, verdict) => variabilityChart(rule, TITLE, evidence, verdict),
  };
  return law;
}

/** Claim 0: joint training is more variable. */
export const variability: Law<VariabilityRule> = variabilityUnder(variabilityRule);

/** As many learning rates for every method in joint training; each discipline alone under each method as gate. */
function pilotOf(rule: VariabilityRule): Pilot {
  const { facts, wordings } = rule.settings;
  const data = { facts: each(facts), wordings: each(wordings) };
  const RATES: Readonly<Record<VariedMethod, readonly number[]>> = {
    full: [0.003, 0.005, 0.008, 0.013, 0.021, 0.034],
    LoRA: [0.0035, 0.006, 0.01, 0.0125, 0.016, 0.026],
    "LoRA-MoE": [0.0035, 0.006, 0.01, 0.0125, 0.016, 0.026],
  };
  return {
    seeds: [101],
    inRule: Object.fromEntries(
      methodsOf(rule).map((method) => [method, rateName(rule.settings.methods[method].lr)]),
    ),
    trials: (seed) =>
      Object.fromEntries(
        methodsOf(rule).map((method) => [
          method,
          candidateRates(RATES[method], (lr) => [
            requestOf(rule, seed, method, data, { lr, set: "validation" }),
          ]),
        ]),
      ),
    chosenBy: { set: "validation", key: "strict", groups: () => DISCIPLINES },
    gate: (seed) => {
      const arms = armsOf(rule, seed);
      return Object.fromEntries(
        methodsOf(rule).flatMap((method) =>
          DISCIPLINES.map((one) => [singleArm(method, one), arms[singleArm(method, one)]!]),
        ),
      );
    },
  };
}

function evidenceOf(rule: VariabilityRule, runs: RunsBySeed): OwnEvidence {
  const seeds = [...runs.keys()];
  const methods = methodsOf(rule);
  const { discipline } = rule.settings.control;
  const run = (seed: number, arm: string): RunRecord => runs.get(seed)![arm]!;
  const strict = (seed: number, arm: string, group: string): number =>
    scoreOf(run(seed, arm), "t-recall", group).strict;
  /** [group][seed][method], changes of the untouched model's score. */
  const scores = (
    groups: readonly string[],
    untouched: string,
    scored: (group: string) => string,
    arm: (method: VariedMethod, group: string) => string,
    chosen: readonly VariedMethod[] = methods,
  ): SpreadScores =>
    groups.map((group) =>
      seeds.map((seed) =>
        chosen.map(
          (method) => strict(seed, arm(method, group), scored(group)) - strict(seed, untouched, group),
        ),
      ),
    );
  const claimed = (chosen?: readonly VariedMethod[]): { joint: SpreadScores; single: SpreadScores } => ({
    joint: scores(DISCIPLINES, INSTRUCT.claim, (one) => one, jointArm, chosen),
    single: scores(
      DISCIPLINES,
      INSTRUCT.claim,
      (one) => one,
      (method, one) => singleArm(method, one as (typeof DISCIPLINES)[number]),
      chosen,
    ),
  });
  const parts = partsOf(rule).map((part) => `${discipline}/${part}`);
  const control = {
    joint: scores(parts, INSTRUCT.control, (part) => part, jointControl),
    single: scores(
      parts,
      INSTRUCT.control,
      () => discipline,
      (method, part) => singleControl(method, Number(part.split("/")[1])),
    ),
  };
  const spread = ({ joint, single }: typeof control): Difference =>
    spreadContrast(SPREAD, { arm: "joint", scores: joint }, { arm: "single", scores: single });
  const claim = claimed();
  const average = (arm: string, of: SpreadScores): { arm: string; values: number[] } => ({
    arm,
    values: seeds.map((_, seed) => mean(of.flatMap((group) => group[seed]!))),
  });
  const ratio = (name: string, { joint, single }: typeof control): Evidence["numbers"] => {
    const { ratio: value, interval } = spreadRatio(joint, single);
    return value === null ? [] : [{ name, value, interval }];
  };
  const test = (name: string, { joint, single }: typeof control): Evidence["numbers"] => {
    const { statistic, p } = spreadTest(joint, single);
    return [
      { name: `${name}: Brown-Forsythe W`, value: statistic, interval: null },
      { name: `${name}: p of W`, value: p, interval: null },
    ];
  };
  return {
    arms: [
      ...methods.map((method): ArmScores =>
        joint(
          method,
          seeds.map((seed) => run(seed, jointArm(method))),
        ),
      ),
      ...methods.map((method) =>
        single(
          method,
          seeds.map((seed) => DISCIPLINES.map((one) => run(seed, singleArm(method, one)))),
        ),
      ),
      armEvidence(
        INSTRUCT.claim,
        "reference",
        RECALL,
        seeds.map((seed) => run(seed, INSTRUCT.claim)),
      ),
    ],
    primary: spread(claim),
    control: spread(control),
    secondary: [
      contrast(RECALL.name, average("single", claim.single), average("joint", claim.joint)),
      ...methods.map((method) => spread(claimed([method]))),
    ],
    numbers: [
      ...ratio("ratio of spreads, joint to single", claim),
      ...ratio("ratio of spreads in the control", control),
      ...test("claim", claim),
      ...test("control", control),
    ],
  };
}

function joint(method: VariedMethod, runs: readonly RunRecord[]): ArmScores {
  return armEvidence(jointArm(method), "arm", RECALL, runs);
}

/** The trainings on one discipline each, as one arm. */
function single(method: VariedMethod, bySeed: readonly (readonly RunRecord[])[]): ArmScores {
  const parts = DISCIPLINES.map((discipline, index) =>
    armEvidence(
      singleArm(method, discipline),
      "arm",
      { ...RECALL, score: (run) => scoreOf(run, "t-recall", discipline) },
      bySeed.map((runs) => runs[index]!),
    ),
  );
  return meanArm(`single, ${method}`, "arm", RECALL.name, parts);
}
