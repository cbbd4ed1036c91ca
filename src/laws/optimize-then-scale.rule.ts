import type { LawRule, TrainingSettings } from "./law.js";

/** What the runs of Law 3 are made of. */
export interface OptimizeThenScaleSettings {
  readonly training: TrainingSettings;
  /** Facts of each discipline: of the claim, and of the control that is beyond a small adapter's capacity. */
  readonly facts: { readonly claim: number; readonly control: number };
  /** Training wordings: of four disciplines, and of geography as it comes and when it is diversified. */
  readonly wordings: { readonly others: number; readonly scarce: number; readonly diverse: number };
  /** Peak learning rates that the pilot chose at the smallest scale, from as many trials for each design. */
  readonly rates: { readonly default: number; readonly optimised: number };
  /** Ranks of adapters, from the smallest to the largest. */
  readonly ranks: readonly number[];
  /** Alpha of every adapter of the default design; the optimised one scales by alpha / sqrt(rank). */
  readonly alpha: number;
  readonly grid: {
    readonly seeds: readonly number[];
    /** Experts of rank `expertRank`. */
    readonly experts: readonly number[];
    readonly expertRank: number;
    readonly balance: number;
    /** Base models of growing width, at the smallest rank. */
    readonly models: readonly { readonly model: string; readonly parameters: number }[];
  };
}

/** A rule of Law 3. */
export type OptimizeThenScaleRule = LawRule<OptimizeThenScaleSettings>;

/** Optimize-then-Scale: what more rank brings to a default design and to an optimised one. */
export const optimizeThenScaleRule: OptimizeThenScaleRule = {
  law: "optimize-then-scale",
  number: 3,
  claim: "more trainable parameters gain more after the design was optimised than before",
  source: "arXiv 2602.11215, abstract",
  unit: "seed: draws facts, phrasings, order and adapter",
  device: "reference",
  base: { model: "xs-instruct", parameters: 382_656 },
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  arms: { treatment: "optimised, rank 32", comparator: "default, rank 32" },
  at: { ranks: "2 to 32", "treatment and comparator": "each minus the same design at rank 2" },
  estimand:
    "lenient t-recall, macro over the five disciplines: gain from rank 2 to 32, optimised minus default",
  control: {
    "tested on": "240 facts of each discipline, beyond the capacity of rank 2 in either design",
    expect: "no effect",
  },
  sesoi: 0.05,
  test: "sign-flip-exact-two-sided",
  interval: "t95",
  family: "four-laws-holm",
  alpha: 0.05,
  diverged: "score 0, counted",
  secondary: [
    "default gains less than 0.01 for each doubling of the rank",
    "optimising at rank 2 gains more than default scaling to rank 32",
    "optimised rank 2 no worse than default rank 32",
    "default scaling helps in the control",
    "strict: the same gain, optimised minus default",
  ],
  settings: {
    training: {
      model: "xs-instruct",
      objective: "sft",
      method: { kind: "full" },
      steps: 400,
      batch: 32,
      tokens: 96,
      optimizer: { lr: 0.01, decay: 0, clip: 1 },
      schedule: { kind: "cosine", warmup: 20, floor: 0.1 },
    },
    facts: { claim: 60, control: 240 },
    wordings: { others: 12, scarce: 1, diverse: 16 },
    rates: { default: 0.02, optimised: 0.02 },
    ranks: [2, 4, 8, 16, 32],
    alpha: 16,
    grid: {
      seeds: [1, 2, 3],
      experts: [2, 4, 8],
      expertRank: 4,
      balance: 0.01,
      models: [
        { model: "xs-instruct", parameters: 382_656 },
        { model: "s-instruct", parameters: 750_624 },
        { model: "m-instruct", parameters: 1_449_600 },
        { model: "l-instruct", parameters: 3_049_920 },
      ],
    },
  },
};
