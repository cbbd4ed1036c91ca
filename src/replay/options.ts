import type { LawbookError } from "../core/errors.js";
import type { FindRecord, RunRecord } from "../runs/record.js";
import type { Retrained } from "../runs/retrain.js";
import type { Environment } from "./lock.js";

/** The inputs of the project as they are now, and what of them is not as their manifest says. */
export interface ProjectInputs extends Environment {
  readonly failures: readonly LawbookError[];
}

/** What a replay is asked to do. */
export interface ReplayOptions {
  /** Folder with `datasets/`, `notebooks/` and `reports/`. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute paths of the notebooks to run; empty: all of `notebooks/`, and the figures as well. */
  readonly notebooks: readonly string[];
  /** Replace committed outputs and the lock by what this replay gives. */
  readonly accept: boolean;
  /** How many records to train again. */
  readonly retrain: number;
  /** Longest time of one cell, milliseconds. */
  readonly cellTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly progress: (step: {
    readonly phase: string;
    readonly done: number;
    readonly total: number;
  }) => void;
  readonly inputs: ProjectInputs;
  /** Seconds that a record would train, parents left out. */
  readonly plannedSeconds: (record: RunRecord, find: FindRecord) => number;
  /** Trains a record again, with its parents, in a store of its own. */
  readonly trainAgain: (record: RunRecord, home: string) => Promise<Retrained>;
}
