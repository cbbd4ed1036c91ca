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
}

/** Which row comes next. */
export interface SamplerRequest {
  readonly kind: "proportional" | "temperature" | "balanced" | "unimax";
  /** Temperature tau >= 1 of `temperature`: q = p^(1/tau), normalised. */
  readonly temperature?: number;
  /** Repeat cap N >= 1 of `unimax`. */
  readonly cap?: number;
  /** Diversity-aware upsampling: prefer a new wording, then a far topic, over a copy. */
  readonly diversity: boolean;
}

/** Rows from a named text of `datasets/text`: "base" (plain text) or "instructions" (chat rows). */
export interface TextData {
  readonly text: "base" | "instructions";
}

/** Full fine-tuning, or low-rank adapters on a frozen model. */
export type MethodRequest =
  | { readonly kind: "full" }
  | {
      readonly kind: "lora";
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
      /** Weight-decomposed: magnitude and direction apart. */
      readonly dora?: boolean;
      /** Modules that are trained whole beside the adapter, for example `model.norm`. */
      readonly modulesToSave?: readonly string[];
    };

/** AdamW with decoupled decay. */
export interface OptimizerRequest {
  /** Peak learning rate, > 0. */
  readonly lr: number;
  /** Weight decay on matrices, >= 0. */
  readonly decay: number;
  /** Largest global gradient norm, > 0; 0 switches clipping off. */
  readonly clip: number;
}

/** Learning rate over steps. */
export interface ScheduleRequest {
  readonly kind: "cosine" | "constant";
  /** Steps of linear warm-up. */
  readonly warmup: number;
  /** Last learning rate as a share of the peak, in [0, 1]. */
  readonly floor: number;
}

/** Test sets that a run is scored on. */
export const EVALUATION_SETS = ["t-recall", "t-trained", "t-infer", "validation"] as const;

/** t-recall: trained facts, unseen core phrasings. t-trained: trained facts, a trained wording. t-infer: unseen subjects. validation: trained facts, the validation phrasing. */
export type EvaluationSet = (typeof EVALUATION_SETS)[number];

/** What to score at the end of a run. */
export interface EvaluateRequest {
  readonly sets: readonly EvaluationSet[];
}

/** One training run with its scores, every default filled in. */
export interface TrainRequest {
  readonly kind: "train";
  /** `xs-instruct` (a folder of `datasets/models`), `run:<id>`, a path that starts with `./` or `/`, or `new:xs` (random initialisation). */
  readonly model: string;
  readonly objective: "cpt" | "sft";
  readonly method: MethodRequest;
  readonly data: FactsData | TextData;
  /** Optimiser updates. */
  readonly steps: number;
  /** Rows a step; for plain text, lines of `tokens` tokens a step. */
  readonly batch: number;
  /** Tokens of one packed line. */
  readonly tokens: number;
  readonly optimizer: OptimizerRequest;
  readonly schedule: ScheduleRequest;
  readonly evaluate: EvaluateRequest;
  readonly seed: number;
  /** `reference`, `cpu` or `auto`; in a resolved request never `auto`. */
  readonly device: string;
}
