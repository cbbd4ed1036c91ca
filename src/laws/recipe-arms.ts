import type { EvaluationSet, TrainRequest } from "../runs/request.js";
import type { TrainInput } from "../runs/schema.js";
import { type Arms, armModel } from "./arms.js";
import type { RecipeAdapter, RecipeRule } from "./recipe.rule.js";
import { each, trainingRequest } from "./requests.js";

/** The scored runs, from the default pipeline to the whole recipe. */
export const STEPS = ["default", "law 1", "laws 1 and 2", "laws 1 to 3", "laws 1 to 4"] as const;

/** One of the scored runs. */
export type RecipeStep = (typeof STEPS)[number];

/** The untouched model. */
export const INSTRUCT = "instruct";

const SETS: readonly EvaluationSet[] = ["t-recall", "instructions", "formatted-facts", "t-infer"];
const THIRD = 1 / 3;
const ADAPTERS: Readonly<Record<RecipeStep, RecipeAdapter>> = {
  default: "default",
  "law 1": "default",
  "laws 1 and 2": "default",
  "laws 1 to 3": "optimised",
  "laws 1 to 4": "shared A",
};

/** The runs of one seed: each step of the recipe, with alignment in a run of its own from the second law on, and the untouched model. */
export function armsOf(rule: RecipeRule, seed: number): Arms {
  return {
    ...Object.assign({}, ...STEPS.map((step) => runsOfStep(rule, seed, step))),
    [INSTRUCT]: requestOf(rule, seed, "law 1", { steps: 0, sets: SETS }),
  } as Arms;
}

function runsOfStep(rule: RecipeRule, seed: number, step: RecipeStep): Arms {
  const { training, align } = rule.settings;
  const aligned = step !== "default" && step !== "law 1";
  if (!aligned) return { [step]: requestOf(rule, seed, step, { sets: SETS }) };
  const before = `${step}, before alignment`;
  return {
    [before]: requestOf(rule, seed, step, { steps: training.steps - align.steps, sets: [] }),
    [step]: requestOf(rule, seed, step, {
      steps: align.steps,
      lr: align.lr,
      start: before,
      shares: { instructions: THIRD, formatted: THIRD },
      sets: SETS,
    }),
  };
}

/** One training of a step of the recipe. */
export function requestOf(
  rule: RecipeRule,
  seed: number,
  step: RecipeStep,
  changes: {
    readonly steps?: number;
    readonly lr?: number;
    readonly start?: string;
    readonly shares?: { readonly instructions: number; readonly formatted: number };
    readonly sets: readonly EvaluationSet[];
  },
): TrainRequest {
  const { training, facts, wordings, adapters } = rule.settings;
  const { steps = training.steps, start, shares, sets } = changes;
  const diverse = step !== "default";
  const request = trainingRequest(rule, seed, {
    method: methodOf(rule, ADAPTERS[step]),
    data: {
      facts: each(facts),
      wordings: { ...each(wordings.others), geography: diverse ? wordings.diverse : wordings.scarce },
      sampler: { kind: diverse ? "balanced" : "proportional", diversity: diverse },
      ...shares,
    },
    steps,
    optimizer: { ...training.optimizer, lr: changes.lr ?? adapters[ADAPTERS[step]].lr },
    schedule: { ...training.schedule, warmup: Math.min(training.schedule.warmup ?? 0, steps) },
    evaluate: { sets },
  });
  if (start === undefined || request.method.kind === "full") return request;
  return { ...request, method: { ...request.method, start: armModel(start) } };
}

function methodOf(
  { settings: { adapters, experts } }: RecipeRule,
  name: RecipeAdapter,
): NonNullable<TrainInput["method"]> {
  const { rank, alpha } = adapters[name];
  if (name === "default") return { kind: "lora", rank, alpha, targets: ["q_proj", "v_proj"] };
  const optimised = { rank, alpha, targets: "all-linear", rsLora: true };
  return name === "optimised" ? { kind: "lora", ...optimised } : { kind: "shared-a", ...optimised, experts };
}
