import {
  type Discipline,
  DISCIPLINES,
  type EvaluationSet,
  type MergeRequest,
  type RunRequest,
  type TrainRequest,
} from "../runs/request.js";
import type { TrainInput } from "../runs/schema.js";
import { type Arms, armModel } from "./arms.js";
import type { MergeThenAlignRule, Phase } from "./merge-then-align.rule.js";
import { candidateRates, type Candidates, type Pilot, rateName } from "./pilot.js";
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

/** Names of scored runs of the grid, before their alignments. */
const GRID = {
  sphere: "merged on the sphere",
  ties: "merged by TIES",
  dare: "merged by DARE-TIES",
  alignFirst: "aligned, then merged",
  negative: "from Base: merged",
} as const;

/** What is done to a merged or jointly trained model, and the end of its name then. */
const ALIGNMENTS = {
  sft: "aligned",
  slerp: "SLERP with Instruct",
  orpo: "ORPO",
  dpo: "DPO",
  instructions: "instructions only",
} as const;

type Alignment = keyof typeof ALIGNMENTS;

const EVERY_ALIGNMENT = Object.keys(ALIGNMENTS) as Alignment[];

/** How adapters of single disciplines become one: the method's name in PEFT, and whether it is a mean of trimmed ones. */
interface Composition {
  readonly method: string;
  readonly trims: boolean;
}

const CONCATENATION: Composition = { method: "cat", trims: false };

/** What adapters of the stem become, by the name of the scored run. */
const COMPOSITIONS: Readonly<Record<string, Composition>> = {
  "adapters, concatenated": CONCATENATION,
  "adapters, linear": { method: "linear", trims: false },
  "adapters, SVD": { method: "svd", trims: false },
  "adapters, TIES": { method: "ties_svd", trims: true },
  "adapters, DARE-TIES": { method: "dare_ties_svd", trims: true },
};

/** Adapters that share no stem: those of the untouched model, concatenated. */
const SEPARATE = "adapters, no stem";

const andThen = (name: string, alignment: Alignment): string => `${name}, ${ALIGNMENTS[alignment]}`;

/** A branch, scored on all disciplines. */
export const branchArm = (discipline: Discipline): string => `branch of ${discipline}`;

/** The scored runs of every seed, in the order in which a matrix tells of them. */
export const COMPARED: readonly string[] = [
  ARMS.instruct,
  ...DISCIPLINES.map(branchArm),
  ...[ARMS.forgetting, ARMS.joint, ARMS.merged, ARMS.science, ARMS.aligned, ARMS.instructions],
];

/** What the alignments start from, in the order in which a matrix tells of it; the last is aligned before it is merged. */
export const UNALIGNED: readonly string[] = [
  ...[ARMS.forgetting, ARMS.joint, ARMS.merged, GRID.sphere, GRID.ties, GRID.dare],
  ...Object.keys(COMPOSITIONS),
  ...[SEPARATE, GRID.negative, GRID.alignFirst],
];

/** How a scored run that starts from another one is named, by what is done to that. */
export const ALIGNED: Readonly<Record<string, (name: string) => string>> = {
  "as is": (name) => name,
  ...Object.fromEntries(
    EVERY_ALIGNMENT.map((one) => [ALIGNMENTS[one], (name: string): string => andThen(name, one)]),
  ),
};

const SETS: readonly EvaluationSet[] = ["t-recall", "instructions", "formatted-facts", "cross"];

/** Shares of the rows of an alignment; the rest is plain science. */
const THIRDS = { instructions: 1 / 3, formatted: 1 / 3 } as const;

/** Trainings, merges, compositions and scorings of one seed under one name each. */
class Pipeline {
  readonly arms: Record<string, RunRequest> = {};
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
      model: this.#named(model),
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

