import { join } from "node:path";

import { LawbookError, mismatch, quote } from "../core/errors.js";
import { type Arms, armsBefore, armsFor, waves, withRuns } from "../laws/arms.js";
import { finder } from "../laws/evidence.js";
import type { Law } from "../laws/law.js";
import { checkSeeds, type Purpose } from "../laws/seeds.js";
import { closeUnderParents, type RunRecord, sortRecords } from "../runs/record.js";
import type { RunRequest } from "../runs/request.js";
import { resolveAgain } from "../runs/retrain.js";
import { openStore } from "../runs/store.js";
import { type ExecuteOptions, type Executor, runLocally } from "../sweep/local.js";
import { conclude, familyPs, type Study } from "./study.js";

/** One run of a law. */
export interface PlannedRun {
  readonly arm: string;
  readonly seed: number;
  /** May start from `arm:<name>`, another run of the same seed. */
  readonly request: RunRequest;
}

/**
 * The runs that some seeds of a law need, in waves: those of a wave start from runs of earlier waves alone. A wave takes the
 * runs of `jobs` seeds, so that all jobs have work and a study cut short has whole seeds.
 */
export function planStudy(arms: (seed: number) => Arms, seeds: readonly number[], jobs = 1): PlannedRun[][] {
  const groups = Array.from({ length: Math.ceil(seeds.length / jobs) }, (_, group) =>
    seeds.slice(group * jobs, (group + 1) * jobs),
  );
  return groups.flatMap((group) => {
    const plans = group.map((seed) => {
      const own = arms(seed);
      return waves(own).map((wave) => wave.map((arm) => ({ arm, seed, request: own[arm]! })));
    });
    const most = Math.max(...plans.map(({ length }) => length));
    return Array.from({ length: most }, (_, wave) => plans.flatMap((plan) => plan[wave] ?? []));
  });
}

/** Where and how the runs of a study are executed. */
export type StudyOptions = Omit<ExecuteOptions, "ignoreCommitted"> & {
  /** Replaces execution on this machine, for example by a cluster. */
  readonly executor?: Executor;
};

/**
 * Runs a law on its seeds, or a pilot of it on pilot seeds, the compared arms of all seeds before any grid (with `compared`
 * no grid), and draws the conclusions. Committed records are ignored, runs in the store are not trained again, so that a
 * study resumes where it stopped.
 * Throws `usage` for a pilot on law seeds and for law seeds that the rule does not name.
 */
export async function runStudy(
  law: Law,
  seeds: readonly number[],
  purpose: Purpose,
  { compared = false, ...options }: StudyOptions & { readonly compared?: boolean },
): Promise<Study> {
  checkSeeds(law.rule, seeds, purpose);
  const arms = await runArms(law.arms, seeds, options);
  return concludeWith(law, compared ? arms : [...arms, ...(await runGrid(law, seeds, options))], options);
}

/**
 * Runs what is missing of the grid of a law, or of that of some seeds, beside what is on record. Arms that a missing run
 * starts from are trained again, since a record holds no model. Throws `retrain-differs` where one of them has another
 * result than its record.
 */
export async function addGrid(
  { law, records, evidence }: Pick<Study, "law" | "records" | "evidence">,
  options: StudyOptions,
  seeds: readonly number[] = evidence.seeds,
): Promise<Study> {
  const grid = await runGrid(law, seeds, options, records);
  return concludeWith(law, [...records, ...grid], options);
}

function concludeWith(law: Law, records: readonly RunRecord[], { root }: StudyOptions): Study {
  return conclude(law, sortRecords(records), familyPs(join(root, "reports"), law));
}

/** Executes what is not on record of the grid of some seeds, and the arms that it starts from. */
function runGrid(
  law: Law,
  seeds: readonly number[],
  options: StudyOptions,
  onRecord: readonly RunRecord[] = [],
): Promise<RunRecord[]> {
  const find = finder(onRecord);
  const missing = (seed: number): Arms => {
    const grid = law.grid?.(seed) ?? {};
    const all = { ...law.arms(seed), ...grid };
    const found = find(all);
    return armsFor(
      Object.keys(grid).filter((arm) => found[arm] === undefined),
      all,
    );
  };
  return runArms(missing, seeds, options, onRecord);
}

/**
 * Executes the arms of some seeds; the records come with all that they were made from. Throws `retrain-differs` where one
 * that is on record has another result.
 */
export async function runArms(
  arms: (seed: number) => Arms,
  seeds: readonly number[],
  options: StudyOptions,
  onRecord: readonly RunRecord[] = [],
): Promise<RunRecord[]> {
  const { executor = runLocally, progress, ...execution } = options;
  const known = new Map(onRecord.map((record) => [record.id, record]));
  const store = openStore({ root: options.root, home: options.home, ignoreCommitted: true });
  const plan = planStudy(arms, seeds, options.jobs);
  const runs = plan.reduce((total, wave) => total + wave.length, 0);
  const records: RunRecord[] = [];
  const ids = new Map<string, string>();
  const key = (seed: number, arm: string): string => `${seed}/${arm}`;
  for (const wave of plan) {
    const resolved = wave.map(({ seed, arm, request }) => {
      for (const other of armsBefore(request))
        checkFinished(arm, other, seed, records, ids.get(key(seed, other)));
      return resolveAgain(
        { request: withRuns(request, (other) => ids.get(key(seed, other))!) },
        { root: options.root, store, cwd: options.root },
      );
    });
    const before = records.length;
    const made = await executor(resolved, {
      ...execution,
      ignoreCommitted: true,
      ...(progress === undefined
        ? {}
        : { progress: (step) => progress({ ...step, run: before + step.run, runs }) }),
    });
    made.forEach((record, index) => {
      checkAgain(record, known.get(record.id));
      ids.set(key(wave[index]!.seed, wave[index]!.arm), record.id);
    });
    records.push(...made);
  }
  return closeUnderParents(records, (id) => store.find(id));
}

/** A run that is on record gives the same result again. */
function checkAgain({ id, resultSha256 }: RunRecord, recorded: RunRecord | undefined): void {
  if (recorded === undefined || recorded.resultSha256 === resultSha256) return;
  throw new LawbookError(
    "retrain-differs",
    mismatch(`Result of run ${id.slice(0, 12)}, trained again`, resultSha256, recorded.resultSha256),
    { hint: "`lawbook doctor` tells whether this machine computes as others do.", data: { id } },
  );
}

/** A diverged run has no model that another could start from. */
function checkFinished(
  arm: string,
  before: string,
  seed: number,
  records: readonly RunRecord[],
  id: string | undefined,
): void {
  const record = records.find((one) => one.id === id);
  if (record?.outcome === "finished") return;
  throw new LawbookError(
    "request",
    `Arm ${quote(arm)} of seed ${seed} starts from ${quote(before)}, which ${record?.outcome ?? "was not trained"}.`,
    { hint: "Lower its learning rate in the rule, before any run that the rule judges." },
  );
}
