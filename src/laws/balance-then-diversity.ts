import type { RunRecord } from "../runs/record.js";
import type { EvaluationSet, TrainRequest } from "../runs/request.js";
import {
  ARMS,
  armsOf,
  gridArm,
  gridOf,
  largeDisciplines,
  SAMPLERS,
  smallDiscipline,
} from "./balance-then-diversity-arms.js";
import { balanceThenDiversityChart } from "./balance-then-diversity-figure.js";
import { type BalanceThenDiversityRule, balanceThenDiversityRule } from "./balance-then-diversity.rule.js";
import {
  type ArmScores,
  armEvidence,
  contrast,
  gatherEvidence,
  type Grid,
  gridPoint,
  macroScore,
  type Measure,
  type OwnEvidence,
  type RunsBySeed,
  runsOfArm,
  scoreOf,
  seedsOfArm,
} from "./evidence.js";
import type { Law } from "./law.js";
import { candidateRates, type Pilot, rateName } from "./pilot.js";

const TITLE = "Balance-then-Diversity";
const RECALL = "strict t-recall of the small discipline";
const TRAINED = "strict t-trained of the small discipline";

/** The law under a rule: arms, evidence and figure all follow from it. */
export function balanceThenDiversityUnder(rule: BalanceThenDiversityRule): Law<BalanceThenDiversityRule> {
  const law: Law<BalanceThenDiversityRule> = {
    rule,
    title: TITLE,
    arms: (seed) => armsOf(rule, seed),
    grid: (seed) => gridOf(rule, seed),
    pilot: pilotOf(rule),
    evidence: (records) => gatherEvidence(law, records, (runs) => evidenceOf(rule, runs)),
    chart: (evidence, verdict) => balanceThenDiversityChart(rule, TITLE, evidence, verdict),
  };
  return law;
}

/** Law 1: low-resource disciplines need diverse upsampling, not copies. */
export const balanceThenDiversity: Law<BalanceThenDiversityRule> =
  balanceThenDiversityUnder(balanceThenDiversityRule);

/** Learning rates of both balanced arms, which are trained alike, for the small discipline; that discipline alone as gate. */
function pilotOf(rule: BalanceThenDiversityRule): Pilot {
  const trial = (seed: number, arm: string, lr: number): TrainRequest => {
    const request = armsOf(rule, seed)[arm] as TrainRequest;
    return { ...request, optimizer: { ...request.optimizer, lr }, evaluate: { sets: ["validation"] } };
  };
  return {
    seeds: [101],
    inRule: { "both balanced arms": rateName(rule.settings.training.optimizer.lr) },
    trials: (seed) => ({
      "both balanced arms": candidateRates([0.003, 0.005, 0.008], (lr) =>
        [ARMS.copies, ARMS.diverse].map((arm) => trial(seed, arm, lr)),
      ),
    }),
    chosenBy: { set: "validation", key: "strict", groups: (seed) => [smallDiscipline(rule, seed)] },
    gate: (seed) => ({ [ARMS.alone]: armsOf(rule, seed)[ARMS.alone]! }),
  };
}

function evidenceOf(rule: BalanceThenDiversityRule, runs: RunsBySeed): OwnEvidence {
  const seeds = [...runs.keys()];
  const runsOf = (arm: string): RunRecord[] => [...runsOfArm(runs, arm).values()];
  const units = seeds.map((seed) => smallDiscipline(rule, seed));
  const measure = (name: string, set: EvaluationSet): Measure => ({
    name,
    key: "strict",
    score: (run, index) => scoreOf(run, set, units[index]!),
    fed: (index) => units[index]!,
  });
  const recall = (arm: string, role: ArmScores["role"] = "arm"): ArmScores =>
    armEvidence(arm, role, measure(RECALL, "t-recall"), runsOf(arm));
  const trained = (arm: string): ArmScores =>
    armEvidence(arm, "control", measure(TRAINED, "t-trained"), runsOf(arm));

  const proportional = recall(ARMS.proportional);
  const copies = recall(ARMS.copies);
  const diverse = recall(ARMS.diverse);
  const controlCopies = trained(ARMS.controlCopies);
  const controlDiverse = trained(ARMS.controlDiverse);
  const references = [recall(ARMS.alone, "reference"), recall(ARMS.instruct, "reference")];
  const large = (arm: string): { arm: string; values: number[] } => ({
    arm,
    values: runsOf(arm).map(
      (run, index) => macroScore(run, "t-recall", largeDisciplines(rule, seeds[index]!)).strict,
    ),
  });
  return {
    units,
    arms: [proportional, copies, diverse, controlCopies, controlDiverse, ...references],
    primary: contrast(RECALL, diverse, copies),
    control: contrast(TRAINED, controlDiverse, controlCopies),
    secondary: [
      contrast(RECALL, copies, proportional),
      contrast(
        "strict t-recall, macro over the large disciplines",
        large(ARMS.diverse),
        large(ARMS.proportional),
      ),
    ],
    grids: gridsOf(rule, runs),
  };
}

/** The dials of the grid; none where no seed has them. */
function gridsOf(rule: BalanceThenDiversityRule, runs: RunsBySeed): Grid[] {
  const { grid } = rule.settings;
  const seeds = seedsOfArm(runs, gridArm("wordings", grid.wordings[0]!, "balanced+diversity"));
  if (seeds.length === 0) return [];
  const measure: Measure = {
    name: RECALL,
    key: "strict",
    score: (run) => scoreOf(run, "t-recall", smallDiscipline(rule, run.request.seed)),
  };
  const dial = (name: string, x: string, values: readonly number[], designs: readonly string[]): Grid => ({
    name,
    measure: RECALL,
    x,
    points: designs.flatMap((design) =>
      values.map((value) =>
        gridPoint(design, value, measure, runsOfArm(runs, gridArm(name, value, design), seeds)),
      ),
    ),
  });
  return [
    dial(
      "rows",
      "rows of a large discipline per row of the small one",
      grid.imbalance.map(({ rows }) => rows),
      SAMPLERS,
    ),
    dial("wordings", "wordings of a fact of the small discipline", grid.wordings, ["balanced+diversity"]),
    dial("facts", "facts of the small discipline", grid.facts, ["balanced", "balanced+diversity"]),
  ];
}
