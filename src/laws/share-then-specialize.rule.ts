import type { LawRule, TrainingSettings } from "./law.js";

/** What the runs of Law 4 are made of. */
export interface ShareThenSpecializeSettings {
  readonly training: TrainingSettings;
  /** Of each discipline. */
  readonly facts: number;
  readonly wordings: number;
  /** Ranks at which designs train about as many parameters, each with its peak learning rate from the pilot. */
  readonly designs: Readonly<Record<Design, { readonly rank: number; readonly lr: number }>>;
  /** Experts of every mixture. */
  readonly experts: number;
  /** Scaling alpha of every adapter as a multiple of its rank. */
  readonly alphaPerRank: number;
  /** Steps of a training on one discipline alone: its share of the joint one. */
  readonly aloneSteps: number;
  readonly grid: { readonly seeds: readonly number[]; readonly experts: readonly number[] };
}

/** How an adapter is divided among disciplines. */
export type Design = "LoRA" | "LoRA, equal rank" | "symmetric" | "shared A" | "shared B" | "oracle";

/** A rule of Law 4. */
export type ShareThenSpecializeRule = LawRule<ShareThenSpecializeSettings>;

/** Share-then-Specialize: one A and many B's against as many A's, at equal trainable parameters. */
export const shareThenSpecializeRule: ShareThenSpecializeRule = {
  law: "share-then-specialize",
  number: 4,
  claim:
    "a shared low-rank projection with experts beats experts of their own projections at equal trainable parameters",
  source: "arXiv 2602.11215, abstract",
  unit: "seed: draws facts, phrasings, order and adapter",
  device: "reference",
  base: { model: "xs-instruct", parameters: 382_656 },
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  arms: { treatment: "shared A", comparator: "symmetric" },
  at: { experts: "5", parameters: "about 132,000" },
  estimand: "strict t-recall, macro over the five disciplines, paired difference",
  control: {
    "tested on":
      "disciplines that are spelled in vocabularies of their own, so that there is nothing to share",
    expect: "no effect",
  },
  sesoi: 0.03,
  test: "sign-flip-exact-two-sided",
  interval: "t95",
  family: "four-laws-holm",
  alpha: 0.05,
  diverged: "score 0, counted",
  secondary: [
    "shared A > LoRA of equal parameters",
    "shared A > LoRA of equal rank",
    "shared A > shared B",
    "shared A >= oracle routing",
    "worst discipline: shared A > LoRA of equal parameters",
    "fewer disciplines below their own adapter: shared A < LoRA of equal parameters",
    "experts know disciplines: bits of shared A > bits of symmetric",
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
    facts: 60,
    wordings: 8,
    designs: {
      LoRA: { rank: 22, lr: 0.01 },
      "LoRA, equal rank": { rank: 6, lr: 0.016 },
      symmetric: { rank: 4, lr: 0.016 },
      "shared A": { rank: 6, lr: 0.016 },
      "shared B": { rank: 7, lr: 0.016 },
      oracle: { rank: 4, lr: 0.016 },
    },
    experts: 5,
    alphaPerRank: 2,
    aloneSteps: 80,
    grid: { seeds: [1, 2, 3], experts: [2, 3, 5, 8] },
  },
};
