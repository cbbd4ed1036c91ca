import { mean } from "../core/math.js";
import type { RunRecord } from "../runs/record.js";
import { type Discipline, DISCIPLINES } from "../runs/request.js";
import {
  type ArmScores,
  armEvidence,
  contrast,
  type Evidence,
  gatherEvidence,
  gridPoint,
  type Matrix,
  meanArm,
  type OwnEvidence,
  recallMeasure,
  type RunsBySeed,
  runsOfArm,
  scoreOf,
  seedsOfArm,
} from "./evidence.js";
import type { Law } from "./law.js";
import { candidateRates, type Pilot, rateName } from "./pilot.js";
import {
  ALONE,
  aloneArm,
  ARMS,
  armsOf,
  expertsArm,
  gridOf,
  requestOf,
} from "./share-then-specialize-arms.js";
import { shareThenSpecializeChart } from "./share-then-specialize-figure.js";
import {
  type Design,
  type ShareThenSpecializeRule,
  shareThenSpecializeRule,
} from "./share-then-specialize.rule.js";

const TITLE = "Share-then-Specialize";
const RECALL = recallMeasure("strict");

/** The law under a rule: arms, evidence and figure all follow from it. */
export function shareThenSpecializeUnder(rule: ShareThenSpecializeRule): Law<ShareThenSpecializeRule> {
  const law: Law<ShareThenSpecializeRule> = {
    rule,
    title: TITLE,
    arms: (seed) => armsOf(rule, seed),
    grid: (seed) => gridOf(rule, seed),
    pilot: pilotOf(rule),
    evidence: (records) => gatherEvidence(law, records, (runs) => evidenceOf(rule, runs)),
    chart: (evidence, verdict) => shareThenSpecializeChart(rule, TITLE, evidence, verdict),
  };
  return law;
}

/** Law 4: a shared projection, then experts. */
export const shareThenSpecialize: Law<ShareThenSpecializeRule> =
  shareThenSpecializeUnder(shareThenSpecializeRule);

/** As many learning rates for every design, on validation phrasings; each discipline alone as gate. */
function pilotOf(rule: ShareThenSpecializeRule): Pilot {
  const designs = Object.keys(rule.settings.designs) as Design[];
  return {
    seeds: [101],
    inRule: Object.fromEntries(designs.map((design) => [design, rateName(rule.settings.designs[design].lr)])),
    trials: (seed) =>
      Object.fromEntries(
        designs.map((design) => [
          design,
          candidateRates([0.006, 0.01, 0.016, 0.026], (lr) => [
            requestOf(rule, seed, { design, lr, set: "validation" }),
          ]),
        ]),
      ),
    chosenBy: { set: "validation", key: "strict", groups: () => DISCIPLINES },
    gate: (seed) => {
      const arms = armsOf(rule, seed);
      return Object.fromEntries(DISCIPLINES.map((one) => [aloneArm(one), arms[aloneArm(one)]!]));
    },
  };
}

