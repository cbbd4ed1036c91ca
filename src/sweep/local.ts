import { executeInChild } from "../runs/worker.js";

/** Answers runs with their records, in the order of the runs; what the store has is not trained again. */
export type Executor = typeof executeInChild;

/** Where runs are executed, how many at a time, and who is told. */
export type ExecuteOptions = Parameters<Executor>[1];

/** Trains in child processes of this machine. */
export const runLocally: Executor = executeInChild;
