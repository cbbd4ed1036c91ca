import type { Phase } from "./merge-then-align.rule.js";
import type { LawRule, TrainingSettings } from "./law.js";

/** What the runs of the recipe are made of. */
export interface RecipeSettings {
  readonly training: TrainingSettings;
  /** Of each discipline. */
  readonly facts: number;
  /** Training wordings: of four disciplines, and of geography as it comes and when it is diversified. */
  readonly wordings: { readonly others: number; readonly scarce: number; readonly diverse: number };
  /** Rank, alpha and peak learning rate of each adapter, from the pilot. */
  readonly adapters: Readonly<
    Record<RecipeAdapter, { readonly rank: number; readonly alpha: number; readonly lr: number }>
  >;
  readonly experts: number;
  /** Taken off the steps of science; instructions, science, and science under formats, a third each. */
  readonly align: Phase;
}

/** The adapters along the recipe. */
export type RecipeAdapter = "default" | "optimised" | "shared A";

/** A rule of the recipe. */
export type RecipeRule = LawRule<RecipeSettings>;

/** The recipe: the four laws applied in order, against the default pipeline at equal steps. */
export const recipeRule: RecipeRule = {
  law: "recipe",
  number: 5,
  claim: "the four laws, applied in order, beat the default pipeline at equal steps",
  source: "arXiv 2602.11215, abstract",
  unit: "seed: draws facts, phrasings, order and adapter",
  device: "reference",
  base: { model: "s-instruct", parameters: 750_624 },
  seeds: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  arms: { treatment: "laws 1 to 4", comparator: "default" },
  at: { rows: "12:1 between disciplines", steps: "equal in all arms, alignment included" },
  estimand: "strict formatted-facts, mean over the five disciplines, paired difference",
  control: { "tested on": "strict t-infer: facts of subjects that no arm has seen", expect: "no effect" },
  sesoi: 0.05,
  test: "sign-flip-exact-two-sided",
  interval: "t95",
  family: "alone",
  alpha: 0.05,
  diverged: "score 0, counted",
  secondary: [
    "law 1 adds to the default",
    "law 2 adds to law 1",
    "law 3 adds to laws 1 and 2",
    "law 4 adds to laws 1 to 3",
    "strict t-recall: laws 1 to 4 > default",
    "instructions followed: laws 1 to 4 > default",
  ],
  settings: {
    training: {
      model: "s-instruct",
      objective: "sft",
      method: { kind: "full" },
      steps: 480,
      batch: 32,
      tokens: 96,
      optimizer: { lr: 0.01, decay: 0, clip: 1 },
      schedule: { kind: "cosine", warmup: 20, floor: 0.1 },
    },
    facts: 60,
    wordings: { others: 12, scarce: 1, diverse: 16 },
    adapters: {
      default: { rank: 8, alpha: 16, lr: 0.01 },
      optimised: { rank: 16, alpha: 5.65685424949238, lr: 0.006 },
      "shared A": { rank: 4, alpha: 5.65685424949238, lr: 0.006 },
    },
    experts: 5,
    align: { steps: 80, lr: 0.003 },
  },
};
