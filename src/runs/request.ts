import type { Json } from "../core/canonical.js";
import type { PartitionRequest } from "../partition/request.js";
import type { ComposeRequest } from "./compose/request.js";

/** The five disciplines, in the order in which every table and file lists them. */
export const DISCIPLINES = ["mathematics", "chemistry", "biology", "medicine", "geography"] as const;

/** One scientific discipline. */
export type Discipline = (typeof DISCIPLINES)[number];

/** Where a fine-tuning run takes its rows from. */
export interface FactsData {
  /** Distinct facts drawn per discipline; a discipline that is left out gives none. */
  readonly facts: Readonly<Partial<Record<Discipline, number>>>;
  /** Training wordings per fact, by discipline; `else` for those not named. At least 1. */
  readonly wordings: Readonly<Partial<Record<Discipline | "else", number>>>;
  readonly sampler: SamplerRequest;
  /** Share of rows that are general instructions instead, evenly between the others, in (0, 1]. Left out: none. */
  readonly instructions?: number;
  /** Share of rows that ask half of the facts in a format, in (0, 1]; with `instructions` at most 1. Left out: none. */
  readonly formatted?: number;
  /** One of `of` equal parts of the drawn facts, from 1: the others are neither trained nor asked. Left out: all. */
  readonly part?: { readonly number: number; readonly of: number };
  /** Each discipline is spelled in its own permutation of the vocabulary, so that disciplines share no structure. */
  readonly disjoint?: true;
}

/** Which row comes next. */
export interface SamplerRequest {
  readonly kind: "proportional" | "temperature" | "balanced" | "unimax" | "weighted";
  /** Temperature tau >= 1 of `temperature`: q = p^(1/tau), normalised. */
  readonly temperature?: number;
  /** Repeat cap N >= 1 of `unimax`. */
  readonly cap?: number;
  /** Mixing weights of `weighted`, > 0, for every discipline with facts; among those of a stage they are normalised. */
  readonly weights?: Readonly<Partial<Record<Discipline, number>>>;
  /** Diversity-aware upsampling: prefer a new wording, then a far topic, over a copy. */
  readonly diversity: boolean;
}

/** Rows from a named text of `datasets/text`: "base" (plain text) or "instructions" (chat rows). */
export interface TextData {
  readonly text: "base" | "instructions";
}

/** What is minimised. */
export type ObjectiveRequest =
  | { readonly kind: "cpt" }
  | {
      readonly kind: "sft";
      /** Are answers learnt alone, or prompts too? */
      readonly on: "completion" | "full";
    }
  | {
      readonly kind: "dpo";
      readonly loss: "sigmoid" | "sigmoid_norm" | "robust" | "hinge" | "ipo";
      /** > 0. */
      readonly beta: number;
      /** In [0, 0.5); with `sigmoid` this is cDPO. */
      readonly smoothing: number;
      /** `trl`: as TRL computes it, where that differs from the paper. */
      readonly convention: "paper" | "trl";
    }
  | {
      readonly kind: "orpo";
      /** Weight of the odds-ratio term, > 0. */
      readonly beta: number;
      /** Likelihood over prompt and answer per token, as TRL, or over answers per row, as the paper. */
      readonly nll: "full" | "completion";
    };

/** What every adapter has. */
export interface AdapterRequest {
  /** r in [1, smaller side of each adapted layer]. */
  readonly rank: number;
  /** Scaling s = alpha / rank, with rsLora alpha / sqrt(rank). */
  readonly alpha: number;
  /** Suffixes of layer names, `all-linear`, or a regular expression over the whole name. */
  readonly targets: string | readonly string[];
  /** Layers to leave out again, in the same forms. */
  readonly exclude?: string | readonly string[];
  /** Numbers of the blocks to adapt, from 0. */
  readonly layers?: readonly number[];
  /** Ranks and alphas of single layers, by pattern; where several match, the first in alphabetical order counts. */
  readonly rankPattern?: Readonly<Record<string, number>>;
  readonly alphaPattern?: Readonly<Record<string, number>>;
  readonly rsLora?: boolean;
  /** Share of the adapter's inputs that training drops, in [0, 1). */
  readonly dropout?: number;
  /** `run:<id>` of an adapter to go on from; a mixture takes a single A or B for each of its experts. */
  readonly start?: string;
  /** Parts of the adapter that stay as they started: `lora_A`, `lora_B`, `lora_route`. */
  readonly freeze?: readonly string[];
}

/** One low-rank adapter on a frozen model. */
export interface LoraRequest extends AdapterRequest {
  readonly kind: "lora";
  /** Weight-decomposed: magnitude and direction apart. */
  readonly dora?: boolean;
  /** Modules that are trained whole beside the adapter, for example `model.norm`. */
  readonly modulesToSave?: readonly string[];
}

/** How tokens reach experts, see `Routing`. */
export type RoutingRequest =
  | { readonly kind: "dense" }
  | { readonly kind: "top-k"; readonly k: number }
  | { readonly kind: "top-p"; readonly p: number }
  | { readonly kind: "switch"; readonly capacity?: number }
  | {
      /** Oracle routing: the discipline of a row decides. */
      readonly kind: "labels";
      /** Expert of each discipline, from 0; left out: one each, in their order. */
      readonly experts: Readonly<Partial<Record<Discipline, number>>>;
    };

