import { mean } from "../core/math.js";
import type { RunRecord } from "../runs/record.js";
import { DISCIPLINES } from "../runs/request.js";
import {
  type ArmScores,
  armEvidence,
  contrast,
  gatherEvidence,
  type Grid,
  type GridPoint,
  gridPoint,
  type Matrix,
  type Measure,
  type OwnEvidence,
  recallMeasure,
  type RunsBySeed,
  runsOfArm,
  seedsOfArm,
} from "./evidence.js";
import { meanOver } from "./headline.js";
import type { Law } from "./law.js";
import {
  armsOf,
  changeArm,
  CHANGES,
  controlArm,
  DESIGNS,
  expertsArm,
  gridOf,
  INSTRUCT,
  modelArm,
  rankArm,
  requestOf,
  type ScaledDesign,
} from "./optimize-then-scale-arms.js";
import { optimizeThenScaleChart } from "./optimize-then-scale-figure.js";
import { type OptimizeThenScaleRule, optimizeThenScaleRule } from "./optimize-then-scale.rule.js";
import { candidateRates, type Pilot, rateName } from "./pilot.js";
import { aloneRequests } from "./requests.js";

const TITLE = "Optimize-then-Scale";
const LENIENT = recallMeasure("lenient");
const STRICT = recallMeasure("strict");

/** The law under a rule: arms, evidence and figure all follow from it. */
export function optimizeThenScaleUnder(rule: OptimizeThenScaleRule): Law<OptimizeThenScaleRule> {
  const law: Law<OptimizeThenScaleRule> = {
    rule,
    title: TITLE,
    arms: (seed) => armsOf(rule, seed),
    grid: (seed) => gridOf(rule, seed),
    pilot: pilotOf(rule),
    evidence: (records) => gatherEvidence(law, records, (runs) => evidenceOf(rule, runs)),
    chart: (evidence, verdict) => optimizeThenScaleChart(rule, TITLE, evidence, verdict),
  };
  return law;
}

/** Law 3: scaling before and after the design was optimised. */
export const optimizeThenScale: Law<OptimizeThenScaleRule> = optimizeThenScaleUnder(optimizeThenScaleRule);

/** As many learning rates for both designs, at the smallest scale alone; both designs on one discipline as gate. */
function pilotOf(rule: OptimizeThenScaleRule): Pilot {
  const [smallest] = rule.settings.ranks as [number];
  return {
    seeds: [101],
    inRule: Object.fromEntries(DESIGNS.map((design) => [design, rateName(rule.settings.rates[design])])),
    trials: (seed) =>
      Object.fromEntries(
        DESIGNS.map((design) => [
          design,
          candidateRates([0.005, 0.01, 0.02, 0.04], (lr) => [
            requestOf(rule, seed, {
              changes: design === "optimised" ? CHANGES : [],
              rank: smallest,
              lr,
              set: "validation",
            }),
          ]),
        ]),
      ),
    chosenBy: { set: "validation", key: "lenient", groups: () => DISCIPLINES },
    gate: (seed) =>
      aloneRequests(requestOf(rule, seed, { changes: CHANGES, rank: rule.settings.ranks.at(-1)! })),
  };
}

