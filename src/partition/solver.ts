import type { ObjectiveTerms } from "./objective.js";
import type { Partition } from "./set-partitions.js";

/** What a solver is given: terms that were checked, the cap on stages, and the seed of what it draws. */
export interface PartitionProblem {
  readonly terms: ObjectiveTerms;
  /** Most stages, at least 1. */
  readonly stages: number;
  readonly seed: number;
}

/** A way to look for the partition of largest objective. */
export interface Solver<Name extends string = string> {
  readonly name: Name;
  /** Does it always find the optimum? */
  readonly exact: boolean;
  /** Most disciplines that it takes. */
  readonly most: number;
  solve(problem: PartitionProblem): Partition;
}
