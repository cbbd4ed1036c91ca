import {
  type Discipline,
  DISCIPLINES,
  type EvaluationSet,
  type MergeRequest,
  type TrainRequest,
} from "../runs/request.js";
import type { TrainInput } from "../runs/schema.js";
import { type Arms, armModel } from "./arms.js";
import type { MergeThenAlignRule, Phase } from "./merge-then-align.rule.js";
import type { Candidates, Pilot } from "./pilot.js";
import { aloneRequests, each, trainingRequest } from "./requests.js";

/** Names of scored runs. */
export const ARMS = {
  instruct: "instruct",
  merged: "merged",
  aligned: "merged, aligned",
  science: "merged, science only",
  instructions: "merged, instructions only",
  joint: "joint",
  forgetting: "joint, no instructions",
} as const;

/** Names of scored runs of the grid. */
export const GRID = {
  dpo: "merged, DPO",
  orpo: "merged, ORPO",
  slerp: "merged, SLERP with Instruct",
  ties: "merged by TIES",
  tiesAligned: "merged by TIES, aligned",
  dare: "merged by DARE-TIES",
  dareAligned: "merged by DARE-TIES, aligned",
  alignFirst: "aligned, then merged",
  jointAligned: "joint, aligned",
  forgettingAligned: "joint, no instructions, aligned",
  forgettingSlerp: "joint, no instructions, SLERP with Instruct",
  negative: "from Base: merged",
  negativeAligned: "from Base: merged, aligned",
} as const;

/** A branch, scored on all disciplines. */
export const branchArm = (discipline: Discipline): string => `branch of ${discipline}`;

const SETS: readonly EvaluationSet[] = ["t-recall", "instructions", "formatted-facts", "cross"];
const THIRD = 1 / 3;

/** Trainings, merges and scorings of one seed under one name each. */
class Pipeline {
  readonly arms: Record<string, TrainRequest | MergeRequest> = {};
  readonly #rule: MergeThenAlignRule;
  readonly #seed: number;

  readonly #before: Arms;

  /** `before`: runs that these may start from. */
  constructor(rule: MergeThenAlignRule, seed: number, before: Arms = {}) {
    this.#rule = rule;
    this.#seed = seed;
    this.#before = before;
  }