/** Losses that balance the experts, each with its weight >= 0. */
export interface BalanceRequest {
  readonly auxiliary?: number;
  readonly squaredVariation?: number;
  readonly routerZ?: number;
  /** `delta` in [0, 1]; the first half of the experts is for rows of the disciplines in `first`. */
  readonly localised?: {
    readonly weight: number;
    readonly delta: number;
    readonly first: readonly Discipline[];
  };
}

/** A mixture of low-rank experts on a frozen model. */
export interface MixtureRequest extends AdapterRequest {
  readonly kind: "lora-moe" | "shared-a" | "shared-b" | "mixlora";
  /** At least 2; `elbow` asks k-means over the embeddings of the drawn facts, and the resolved request has a number. */
  readonly experts: number | "elbow";
  readonly routing: RoutingRequest;
  readonly balance?: BalanceRequest;
}

/** Full fine-tuning, a low-rank adapter, or a mixture of them. */
export type MethodRequest = { readonly kind: "full" } | LoraRequest | MixtureRequest;

/** AdamW with decoupled decay. */
export interface OptimizerRequest {
  /** Peak learning rate, > 0. */
  readonly lr: number;
  /** Weight decay on matrices, >= 0. */
  readonly decay: number;
  /** Largest global gradient norm, > 0; 0 switches clipping off. */
  readonly clip: number;
  /** Decays of the moments, each in [0, 1). */
  readonly betas: readonly [number, number];
  /** Added to the root of the second moment, > 0. */
  readonly epsilon: number;
  /** Peak learning rates of their own, > 0. */
  readonly rates?: {
    readonly adapters?: number;
    readonly routers?: number;
    readonly embeddings?: number;
  };
  /** Norm balls, > 0: how far model weights may move from their start, and how large an adapter may become. */
  readonly radius?: { readonly weights?: number; readonly adapters?: number };
}

/** Learning rate over steps, as transformers computes it. */
export interface ScheduleRequest {
  readonly kind: "constant" | "linear" | "cosine" | "wsd";
  /** Steps of linear warm-up. */
  readonly warmup: number;
  /** Lowest rate of `cosine` and `wsd` as a share of the peak, in [0, 1]. */
  readonly floor: number;
  /** Steps of the decay of `wsd`. */
  readonly decay?: number;
}

/** One stage: model and experts of its disciplines are trained on their rows, other experts stay as they are. */
export interface StageRequest {
  readonly disciplines: readonly Discipline[];
  /** Optimiser updates; the schedule runs anew over each stage. */
  readonly steps: number;
}

/** Test sets that a run is scored on. */
export const EVALUATION_SETS = [
  "t-recall",
  "t-trained",
  "t-infer",
  "validation",
  "perplexity",
  "instructions",
  "formatted-facts",
  "cross",
] as const;

/**
 * t-recall: trained facts, unseen core phrasings. t-trained: trained facts, a trained wording. t-infer: unseen subjects.
 * validation: trained facts, the validation phrasing. perplexity: answers in the validation phrasing, and plain text.
 * instructions: held-out pairs of task and format. formatted-facts: trained facts in held-out formats. cross: facts of two
 * disciplines in one question.
 */
export type EvaluationSet = (typeof EVALUATION_SETS)[number];

/** What to score at the end of a run. */
export interface EvaluateRequest {
  readonly sets: readonly EvaluationSet[];
  /** Scores each of so many equal parts of the facts instead, as `<discipline>/<part>`, at least 2. Left out: all as one. */
  readonly parts?: number;
}

/** One merge of models, as `planMerge` takes it. */
export interface MergeRequest {
  readonly kind: "merge";
  /** A recipe of mergekit, as the value that its YAML stands for; ids of runs are whole. */
  readonly recipe: Json;
  /** Names the random masks. */
  readonly seed: number;
}

/** What a run can be asked for. */
export type RunRequest = TrainRequest | MergeRequest | ComposeRequest | PartitionRequest;

/** One training run with its scores, every default filled in. */
export interface TrainRequest {
  readonly kind: "train";
  /** `xs-instruct` (a folder of `datasets/models`), `run:<id>`, a path that starts with `./` or `/`, or `new:xs` (random initialisation). */
  readonly model: string;
  readonly objective: ObjectiveRequest;
  readonly method: MethodRequest;
  readonly data: FactsData | TextData;
  /** Stages one after another: disjoint, and together all disciplines with facts. Left out: one training. */
  readonly stages?: readonly StageRequest[];
  /** The stages come in an order that the seed draws. Left out: in the given one. */
  readonly stageOrder?: "drawn";
  /** Optimiser updates, of all stages together. */
  readonly steps: number;
  /** Rows a step; pairs for `dpo` and `orpo`; for plain text, lines of `tokens` tokens. */
  readonly batch: number;
  /** Parts of a batch that are computed one after another and whose gradients are summed; divides `batch`. */
  readonly microBatches: number;
  /** Tokens of one packed line. */
  readonly tokens: number;
  readonly optimizer: OptimizerRequest;
  readonly schedule: ScheduleRequest;
  readonly evaluate: EvaluateRequest;
  readonly seed: number;
  /** `reference`, `cpu` or `auto`; in a resolved request never `auto`. */
  readonly device: string;
}
