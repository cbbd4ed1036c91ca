import type { DiscrepancyName } from "./discrepancy.js";
import type { StageRadius } from "./objective.js";
import type { SolverName } from "./solve.js";
import type { SynergyName } from "./synergy.js";

/** One partition of disciplines into stages, every default filled in. */
export interface PartitionRequest {
  readonly kind: "partition";
  /** Two or more, in the order of the tables. */
  readonly disciplines: readonly string[];
  /** The texts that stand for a discipline. */
  readonly corpus: {
    /** Facts drawn of each discipline, at least 2. */
    readonly facts: Readonly<Record<string, number>>;
    /** Training wordings of each fact, at least 1. */
    readonly wordings: number;
  };
  /** Model whose embedding table and tokenizer count; left out: the committed embeddings and tokenizer. */
  readonly model?: string;
  readonly discrepancy: DiscrepancyName;
  readonly synergy: SynergyName;
  /** Added to each token count, >= 0. */
  readonly smoothing: number;
  /** Weights of the synergy, each >= 0: the first is the one that counts, the sweep has all. */
  readonly lambda: readonly number[];
  /** mu_theta and mu_phi, >= 0. */
  readonly penalty: { readonly weights: number; readonly adapters: number };
  /** rho_theta and rho_phi, > 0. */
  readonly radius: StageRadius;
  readonly solver: readonly SolverName[];
  /** Most stages. */
  readonly stages: number;
  /** Training steps of a stage, for the block that a train request takes. */
  readonly steps: number;
  /** Resamples; 0 leaves the bootstrap out. */
  readonly bootstrap: number;
  /** Random partitions of equal stage sizes. */
  readonly control: number;
  readonly seed: number;
}

/** A partition request as a person writes it: everything may be left out. */
export interface PartitionInput extends Partial<
  Omit<PartitionRequest, "corpus" | "lambda" | "solver" | "penalty" | "radius">
> {
  readonly corpus?: {
    /** A number stands for as many of each discipline. */
    readonly facts?: number | Readonly<Record<string, number>>;
    readonly wordings?: number;
  };
  readonly lambda?: number | readonly number[];
  readonly solver?: "all" | SolverName | readonly SolverName[];
  readonly penalty?: { readonly weights?: number; readonly adapters?: number };
  readonly radius?: { readonly weights?: number; readonly adapters?: number };
}