function evidenceOf(rule: OptimizeThenScaleRule, runs: RunsBySeed): OwnEvidence {
  const { ranks } = rule.settings;
  const [smallest, largest] = [ranks[0]!, ranks.at(-1)!];
  const runsOf = (arm: string): RunRecord[] => [...runsOfArm(runs, arm).values()];
  const arm = (name: string, role: ArmScores["role"] = "arm", by = LENIENT): ArmScores =>
    armEvidence(name, role, by, runsOf(name));

  const ends = (
    name: (design: ScaledDesign, rank: number) => string,
    role: ArmScores["role"],
    by = LENIENT,
  ) =>
    Object.fromEntries(
      DESIGNS.map((design) => [
        design,
        { small: arm(name(design, smallest), role, by), large: arm(name(design, largest), role, by) },
      ]),
    ) as Record<ScaledDesign, Ends>;
  const gained = ({ name }: Measure): string => `${name}, gained from rank ${smallest}`;
  const claim = ends(rankArm, "arm");
  const control = ends(controlArm, "control");
  const strict = ends(rankArm, "arm", STRICT);
  const onGrid = seedsOfArm(runs, changeArm(CHANGES[0]));
  const doublings = ranks.length - 1;
  const steps = claim.default.small.values.map(() => 0);
  return {
    arms: [
      ...DESIGNS.flatMap((design) => [claim[design].small, claim[design].large]),
      ...DESIGNS.flatMap((design) => [control[design].small, control[design].large]),
      arm(INSTRUCT, "reference"),
    ],
    primary: contrast(gained(LENIENT), gain(claim.optimised), gain(claim.default)),
    control: contrast(gained(LENIENT), gain(control.optimised), gain(control.default)),
    secondary: [
      contrast(
        `${LENIENT.name}, for each doubling`,
        {
          arm: rankArm("default", largest),
          values: gain(claim.default).values.map((value) => value / doublings),
        },
        { arm: rankArm("default", smallest), values: steps },
      ),
      contrast(
        LENIENT.name,
        {
          arm: claim.optimised.small.arm,
          values: claim.optimised.small.values.map(
            (value, index) => value - claim.default.small.values[index]!,
          ),
        },
        gain(claim.default),
      ),
      contrast(LENIENT.name, claim.optimised.small, claim.default.large),
      contrast(LENIENT.name, control.default.large, control.default.small),
      contrast(gained(STRICT), gain(strict.optimised), gain(strict.default)),
    ],
    ...(onGrid.length === 0
      ? {}
      : { grids: gridsOf(rule, runs, onGrid), matrices: changesOf(rule, runs, onGrid) }),
  };
}

/** A design at the smallest and at the largest rank. */
interface Ends {
  readonly small: ArmScores;
  readonly large: ArmScores;
}

/** What scaling brings, seed by seed. */
function gain({ small, large }: Ends): { readonly arm: string; readonly values: readonly number[] } {
  return { arm: large.arm, values: large.values.map((value, index) => value - small.values[index]!) };
}

/** Ranks, experts and widths by trainable or model parameters. */
function gridsOf(rule: OptimizeThenScaleRule, runs: RunsBySeed, seeds: readonly number[]): Grid[] {
  const { ranks, grid } = rule.settings;
  const line = (design: string, arms: readonly (readonly [number, string])[], by = LENIENT): GridPoint[] =>
    arms.map(([x, name]) => gridPoint(design, x, by, runsOfArm(runs, name, seeds)));
  const both = (
    name: string,
    x: string,
    arms: (design: ScaledDesign) => readonly (readonly [number, string])[],
  ): Grid => ({
    name,
    measure: LENIENT.name,
    x,
    points: DESIGNS.flatMap((design) => line(design, arms(design))),
  });
  return [
    both("rank", "rank", (design) => ranks.map((rank) => [rank, rankArm(design, rank)] as const)),
    both("experts", `experts of rank ${grid.expertRank}`, (design) =>
      grid.experts.map((experts) => [experts, expertsArm(design, experts)] as const),
    ),
    both("model", "parameters of the base model", (design) =>
      grid.models.map(({ model, parameters }) => [parameters, modelArm(design, model)] as const),
    ),
  ];
}

/** The default design, each change of it alone and all of them, at the smallest rank; mean over the seeds of the grid. */
function changesOf(rule: OptimizeThenScaleRule, runs: RunsBySeed, seeds: readonly number[]): Matrix[] {
  const { ranks } = rule.settings;
  const arms = {
    default: rankArm("default", ranks[0]!),
    ...Object.fromEntries(CHANGES.map((change) => [change, changeArm(change)])),
    "all of them": rankArm("optimised", ranks[0]!),
  };
  const recordsOf = (arm: string): RunRecord[] => [...runsOfArm(runs, arm, seeds).values()];
  return [
    {
      name: meanOver("changes", seeds.length),
      rows: Object.keys(arms),
      columns: ["lenient", "strict"],
      values: Object.values(arms).map((arm) =>
        [LENIENT, STRICT].map(({ key, score }) =>
          mean(recordsOf(arm).map((run, index) => score(run, index)[key])),
        ),
      ),
    },
  ];
}