  /** A merge, scored. */
  merge(name: string, recipe: MergeRequest["recipe"]): void {
    this.arms[weightsOf(name)] = { kind: "merge", recipe, seed: this.#seed };
    this.score(name, weightsOf(name));
  }

  /** A composition of the mean of adapters of single disciplines, scored. */
  compose(name: string, base: string, prefix: string, { method, trims }: Composition): void {
    const weight = trims ? 1 : 1 / DISCIPLINES.length;
    this.arms[weightsOf(name)] = {
      kind: "compose",
      base: this.#named(base),
      adapters: DISCIPLINES.map((one) => ({ adapter: armModel(branchName(prefix, one)), weight })),
      method,
      ...(trims ? { density: this.#rule.settings.density } : {}),
      convention: "exact",
      seed: this.#seed,
      device: this.#rule.device,
    };
    this.score(name, weightsOf(name));
  }

  /** A scored model, aligned in some of the ways and scored again. */
  align(name: string, alignments: readonly Alignment[]): void {
    const { align, slerp, training } = this.#rule.settings;
    for (const alignment of alignments) {
      const then = andThen(name, alignment);
      if (alignment === "slerp") this.merge(then, slerpRecipe(armModel(name), training.model, slerp));
      else if (alignment === "instructions")
        this.train(then, name, align.sft, { instructions: 1 }, { sets: SETS });
      else this.train(then, name, align[alignment], THIRDS, { objective: alignment, sets: SETS });
    }
  }

  #named(model: string): string {
    return model in this.arms || model in this.#before ? armModel(model) : model;
  }
}

const weightsOf = (name: string): string => `${name}: weights`;

/**
 * The runs of one seed: a stem, a branch for each discipline, their mean, and what alignment makes of it.
 */
export function armsOf(rule: MergeThenAlignRule, seed: number): Arms {
  const { settings } = rule;
  const { align, joint, forgetting } = settings;
  const instruct = settings.training.model;
  const pipeline = new Pipeline(rule, seed);
  pipeline.score(ARMS.instruct, instruct);
  grow(pipeline, rule, "", instruct);
  for (const one of DISCIPLINES) pipeline.score(branchArm(one), branchName("", one));
  pipeline.merge(ARMS.merged, recipeOf("linear", "", settings.density));
  pipeline.align(ARMS.merged, ["sft", "instructions"]);
  pipeline.train(ARMS.science, ARMS.merged, align.sft, {}, { sets: SETS });
  pipeline.train(ARMS.joint, "stem", joint, {}, { sets: SETS });
  pipeline.train(ARMS.forgetting, instruct, forgetting, {}, { sets: SETS });
  return pipeline.arms;
}

/** The other merges, alignments and orders, merged adapters, and all of it from a Base model. */
export function gridOf(rule: MergeThenAlignRule, seed: number): Arms {
  const { settings } = rule;
  if (!settings.grid.seeds.includes(seed)) return {};
  const pipeline = new Pipeline(rule, seed, armsOf(rule, seed));
  const { density, negative, adapters } = settings;
  const instruct = settings.training.model;
  pipeline.align(ARMS.merged, ["dpo", "orpo", "slerp"]);
  pipeline.align(ARMS.joint, EVERY_ALIGNMENT);
  pipeline.align(ARMS.forgetting, EVERY_ALIGNMENT);
  pipeline.merge(GRID.sphere, recipeOf("multislerp", "", density));
  pipeline.merge(GRID.ties, recipeOf("ties", "", density));
  pipeline.merge(GRID.dare, recipeOf("dare_ties", "", density));
  for (const name of [GRID.sphere, GRID.ties, GRID.dare]) pipeline.align(name, ["sft"]);
  const method: TrainInput["method"] = {
    kind: "lora",
    rank: adapters.rank,
    alpha: adapters.alpha,
    targets: "all-linear",
  };
  for (const [prefix, model] of [
    [STEM_ADAPTER, "stem"],
    [INSTRUCT_ADAPTER, instruct],
  ] as const) {
    for (const one of DISCIPLINES)
      pipeline.train(branchName(prefix, one), model, adapters, { disciplines: [one] }, { method });
  }
  for (const [name, composition] of Object.entries(COMPOSITIONS)) {
    pipeline.compose(name, "stem", STEM_ADAPTER, composition);
    pipeline.align(name, composition === CONCATENATION ? EVERY_ALIGNMENT : ["sft"]);
  }
  pipeline.compose(SEPARATE, instruct, INSTRUCT_ADAPTER, CONCATENATION);
  pipeline.align(SEPARATE, ["sft"]);
  for (const one of DISCIPLINES)
    pipeline.train(branchName("aligned ", one), branchName("", one), settings.align.sft, THIRDS);
  pipeline.merge(GRID.alignFirst, recipeOf("linear", "aligned ", density));
  grow(pipeline, rule, "base ", negative);
  pipeline.merge(GRID.negative, recipeOf("linear", "base ", density));
  pipeline.align(GRID.negative, ["sft"]);
  return pipeline.arms;
}

const STEM_ADAPTER = "adapter of the stem for ";
const INSTRUCT_ADAPTER = "adapter of Instruct for ";

const branchName = (prefix: string, discipline: Discipline): string => `${prefix}${discipline}`;

/** A stem and its branches. */
function grow(pipeline: Pipeline, { settings }: MergeThenAlignRule, prefix: string, model: string): void {
  const { stem, branch } = settings;
  pipeline.train(`${prefix}stem`, model, stem, { instructions: stem.instructions });
  for (const one of DISCIPLINES)
    pipeline.train(branchName(prefix, one), `${prefix}stem`, branch, { disciplines: [one] });
}

/** A merge of the five branches: their mean, on the sphere, or their task vectors added to the stem. */
function recipeOf(
  method: "linear" | "multislerp" | "ties" | "dare_ties",
  prefix: string,
  density: number,
): MergeRequest["recipe"] {
  const onStem = method === "ties" || method === "dare_ties";
  const models = DISCIPLINES.map((one) => ({
    model: armModel(branchName(prefix, one)),
    parameters: { weight: 1, ...(onStem ? { density } : {}) },
  }));
  return {
    merge_method: method,
    ...(onStem ? { base_model: armModel("stem"), parameters: { normalize: true } } : {}),
    models,
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

/** Peak learning rates that the pilot tries, by what is trained. */
const RATES = {
  stem: [0.002, 0.003, 0.005, 0.008, 0.012],
  joint: [0.001, 0.002, 0.004, 0.008, 0.016],
  branch: [0.0005, 0.001, 0.002, 0.004, 0.008],
} as const;

/**
 * Learning rates of the stem, of all disciplines together after it, and of the branches, which are scored by their mean; a
 * stem of all steps on one discipline as gate. Alignment is not tuned: what it is for is asked by test items alone.
 */
export function pilotOf(rule: MergeThenAlignRule): Pilot {
  const { settings } = rule;
  const { stem, joint, branch, align, density } = settings;
  const validated = (request: RunRequest | undefined): TrainRequest => ({
    ...(request as TrainRequest),
    evaluate: { sets: ["validation"] },
  });
  const candidates = (use: keyof typeof RATES, request: (lr: number) => TrainRequest): Candidates =>
    candidateRates(RATES[use], (lr) => [request(lr)]);
  const armsWith = (seed: number, changes: Partial<MergeThenAlignRule["settings"]>): Arms =>
    armsOf({ ...rule, settings: { ...settings, ...changes } }, seed);
  /** The branches of every rate and their means. */
  const merged = (seed: number): Record<string, RunRequest> => {
    const pipeline = new Pipeline(rule, seed, { stem: armsOf(rule, seed)["stem"]! });
    RATES.branch.forEach((lr) => {
      const prefix = `${rateName(lr)} `;
      for (const one of DISCIPLINES)
        pipeline.train(branchName(prefix, one), "stem", { ...branch, lr }, { disciplines: [one] });
      pipeline.merge(rateName(lr), recipeOf("linear", prefix, density));
    });
    return pipeline.arms;
  };
  return {
    seeds: [101],
    inRule: {
      stem: rateName(stem.lr),
      joint: rateName(joint.lr),
      "branches, merged": rateName(branch.lr),
    },
    before: (seed) => {
      const scored: string[] = RATES.branch.map(rateName);
      const runs = Object.entries(merged(seed)).filter(([name]) => !scored.includes(name));
      return { stem: armsOf(rule, seed)["stem"]!, ...Object.fromEntries(runs) };
    },
    trials: (seed) => {
      const means = merged(seed);
      return {
        stem: candidates("stem", (lr) => validated(armsWith(seed, { stem: { ...stem, lr } })["stem"])),
        joint: candidates("joint", (lr) =>
          validated(armsWith(seed, { joint: { ...joint, lr } })[ARMS.joint]),
        ),
        "branches, merged": candidates("branch", (lr) => validated(means[rateName(lr)])),
      };
    },
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
