import type { Chart } from "../figures/chart.js";
import type { RunRecord } from "../runs/record.js";
import type { TrainInput } from "../runs/schema.js";
import type { Arms } from "./arms.js";
import type { Evidence } from "./evidence.js";
import type { Pilot } from "./pilot.js";
import type { Verdict } from "./judge.js";

/**
 * What is asked of a law and how it is decided, fixed before the first run that it judges. A constant without logic;
 * `reports/<law>/rule.json` is its canonical copy, evidence carries its sha256.
 */
export interface LawRule<Settings extends object = object> {
  /** Kebab-case name; the folder under `reports/`. */
  readonly law: string;
  /** 1 to 4; 0 is the variability claim. */
  readonly number: number;
  readonly claim: string;
  readonly source: string;
  /** What one seed draws. */
  readonly unit: string;
  readonly device: string;
  /** The model that figures are conditional on, and its size. */
  readonly base: { readonly model: string; readonly parameters: number };
  /** The law seeds, within 1 to 99. */
  readonly seeds: readonly number[];
  /** The primary contrast: treatment minus comparator, paired by seed. */
  readonly arms: { readonly treatment: string; readonly comparator: string };
  readonly at: Readonly<Record<string, string>>;
  readonly estimand: string;
  readonly control: { readonly "tested on": string; readonly expect: string };
  /** Smallest effect of interest, in the unit of the estimand, > 0. */
  readonly sesoi: number;
  readonly test: "sign-flip-exact-two-sided";
  readonly interval: "t95";
  /** The claims whose p-values are adjusted together. */
  readonly family: "four-laws-holm" | "alone";
  /** Largest adjusted p that counts as significant, in (0, 1). */
  readonly alpha: number;
  readonly diverged: string;
  /** Claims reported with intervals, without a verdict. */
  readonly secondary: readonly string[];
  /** What every run of the law is trained with; the requests of `arms` follow from it. */
  readonly settings: Settings;
}

/** A law: its rule, the runs that one seed needs, and what their records say. */
export interface Law<Rule extends LawRule = LawRule> {
  readonly rule: Rule;
  /** Name for titles, for example "Balance-then-Diversity". */
  readonly title: string;
  /** Every run of one seed by name: compared arms, control arms and reference models, each a whole request. */
  arms(seed: number): Arms;
  /** Further runs of one seed, told with intervals and judged by nothing; none on most seeds. May start from `arms`. */
  grid?(seed: number): Arms;
  /** What was tried before the rule was written. */
  readonly pilot: Pilot;
  /** A pure function of the records; their order does not matter. */
  evidence(records: readonly RunRecord[]): Evidence;
  chart(evidence: Evidence, verdict: Verdict): Chart;
}

/** Settings of one training, as a rule holds them. */
export type TrainingSettings = Required<
  Pick<TrainInput, "model" | "objective" | "method" | "steps" | "batch" | "tokens" | "optimizer" | "schedule">
>;
