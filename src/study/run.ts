import type { Law } from "../laws/law.js";
import { checkSeeds, type Purpose } from "../laws/seeds.js";
import type { RunRecord } from "../runs/record.js";
import type { TrainRequest } from "../runs/request.js";
import { resolveTrain } from "../runs/resolve.js";
import { openStore } from "../runs/store.js";
import { type ExecuteOptions, type Executor, runLocally } from "../sweep/local.js";
import { closeUnderParents } from "./records.js";
import { conclude, type Study } from "./study.js";

/** One run of a law. */
export interface PlannedRun {
  readonly arm: string;
  readonly seed: number;
  readonly request: TrainRequest;
}

/** Every run that some seeds of a law need, seed by seed, so that a study cut short has whole seeds. */
export function planStudy(law: Law, seeds: readonly number[]): PlannedRun[] {
  return seeds.flatMap((seed) =>
    Object.entries(law.arms(seed)).map(([arm, request]) => ({ arm, seed, request })),
  );
}

/** Where and how the runs of a study are executed. */
export type StudyOptions = Omit<ExecuteOptions, "ignoreCommitted"> & {
  /** Replaces execution on this machine, for example by a cluster. */
  readonly executor?: Executor;
};

/**
 * Runs a law on its seeds, or a pilot of it on pilot seeds, and draws the conclusions. Committed records are ignored,
 * runs in the store are not trained again, so that a study resumes where it stopped.
 * Throws `usage` for a pilot on law seeds and for law seeds that the rule does not name.
 */
export async function runStudy(
  law: Law,
  seeds: readonly number[],
  purpose: Purpose,
  options: StudyOptions,
): Promise<Study> {
  checkSeeds(law.rule, seeds, purpose);
  const { executor = runLocally, ...execution } = options;
  const store = openStore({ root: options.root, home: options.home, ignoreCommitted: true });
  const runs = planStudy(law, seeds).map(({ request }) => resolveTrain(request, options.root, store));
  const records: RunRecord[] = await executor(runs, { ...execution, ignoreCommitted: true });
  return conclude(
    law,
    closeUnderParents(records, (id) => store.find(id)),
  );
}
