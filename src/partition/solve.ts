import { LawbookError, mismatch, unknownName } from "../core/errors.js";
import { checkTerms, objective } from "./objective.js";
import { type Partition, partitionKey } from "./set-partitions.js";
import type { PartitionProblem, Solver } from "./solver.js";
import { dynamicProgramming } from "./solvers/dynamic-programming.js";
import { enumeration } from "./solvers/enumeration.js";
import { localSearch } from "./solvers/local-search.js";
import { singleLinkage } from "./solvers/single-linkage.js";

/** Names of all solvers, exact ones first. */
export const SOLVER_NAMES = ["enumeration", "dynamic-programming", "single-linkage", "local-search"] as const;

/** Name of a solver. */
export type SolverName = (typeof SOLVER_NAMES)[number];

/** All solvers, in the order of their names. */
export const SOLVERS: readonly Solver<SolverName>[] = [
  enumeration,
  dynamicProgramming,
  singleLinkage,
  localSearch,
];

/** What a solver found. */
export interface Solution {
  readonly solver: SolverName;
  readonly exact: boolean;
  readonly partition: Partition;
  /** G, larger is better. */
  readonly objective: number;
  /** How far G is below the largest known: the optimum up to 14 disciplines, else the best that was found; >= 0. */
  readonly gap: number;
}

/** The solver of a name. */
export function findSolver(name: string): Solver<SolverName> {
  const solver = SOLVERS.find((candidate) => candidate.name === name);
  if (solver === undefined) throw unknownName("solver", name, SOLVER_NAMES);
  return solver;
}

/** The optimal partition, by dynamic programming. Throws above 14 disciplines. */
export function optimum(problem: PartitionProblem): Partition {
  return run(dynamicProgramming, problem);
}

/** Solves a problem by each of the named solvers and measures their gaps. */
export function solve(problem: PartitionProblem, names: readonly SolverName[]): Solution[] {
  const found = names.map((name) => {
    const solver = findSolver(name);
    const partition = run(solver, problem);
    const { exact } = solver;
    return { solver: solver.name, exact, partition, objective: objective(problem.terms, partition) };
  });
  const known = problem.terms.discrepancy.length <= dynamicProgramming.most;
  const largest = Math.max(
    ...(known ? [objective(problem.terms, optimum(problem))] : []),
    ...found.map((solution) => solution.objective),
  );
  return found.map((solution) => ({ ...solution, gap: largest - solution.objective }));
}

function run(solver: Solver, problem: PartitionProblem): Partition {
  checkTerms(problem.terms);
  const k = problem.terms.discrepancy.length;
  if (!Number.isSafeInteger(problem.stages) || problem.stages < 1)
    throw new LawbookError("request", mismatch("stages", problem.stages, "a whole number of at least 1"));
  if (k > solver.most) {
    throw new LawbookError(
      "request",
      mismatch(`Disciplines for the solver ${solver.name}`, k, `at most ${solver.most}`),
      { hint: "Use single-linkage or local-search." },
    );
  }
  return solver.solve(problem);
}

/** Do two partitions have the same stages? */
export function samePartition(a: Partition, b: Partition): boolean {
  return partitionKey(a) === partitionKey(b);
}
