import type { Discipline } from "../runs/request.js";
import type { LawRule, TrainingSettings } from "./law.js";

/** What the runs of Law 1 are made of. */
export interface BalanceThenDiversitySettings {
  readonly training: TrainingSettings;
  /** The small discipline of seed s is the one at index (s - 1) modulo their number. */
  readonly small: {
    readonly disciplines: readonly Discipline[];
    readonly facts: number;
    /** Wordings per small fact in the copies and in the diverse arms. */
    readonly wordings: { readonly copies: number; readonly diverse: number };
  };
  /** Each of the four other disciplines. */
  readonly large: { readonly facts: number; readonly wordings: number };
  readonly control: { readonly smallFacts: number; readonly largeWordings: number };
  /** Run on some of the seeds, and judged by nothing. */
  readonly grid: {
    readonly seeds: readonly number[];
    /** Rows of a large discipline for each of the small one, by its facts and wordings. */
    readonly imbalance: readonly {
      readonly rows: number;
      readonly facts: number;
      readonly wordings: number;
    }[];
    readonly temperature: number;
    readonly cap: number;
    /** Wordings and facts of the small discipline at the imbalance of the compared arms. */
    readonly wordings: readonly number[];
    readonly facts: readonly number[];
  };
}

/** A rule of Law 1. */
export type BalanceThenDiversityRule = LawRule<BalanceThenDiversitySettings>;

/** Balance-then-Diversity, first form: 48:1 in rows, extra-small model, full fine-tuning. */
export const balanceThenDiversityRule: BalanceThenDiversityRule = {
  law: "balance-then-diversity",
  number: 1,
  claim: "diversity beats copies at equal tokens",
  source: "arXiv 2602.11215, abstract",
  unit: "seed: draws facts, phrasings and order; rotates the small discipline",
  device: "reference",
  base: { model: "xs-instruct", parameters: 382_656 },
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  arms: { treatment: "balanced+diversity", comparator: "balanced" },
  at: { rows: "48:1" },
  estimand: "strict t-recall of the small discipline, macro over topics, paired difference",
  control: { "tested on": "the trained wording, 120 facts", expect: "no effect" },
  sesoi: 0.1,
  test: "sign-flip-exact-two-sided",
  interval: "t95",
  family: "four-laws-holm",
  alpha: 0.05,
  diverged: "score 0, counted",
  secondary: ["balanced > proportional", "large disciplines lose <= 0.05"],
  settings: {
    training: {
      model: "xs-instruct",
      objective: "sft",
      method: { kind: "full" },
      steps: 400,
      batch: 32,
      tokens: 96,
      optimizer: { lr: 0.008, decay: 0, clip: 1 },
      schedule: { kind: "cosine", warmup: 20, floor: 0.1 },
    },
    small: { disciplines: ["geography", "biology"], facts: 60, wordings: { copies: 1, diverse: 16 } },
    large: { facts: 240, wordings: 12 },
    control: { smallFacts: 120, largeWordings: 24 },
    grid: {
      seeds: [1, 2, 3],
      imbalance: [
        { rows: 1, facts: 60, wordings: 1 },
        { rows: 4, facts: 240, wordings: 1 },
        { rows: 12, facts: 240, wordings: 3 },
        { rows: 48, facts: 240, wordings: 12 },
      ],
      temperature: 3.33,
      cap: 16,
      wordings: [1, 2, 4, 8, 16],
      facts: [30, 60, 120],
    },
  },
};