function evidenceOf(rule: ShareThenSpecializeRule, runs: RunsBySeed): OwnEvidence {
  const seeds = [...runs.keys()];
  const runsOf = (arm: string): RunRecord[] => [...runsOfArm(runs, arm).values()];
  const recall = (arm: string, role: ArmScores["role"] = "arm"): ArmScores =>
    armEvidence(arm, role, RECALL, runsOf(arm));
  const designs = Object.keys(rule.settings.designs) as Design[];
  const arms = new Map(designs.map((design) => [design, recall(design)]));
  const of = (design: Design): ArmScores => arms.get(design)!;
  const control = {
    shared: recall(ARMS.controlShared, "control"),
    symmetric: recall(ARMS.controlSymmetric, "control"),
  };

  const perRun = (
    arm: string,
    value: (run: RunRecord, seed: number) => number,
  ): { arm: string; values: number[] } => ({
    arm,
    values: runsOf(arm).map((run, index) => value(run, seeds[index]!)),
  });
  const strict = (run: RunRecord, discipline: Discipline): number =>
    scoreOf(run, "t-recall", discipline).strict;
  const worst = (run: RunRecord): number => Math.min(...DISCIPLINES.map((one) => strict(run, one)));
  const harmed = (run: RunRecord, seed: number): number =>
    DISCIPLINES.filter((one) => strict(run, one) < strict(runs.get(seed)![aloneArm(one)]!, one)).length;
  const bits = (run: RunRecord): number => run.result.routing?.mutualInformation ?? 0;
  return {
    arms: [
      ...arms.values(),
      control.shared,
      control.symmetric,
      alone(runs),
      recall(ARMS.instruct, "reference"),
    ],
    primary: contrast(RECALL.name, of("shared A"), of("symmetric")),
    control: contrast(RECALL.name, control.shared, control.symmetric),
    secondary: [
      contrast(RECALL.name, of("shared A"), of("LoRA")),
      contrast(RECALL.name, of("shared A"), of("LoRA, equal rank")),
      contrast(RECALL.name, of("shared A"), of("shared B")),
      contrast(RECALL.name, of("shared A"), of("oracle")),
      contrast("strict t-recall of the worst discipline", perRun("shared A", worst), perRun("LoRA", worst)),
      contrast(
        "disciplines below the score of an adapter of their own",
        perRun("shared A", harmed),
        perRun("LoRA", harmed),
      ),
      contrast(
        "mutual information of expert and discipline, bits",
        perRun("shared A", bits),
        perRun("symmetric", bits),
      ),
    ],
    grids: gridsOf(rule, runs),
    matrices: (["shared A", "symmetric"] as const).flatMap((design) =>
      routing(design, seeds[0]!, runsOf(design)[0]!),
    ),
    numbers: (["symmetric", "shared A", "shared B"] as const).flatMap((design) =>
      (["A", "B"] as const).flatMap((factor) => {
        const values = runsOf(design).flatMap((run) => run.result.routing?.similarity[factor] ?? []);
        return values.length === 0
          ? []
          : [
              {
                name: `mean cosine between the ${factor}'s of ${design}`,
                value: mean(values),
                interval: null,
              },
            ];
      }),
    ),
  };
}

/** The adapters that were trained on one discipline alone, as one reference. */
function alone(runs: RunsBySeed): ArmScores {
  const parts = DISCIPLINES.map((discipline) =>
    armEvidence(
      aloneArm(discipline),
      "reference",
      { ...RECALL, score: (run) => scoreOf(run, "t-recall", discipline) },
      [...runs.values()].map((arms) => arms[aloneArm(discipline)]!),
    ),
  );
  return meanArm(ALONE, "reference", RECALL.name, parts);
}

function gridsOf(rule: ShareThenSpecializeRule, runs: RunsBySeed): Evidence["grids"] {
  const { grid } = rule.settings;
  const seeds = seedsOfArm(runs, expertsArm("symmetric", grid.experts[0]!));
  if (seeds.length === 0) return [];
  return [
    {
      name: "experts",
      measure: RECALL.name,
      x: "experts",
      points: (["symmetric", "shared A"] as const).flatMap((design) =>
        grid.experts.map((experts) =>
          gridPoint(design, experts, RECALL, runsOfArm(runs, expertsArm(design, experts), seeds)),
        ),
      ),
    },
  ];
}

/** Where the routers of one seed send each discipline: number 1 is another expert in every seed, so means would say nothing. */
function routing(design: Design, seed: number, { result }: RunRecord): Matrix[] {
  const shares = result.routing?.shares;
  if (shares === undefined) return [];
  return [
    {
      name: `${design}, seed ${seed}`,
      rows: DISCIPLINES,
      columns: shares[DISCIPLINES[0]]!.map((_, index) => `expert ${index + 1}`),
      values: DISCIPLINES.map((discipline) => shares[discipline]!),
    },
  ];
}
