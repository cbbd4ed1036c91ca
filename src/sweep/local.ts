import type { ResolvedRun, RunRecord } from "../runs/record.js";
import { type ChildOptions, executeInChild } from "../runs/worker.js";

/** Answers runs with their records, in the order of the runs; what the store has is not trained again. */
export type Executor = (runs: readonly ResolvedRun[], options: ChildOptions) => Promise<RunRecord[]>;

/** Where runs are executed, how many at a time, and who is told. */
export type ExecuteOptions = ChildOptions;

/** Trains in child processes of this machine. */
export const runLocally: Executor = executeInChild;
