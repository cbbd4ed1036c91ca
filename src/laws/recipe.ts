import { DISCIPLINES } from "../runs/request.js";
import {
  type ArmScores,
  armEvidence,
  contrast,
  type Difference,
  gatherEvidence,
  macroScore,
  type Measure,
  type OwnEvidence,
  recallMeasure,
  type RunsBySeed,
  runsOfArm,
  scoreOf,
} from "./evidence.js";
import { meanOver } from "./headline.js";
import type { Law } from "./law.js";
import { candidateRates, type Pilot, rateName } from "./pilot.js";
import { aloneRequests } from "./requests.js";
import { armsOf, INSTRUCT, requestOf, STEPS } from "./recipe-arms.js";
import { recipeChart } from "./recipe-figure.js";
import { type RecipeRule, recipeRule } from "./recipe.rule.js";

const TITLE = "The recipe";
const strict = (name: string, score: Measure["score"]): Measure => ({ name, key: "strict", score });
const FORMATTED = strict("strict formatted-facts, mean over disciplines", (run) =>
  scoreOf(run, "formatted-facts", "all"),
);
const UNSEEN = strict("strict t-infer, macro over disciplines", (run) =>
  macroScore(run, "t-infer", DISCIPLINES),
);
const RECALL = recallMeasure("strict");
const FOLLOWED = strict("instructions followed", (run) => scoreOf(run, "instructions", "all"));
const TRIALS = { default: "default", "laws 1 to 3": "optimised", "laws 1 to 4": "shared A" } as const;

/** The recipe under a rule: arms, evidence and figure all follow from it. */
export function recipeUnder(rule: RecipeRule): Law<RecipeRule> {
  const law: Law<RecipeRule> = {
    rule,
    title: TITLE,
    arms: (seed) => armsOf(rule, seed),
    pilot: pilotOf(rule),
    evidence: (records) => gatherEvidence(law, records, (runs) => evidenceOf(rule, runs)),
    chart: (evidence, verdict) => recipeChart(rule, TITLE, evidence, verdict),
  };
  return law;
}

/** The four laws in order. */
export const recipe: Law<RecipeRule> = recipeUnder(recipeRule);

/** As many learning rates for every adapter; the optimised one on each discipline alone as gate. */
function pilotOf(rule: RecipeRule): Pilot {
  return {
    seeds: [101],
    inRule: Object.fromEntries(
      Object.values(TRIALS).map((adapter) => [adapter, rateName(rule.settings.adapters[adapter].lr)]),
    ),
    trials: (seed) =>
      Object.fromEntries(
        Object.entries(TRIALS).map(([step, adapter]) => [
          adapter,
          candidateRates([0.0035, 0.006, 0.01, 0.016, 0.026], (lr) => [
            requestOf(rule, seed, step as keyof typeof TRIALS, { lr, sets: ["validation"] }),
          ]),
        ]),
      ),
    chosenBy: { set: "validation", key: "lenient", groups: () => DISCIPLINES },
    gate: (seed) => aloneRequests(requestOf(rule, seed, "laws 1 to 3", { sets: ["t-recall"] })),
  };
}

function evidenceOf(rule: RecipeRule, runs: RunsBySeed): OwnEvidence {
  const arm = (name: string, measure = FORMATTED, role: ArmScores["role"] = "arm"): ArmScores =>
    armEvidence(name, role, measure, [...runsOfArm(runs, name).values()]);
  const [first, last] = [STEPS[0], STEPS.at(-1)!];
  const step = (index: number): Difference =>
    contrast(FORMATTED.name, arm(STEPS[index]!), arm(STEPS[index - 1]!));
  const ends = (measure: Measure): Difference =>
    contrast(measure.name, arm(last, measure), arm(first, measure));
  return {
    arms: [...STEPS.map((name) => arm(name)), arm(INSTRUCT, FORMATTED, "reference")],
    primary: ends(FORMATTED),
    control: ends(UNSEEN),
    secondary: [step(1), step(2), step(3), step(4), ends(RECALL), ends(FOLLOWED)],
    matrices: [
      {
        name: meanOver("steps", runs.size),
        rows: STEPS,
        columns: ["facts in formats", "facts, strict", "facts, lenient", "instructions followed"],
        values: STEPS.map((name) => [
          arm(name).mean,
          arm(name, RECALL).mean,
          arm(name, RECALL).lenient,
          arm(name, FOLLOWED).mean,
        ]),
      },
    ],
  };
}
