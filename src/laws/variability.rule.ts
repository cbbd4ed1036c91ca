import type { Discipline } from "../runs/request.js";
import type { TrainInput } from "../runs/schema.js";
import type { LawRule, TrainingSettings } from "./law.js";

/** What the runs of claim 0 are made of. */
export interface VariabilitySettings {
  readonly training: TrainingSettings;
  /** Of each discipline, and of each part in the control. */
  readonly facts: number;
  readonly wordings: number;
  /** Steps of a training on one discipline alone: its share of the joint one. */
  readonly aloneSteps: number;
  readonly methods: Readonly<
    Record<VariedMethod, { readonly method: NonNullable<TrainInput["method"]>; readonly lr: number }>
  >;
  /** The one discipline whose facts stand under five names in the control. */
  readonly control: { readonly discipline: Discipline; readonly parts: number };
}

/** How a model is fine-tuned. */
export type VariedMethod = "full" | "LoRA" | "LoRA-MoE";

/** A rule of claim 0. */
export type VariabilityRule = LawRule<VariabilitySettings>;

/** Variability: joint against single-discipline training, over methods and seeds. */
export const variabilityRule: VariabilityRule = {
  law: "variability",
  number: 0,
  claim: "multi-disciplinary training is more variable than training on a single discipline",
  source: "arXiv 2602.11215, abstract",
  unit: "seed: draws facts, phrasings, order and adapter",
  device: "reference",
  base: { model: "xs-instruct", parameters: 382_656 },
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  arms: { treatment: "joint", comparator: "single" },
  at: {
    methods: "full fine-tuning, LoRA, LoRA-MoE",
    "rows of a discipline": "as many in joint as in single training",
  },
  estimand:
    "mean over disciplines and methods of the distance of strict t-recall, less that of Instruct, from its median over seeds and methods; joint minus single, paired by seed",
  control: { "tested on": "one discipline under five names", expect: "no effect" },
  sesoi: 0.01,
  test: "sign-flip-exact-two-sided",
  interval: "t95",
  family: "alone",
  alpha: 0.05,
  diverged: "score 0, counted",
  secondary: [
    "joint training lowers strict t-recall",
    "full: more variable in joint training",
    "LoRA: more variable in joint training",
    "LoRA-MoE: more variable in joint training",
  ],
  settings: {
    training: {
      model: "xs-instruct",
      objective: "sft",
      method: { kind: "full" },
      steps: 400,
      batch: 32,
      tokens: 96,
      optimizer: { lr: 0.005, decay: 0, clip: 1 },
      schedule: { kind: "cosine", warmup: 20, floor: 0.1 },
    },
    facts: 60,
    wordings: 8,
    aloneSteps: 80,
    methods: {
      full: { method: { kind: "full" }, lr: 0.021 },
      LoRA: { method: { kind: "lora", rank: 8, alpha: 16, targets: "all-linear" }, lr: 0.016 },
      "LoRA-MoE": {
        method: { kind: "lora-moe", rank: 4, alpha: 8, experts: 4, targets: "all-linear" },
        lr: 0.016,
      },
    },
    control: { discipline: "biology", parts: 5 },
  },
};
