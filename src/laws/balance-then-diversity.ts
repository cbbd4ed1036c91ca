import { mean } from "../core/math.js";
import type { RunRecord } from "../runs/record.js";
import type { Discipline } from "../runs/request.js";
import { ARMS, armsOf, largeDisciplines, smallDiscipline } from "./balance-then-diversity-arms.js";
import { balanceThenDiversityChart } from "./balance-then-diversity-figure.js";
import { type BalanceThenDiversityRule, balanceThenDiversityRule } from "./balance-then-diversity.rule.js";
import {
  type ArmEvidence,
  armEvidence,
  contrast,
  type Evidence,
  matchRuns,
  provenance,
  scoreOf,
} from "./evidence.js";
import type { Law } from "./law.js";

const TITLE = "Balance-then-Diversity";
const RECALL = "strict t-recall of the small discipline";
const TRAINED = "strict t-trained of the small discipline";

/** The law under a rule: arms, evidence and figure all follow from it. */
export function balanceThenDiversityUnder(rule: BalanceThenDiversityRule): Law<BalanceThenDiversityRule> {
  return {
    rule,
    title: TITLE,
    arms: (seed) => armsOf(rule, seed),
    evidence: (records) => evidenceOf(rule, records),
    chart: (evidence, verdict) => balanceThenDiversityChart(rule, TITLE, evidence, verdict),
  };
}

/** Law 1: low-resource disciplines need diverse upsampling, not copies. */
export const balanceThenDiversity: Law<BalanceThenDiversityRule> =
  balanceThenDiversityUnder(balanceThenDiversityRule);

function evidenceOf(rule: BalanceThenDiversityRule, records: readonly RunRecord[]): Evidence {
  const runs = matchRuns((seed) => armsOf(rule, seed), records);
  const seeds = [...runs.keys()];
  const runsOf = (arm: string): RunRecord[] => seeds.map((seed) => runs.get(seed)![arm]!);
  const units = seeds.map((seed) => smallDiscipline(rule, seed));
  const recall = (arm: string, role: ArmEvidence["role"] = "arm"): ArmEvidence =>
    armEvidence({ arm, role, measure: RECALL }, runsOf(arm), units, "t-recall");
  const trained = (arm: string): ArmEvidence =>
    armEvidence({ arm, role: "control", measure: TRAINED }, runsOf(arm), units, "t-trained");

  const proportional = recall(ARMS.proportional);
  const copies = recall(ARMS.copies);
  const diverse = recall(ARMS.diverse);
  const controlCopies = trained(ARMS.controlCopies);
  const controlDiverse = trained(ARMS.controlDiverse);
  const references = [recall(ARMS.alone, "reference"), recall(ARMS.instruct, "reference")];
  const large = (arm: string): { arm: string; values: number[] } => ({
    arm,
    values: runsOf(arm).map((run, index) => macro(run, largeDisciplines(rule, seeds[index]!))),
  });
  const [balancedClaim, largeClaim] = rule.secondary as [string, string];
  return {
    ...provenance(rule, runs, records),
    units,
    arms: [proportional, copies, diverse, controlCopies, controlDiverse, ...references],
    primary: contrast("primary", RECALL, diverse, copies),
    control: contrast("control", TRAINED, controlDiverse, controlCopies),
    secondary: [
      contrast(balancedClaim, RECALL, copies, proportional),
      contrast(
        largeClaim,
        "strict t-recall, macro over the large disciplines",
        large(ARMS.diverse),
        large(ARMS.proportional),
      ),
    ],
  };
}

function macro(run: RunRecord, disciplines: readonly Discipline[]): number {
  return mean(disciplines.map((discipline) => scoreOf(run, "t-recall", discipline).strict));
}
