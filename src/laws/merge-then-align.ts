import { mean } from "../core/math.js";
import type { RunRecord } from "../runs/record.js";
import { DISCIPLINES } from "../runs/request.js";
import {
  type ArmScores,
  armEvidence,
  type Difference,
  contrast,
  gatherEvidence,
  macroScore,
  type Matrix,
  type Measure,
  type OwnEvidence,
  type RunsBySeed,
  runsOfArm,
  scoreOf,
  seedsOfArm,
} from "./evidence.js";
import { meanOver } from "./headline.js";
import type { Law } from "./law.js";
import {
  ALIGNED,
  ARMS,
  armsOf,
  branchArm,
  COMPARED,
  gridOf,
  pilotOf,
  UNALIGNED,
} from "./merge-then-align-arms.js";
import { mergeThenAlignChart } from "./merge-then-align-figure.js";
import { type MergeThenAlignRule, mergeThenAlignRule } from "./merge-then-align.rule.js";

const TITLE = "Merge-then-Align";
const FORMATTED: Measure = {
  name: "strict formatted-facts, mean over disciplines",
  key: "strict",
  score: (run) => scoreOf(run, "formatted-facts", "all"),
};

/** What is told of every pipeline, as columns of a matrix. */
const COLUMNS: Readonly<Record<string, (run: RunRecord) => number>> = {
  "instructions followed": (run) => scoreOf(run, "instructions", "all").strict,
  "facts, strict": (run) => macroScore(run, "t-recall", DISCIPLINES).strict,
  "facts, lenient": (run) => macroScore(run, "t-recall", DISCIPLINES).lenient,
  "facts in formats": (run) => scoreOf(run, "formatted-facts", "all").strict,
  "two disciplines, lenient": (run) => scoreOf(run, "cross", "all").lenient,
};

/** Measures that are told of every alignment. */
const BY_ALIGNMENT: readonly (keyof typeof COLUMNS)[] = [
  "facts in formats",
  "instructions followed",
  "facts, strict",
];

/** The law under a rule: arms, evidence and figure all follow from it. */
export function mergeThenAlignUnder(rule: MergeThenAlignRule): Law<MergeThenAlignRule> {
  const law: Law<MergeThenAlignRule> = {
    rule,
    title: TITLE,
    arms: (seed) => armsOf(rule, seed),
    grid: (seed) => gridOf(rule, seed),
    pilot: pilotOf(rule),
    evidence: (records) => gatherEvidence(law, records, (runs) => evidenceOf(rule, runs)),
    chart: (evidence, verdict) => mergeThenAlignChart(rule, TITLE, evidence, verdict),
  };
  return law;
}

/** Law 2: merging disciplines, then aligning. */
export const mergeThenAlign: Law<MergeThenAlignRule> = mergeThenAlignUnder(mergeThenAlignRule);

function evidenceOf(rule: MergeThenAlignRule, runs: RunsBySeed): OwnEvidence {
  const seeds = [...runs.keys()];
  const runsOf = (arm: string): RunRecord[] => [...runsOfArm(runs, arm).values()];
  const arm = (name: string, role: ArmScores["role"] = "arm"): ArmScores =>
    armEvidence(name, role, FORMATTED, runsOf(name));
  const values = (name: string, column: keyof typeof COLUMNS): { arm: string; values: number[] } => ({
    arm: name,
    values: runsOf(name).map(COLUMNS[column]!),
  });
  const branches = (
    name: string,
    of: (scores: readonly number[]) => number,
  ): { arm: string; values: number[] } => ({
    arm: name,
    values: seeds.map((_, seed) =>
      of(DISCIPLINES.map((one) => values(branchArm(one), "facts, strict").values[seed]!)),
    ),
  });
  const compare = (column: keyof typeof COLUMNS, treatment: string, comparator: string): Difference =>
    contrast(column, values(treatment, column), values(comparator, column));
  const recall = (comparator: { arm: string; values: number[] }): Difference =>
    contrast("facts, strict", values(ARMS.aligned, "facts, strict"), comparator);
  const [aligned, merged, science] = [arm(ARMS.aligned), arm(ARMS.merged), arm(ARMS.science, "control")];
  return {
    arms: [
      merged,
      aligned,
      arm(ARMS.instructions),
      arm(ARMS.joint),
      arm(ARMS.forgetting),
      science,
      arm(ARMS.instruct, "reference"),
    ],
    primary: contrast(FORMATTED.name, aligned, merged),
    control: contrast(FORMATTED.name, science, merged),
    secondary: [
      compare("instructions followed", ARMS.merged, ARMS.instruct),
      compare("instructions followed", ARMS.aligned, ARMS.instruct),
      compare("facts, lenient", ARMS.aligned, ARMS.merged),
      compare("two disciplines, lenient", ARMS.aligned, ARMS.merged),
      recall(branches("mean of the branches", mean)),
      recall(branches("best branch", (scores) => Math.max(...scores))),
      compare("facts in formats", ARMS.aligned, ARMS.joint),
      compare("facts in formats", ARMS.aligned, ARMS.instructions),
    ],
    matrices: [comparedPipelines(runs), ...byAlignment(runs)],
  };
}

/** The pipelines of every seed in every measure, mean over seeds. */
function comparedPipelines(runs: RunsBySeed): Matrix {
  return {
    name: meanOver("compared pipelines", runs.size),
    rows: COMPARED,
    columns: Object.keys(COLUMNS),
    values: COMPARED.map((name) =>
      Object.values(COLUMNS).map((value) => mean([...runsOfArm(runs, name).values()].map(value))),
    ),
  };
}

/** Everything that is aligned, by alignment, mean over the seeds of the grid; nothing where these are not there. */
function byAlignment(runs: RunsBySeed): readonly Matrix[] {
  const seeds = seedsOfArm(runs, UNALIGNED.at(-1)!);
  if (seeds.length === 0) return [];
  const value = (name: string, measure: keyof typeof COLUMNS): number | null => {
    const scored = [...runsOfArm(runs, name, seeds).values()];
    return scored.length === 0 ? null : mean(scored.map(COLUMNS[measure]!));
  };
  return BY_ALIGNMENT.map((measure) => ({
    name: meanOver(measure, seeds.length),
    rows: UNALIGNED,
    columns: Object.keys(ALIGNED),
    values: UNALIGNED.map((name) => Object.values(ALIGNED).map((aligned) => value(aligned(name), measure))),
  }));
}
