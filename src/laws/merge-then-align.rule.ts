import type { LawRule, TrainingSettings } from "./law.js";

/** Steps and peak learning rate of one training of a pipeline. */
export interface Phase {
  readonly steps: number;
  readonly lr: number;
}

/** What the runs of Law 2 are made of. */
export interface MergeThenAlignSettings {
  readonly training: TrainingSettings;
  /** Of each discipline. */
  readonly facts: number;
  readonly wordings: number;
  /** The trunk that all branches grow from, on all disciplines and general instructions. */
  readonly stem: Phase & { readonly instructions: number };
  /** One for each discipline, on it alone. */
  readonly branch: Phase;
  /** All disciplines after the stem, in as many steps as a branch has. */
  readonly joint: Phase;
  /** Instructions, science, and science under formats, a third each. */
  readonly align: Readonly<Record<"sft" | "dpo" | "orpo", Phase>>;
  /** Joint full fine-tuning of the untouched model without instructions. */
  readonly forgetting: Phase;
  /** Adapters of single disciplines, trained from the untouched model. */
  readonly adapters: Phase & { readonly rank: number; readonly alpha: number };
  /** Share of the untouched model in a merge with it. */
  readonly slerp: number;
  readonly density: number;
  /** A Base model, with which nothing can be restored. */
  readonly negative: string;
  /** The seeds on which all other pipelines are run. */
  readonly grid: { readonly seeds: readonly number[] };
}

/** A rule of Law 2. */
export type MergeThenAlignRule = LawRule<MergeThenAlignSettings>;

/** Merge-then-Align: a merge of discipline models, then a short alignment. */
export const mergeThenAlignRule: MergeThenAlignRule = {
  law: "merge-then-align",
  number: 2,
  claim: "aligning a merged model lets it use what all disciplines taught it in the form that is asked for",
  source: "arXiv 2602.11215, abstract",
  unit: "seed: draws facts, phrasings and order",
  device: "reference",
  base: { model: "s-instruct", parameters: 750_624 },
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  arms: { treatment: "merged, aligned", comparator: "merged" },
  at: {
    merge: "mean of five branches of one stem",
    alignment: "SFT, a third each: instructions, science, science under formats",
  },
  estimand:
    "strict formatted-facts, mean over the five disciplines, of facts and formats that alignment did not show together",
  control: { "tested on": "the same steps on plain science rows alone", expect: "no effect" },
  sesoi: 0.05,
  test: "sign-flip-exact-two-sided",
  interval: "t95",
  family: "four-laws-holm",
  alpha: 0.05,
  diverged: "score 0, counted",
  secondary: [
    "merging lowers instruction following",
    "alignment restores instruction following to Instruct's",
    "alignment does not teach: lenient t-recall changes by at most 0.02",
    "cross-discipline questions, lenient: aligned > merged",
    "synergy: aligned > mean of the branches, strict t-recall",
    "synergy: aligned > best branch, strict t-recall",
    "facts in formats: merge then align > joint training",
    "aligned on instructions, science and formats > on instructions alone",
  ],
  settings: {
    training: {
      model: "s-instruct",
      objective: "sft",
      method: { kind: "full" },
      steps: 100,
      batch: 32,
      tokens: 96,
      optimizer: { lr: 0.0005, decay: 0, clip: 1 },
      schedule: { kind: "cosine", warmup: 10, floor: 0.1 },
    },
    facts: 60,
    wordings: 8,
    stem: { steps: 200, lr: 0.008, instructions: 0.2 },
    branch: { steps: 100, lr: 0.004 },
    joint: { steps: 100, lr: 0.004 },
    align: {
      sft: { steps: 80, lr: 0.0008 },
      dpo: { steps: 80, lr: 0.0002 },
      orpo: { steps: 80, lr: 0.0008 },
    },
    forgetting: { steps: 300, lr: 0.008 },
    adapters: { steps: 100, lr: 0.01, rank: 8, alpha: 16 },
    slerp: 0.3,
    density: 0.5,
    negative: "s-base",
    grid: { seeds: [1, 2, 3] },
  },
};