  /** A training from a model of `datasets/models` or from another run. */
  train(
    name: string,
    model: string,
    { steps, lr }: Phase,
    data: {
      readonly disciplines?: readonly Discipline[];
      readonly instructions?: number;
      readonly formatted?: number;
    },
    changes: Partial<Pick<TrainInput, "objective" | "method">> & {
      readonly sets?: readonly EvaluationSet[];
    } = {},
  ): void {
    const { training, facts, wordings } = this.#rule.settings;
    const { disciplines = DISCIPLINES, ...shares } = data;
    const { sets = [], ...others } = changes;
    this.arms[name] = trainingRequest(this.#rule, this.#seed, {
      ...others,
      model: model in this.arms || model in this.#before ? armModel(model) : model,
      data: {
        facts: each(facts, disciplines),
        wordings: each(wordings, disciplines),
        sampler: { kind: "balanced", diversity: true },
        ...shares,
      },
      steps,
      optimizer: { ...training.optimizer, lr },
      schedule: { ...training.schedule, warmup: Math.min(training.schedule.warmup ?? 0, steps) },
      evaluate: { sets },
    });
  }

  /** A model of this name, scored and not trained. */
  score(name: string, model: string): void {
    this.train(name, model, { steps: 0, lr: this.#rule.settings.training.optimizer.lr }, {}, { sets: SETS });
  }

  merge(name: string, recipe: MergeRequest["recipe"]): void {
    this.arms[name] = { kind: "merge", recipe, seed: this.#seed };
  }
}

/**
 * The runs of one seed: a stem, a branch for each discipline, their mean, and what alignment makes of it.
 */
export function armsOf(rule: MergeThenAlignRule, seed: number): Arms {
  const { settings } = rule;
  const { align, branch, forgetting } = settings;
  const instruct = settings.training.model;
  const pipeline = new Pipeline(rule, seed);
  pipeline.score(ARMS.instruct, instruct);
  grow(pipeline, rule, "", instruct);
  for (const one of DISCIPLINES) pipeline.score(branchArm(one), branchName("", one));
  pipeline.merge("mean", recipeOf("linear", "", settings.density));
  pipeline.score(ARMS.merged, "mean");
  aligned(pipeline, rule, ARMS.aligned, "mean", "sft");
  pipeline.train(ARMS.science, "mean", align.sft, {}, { sets: SETS });
  pipeline.train(ARMS.instructions, "mean", align.sft, { instructions: 1 }, { sets: SETS });
  pipeline.train(ARMS.joint, "stem", branch, {}, { sets: SETS });
  pipeline.train(ARMS.forgetting, instruct, forgetting, {}, { sets: SETS });
  return pipeline.arms;
}

/** The other merges, alignments and orders, and all of it from a Base model. */
export function gridOf(rule: MergeThenAlignRule, seed: number): Arms {
  const { settings } = rule;
  if (!settings.grid.seeds.includes(seed)) return {};
  const compared = armsOf(rule, seed);
  const pipeline = new Pipeline(rule, seed, compared);
  const { density, negative } = settings;
  const instruct = settings.training.model;
  aligned(pipeline, rule, GRID.dpo, "mean", "dpo");
  aligned(pipeline, rule, GRID.orpo, "mean", "orpo");
  const slerped = (name: string, model: string): void => {
    pipeline.merge(`${name}, weights`, slerpRecipe(armModel(model), instruct, settings.slerp));
    pipeline.score(name, `${name}, weights`);
  };
  slerped(GRID.slerp, "mean");
  for (const [method, merged, then] of [
    ["ties", GRID.ties, GRID.tiesAligned],
    ["dare_ties", GRID.dare, GRID.dareAligned],
  ] as const) {
    pipeline.merge(`${method}, weights`, recipeOf(method, "", density));
    pipeline.score(merged, `${method}, weights`);
    aligned(pipeline, rule, then, `${method}, weights`, "sft");
  }
  for (const one of DISCIPLINES)
    aligned(pipeline, rule, branchName("aligned ", one), branchName("", one), "sft", []);
  pipeline.merge("mean of aligned", recipeOf("linear", "aligned ", density));
  pipeline.score(GRID.alignFirst, "mean of aligned");
  aligned(pipeline, rule, GRID.jointAligned, ARMS.joint, "sft");
  aligned(pipeline, rule, GRID.forgettingAligned, ARMS.forgetting, "sft");
  slerped(GRID.forgettingSlerp, ARMS.forgetting);
  grow(pipeline, rule, "base ", negative);
  pipeline.merge("base mean", recipeOf("linear", "base ", density));
  pipeline.score(GRID.negative, "base mean");
  aligned(pipeline, rule, GRID.negativeAligned, "base mean", "sft");
  return pipeline.arms;
}

const branchName = (prefix: string, discipline: Discipline): string => `${prefix}${discipline}`;

/** A stem and its branches. */
function grow(pipeline: Pipeline, { settings }: MergeThenAlignRule, prefix: string, model: string): void {
  const { stem, branch } = settings;
  pipeline.train(`${prefix}stem`, model, stem, { instructions: stem.instructions });
  for (const one of DISCIPLINES)
    pipeline.train(branchName(prefix, one), `${prefix}stem`, branch, { disciplines: [one] });
}

/** A third each of instructions, science, and science under formats. */
function aligned(
  pipeline: Pipeline,
  { settings }: MergeThenAlignRule,
  name: string,
  model: string,
  objective: "sft" | "dpo" | "orpo",
  sets: readonly EvaluationSet[] = SETS,
): void {
  pipeline.train(
    name,
    model,
    settings.align[objective],
    { instructions: THIRD, formatted: THIRD },
    { objective, sets },
  );
}

/** A merge of the five branches: their mean, or their task vectors added to the stem. */
function recipeOf(
  method: "linear" | "ties" | "dare_ties",
  prefix: string,
  density: number,
): MergeRequest["recipe"] {
  const models = DISCIPLINES.map((one) => ({
    model: armModel(branchName(prefix, one)),
    parameters: { weight: 1, ...(method === "linear" ? {} : { density }) },
  }));
  if (method === "linear") return { merge_method: method, models, dtype: "float32" };
  return {
    merge_method: method,
    base_model: armModel("stem"),
    models,
    parameters: { normalize: true },
    dtype: "float32",
  };
}

function slerpRecipe(model: string, instruct: string, t: number): MergeRequest["recipe"] {
  return {
    merge_method: "slerp",
    base_model: model,
    models: [{ model }, { model: instruct }],
    parameters: { t },
    dtype: "float32",
  };
}

const STEM_RATES: readonly number[] = [0.001, 0.002, 0.003];
const BRANCH_RATES: readonly number[] = [0.0003, 0.0005, 0.001];

/**
 * Learning rates of the stem, and of the steps after it on all disciplines; a stem of all steps on one discipline as gate.
 * Alignment is not tuned: what it is for is asked by test items alone.
 */
export function pilotOf(rule: MergeThenAlignRule): Pilot {
  const { stem, branch, align } = rule.settings;
  const trial = (
    seed: number,
    name: string,
    settings: Partial<MergeThenAlignRule["settings"]>,
  ): TrainRequest => {
    const arms = armsOf({ ...rule, settings: { ...rule.settings, ...settings } }, seed);
    return { ...(arms[name] as TrainRequest), evaluate: { sets: ["validation"] } };
  };
  const rates = (values: readonly number[], request: (lr: number) => TrainRequest): Candidates =>
    Object.fromEntries(values.map((lr, index) => [`rate ${index + 1}`, [request(lr)]]));
  return {
    seeds: [101],
    inRule: {
      stem: `rate ${STEM_RATES.indexOf(stem.lr) + 1}`,
      "after the stem": `rate ${BRANCH_RATES.indexOf(branch.lr) + 1}`,
    },
    before: (seed) => ({ stem: armsOf(rule, seed)["stem"]! }),
    trials: (seed) => ({
      stem: rates(STEM_RATES, (lr) => trial(seed, "stem", { stem: { ...stem, lr } })),
      "after the stem": rates(BRANCH_RATES, (lr) => trial(seed, ARMS.joint, { branch: { ...branch, lr } })),
    }),
    chosenBy: { set: "validation", key: "strict", groups: () => DISCIPLINES },
    gate: (seed) => {
      const whole = {
        ...(armsOf(rule, seed)["stem"] as TrainRequest),
        evaluate: { sets: ["t-recall"] as const },
      };
      return aloneRequests(whole, stem.steps + branch.steps + align.sft.steps);
    },
  };
}
