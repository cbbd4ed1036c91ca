import { join } from "node:path";

import { LawbookError } from "../core/errors.js";
import { makeTemporaryFolder, remove } from "../core/files.js";
import { checkFigures, checkOverview } from "./figures.js";
import { compareLocks, type Lock, LOCK_PATH, makeLock, readLock, writeLock } from "./lock.js";
import { writeNotebook } from "./notebook.js";
import { type Acceptable, runNotebooks } from "./notebooks.js";
import type { ReplayOptions } from "./options.js";
import { type LawRecords, readAllRecords } from "./records.js";
import { ReportBuilder, type ReplayReport } from "./report.js";
import { retrainSome } from "./retraining.js";

/**
 * Checks inputs, lock and records, redraws the figures, runs the notebooks in fresh kernels, trains records again,
 * and compares all of it with what is committed. Collects every failure. Writes into a temporary folder alone,
 * unless `accept` is set.
 */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const report = new ReportBuilder();
  const work = makeTemporaryFolder("lawbook-replay");
  try {
    const dataSound = checkData(options, report);
    const lockSound = options.accept || checkLock(options, report);
    const laws = readAllRecords(options.root, options.inputs.engine);
    const recordsSound = checkRecords(laws, report);
    if (options.notebooks.length === 0) await redrawFigures(options, laws, report);
    if (dataSound && lockSound && recordsSound) {
      const [accepted] = await both(
        runNotebooks(options, work, report),
        retrainSome(options, laws, join(work, "retrain"), report),
      );
      if (options.accept) acceptAll(options, accepted, report);
    } else {
      // What is computed from damaged inputs could only repeat their failure in a puzzling form.
      report.row("notebook", "all", "skipped", "not run: the inputs are not as committed");
      if (options.retrain > 0) {
        report.row("retrain", "any", "skipped", "not trained: the inputs are not as committed");
      }
    }
    return report.build();
  } finally {
    remove(work);
  }
}

function checkData({ inputs }: ReplayOptions, report: ReportBuilder): boolean {
  const files = Object.keys(inputs.data).length;
  const wrong = inputs.failures.length;
  for (const failure of inputs.failures) report.failure("data", "datasets", failure);
  const detail = wrong === 0 ? `${files} files as in the manifest` : `${wrong} of ${files} files differ`;
  report.row("data", "datasets", wrong === 0 ? "same" : "differs", detail);
  return wrong === 0;
}

/** False where inputs of notebooks differ; a changed package or report alone leaves them worth running. */
function checkLock({ root, inputs }: ReplayOptions, report: ReportBuilder): boolean {
  let lock: Lock;
  try {
    lock = existingLock(root);
  } catch (error) {
    report.failure("lock", LOCK_PATH, error);
    report.row("lock", LOCK_PATH, "failed", "cannot be read");
    return true;
  }
  const now = makeLock(root, inputs);
  const differences = compareLocks(lock, now);
  for (const { code, message } of differences) {
    const hint = "If it is meant, accept it with lawbook replay --accept.";
    report.failure("lock", LOCK_PATH, new LawbookError(code, message, { hint }));
  }
  const names = differences.map(({ name }) => name);
  report.row("lock", LOCK_PATH, names.length === 0 ? "same" : "differs", names.join(", "));
  const isPackage = (name: string): boolean => name in now.packages || name in lock.packages;
  return differences.every(({ code, name }) => code === "determinism" || isPackage(name));
}

function existingLock(root: string): Lock {
  const lock = readLock(root);
  if (lock !== undefined) return lock;
  throw new LawbookError("environment", `There is no ${LOCK_PATH}.`, {
    hint: "Make it with lawbook replay --accept.",
  });
}

function checkRecords(laws: readonly LawRecords[], report: ReportBuilder): boolean {
  for (const { law, records, failure } of laws) {
    if (failure !== undefined) report.failure("records", law, failure);
    const detail = failure === undefined ? `${records.length} records, each as its digests say` : "damaged";
    report.row("records", law, failure === undefined ? "same" : "failed", detail);
  }
  return laws.every(({ failure }) => failure === undefined);
}

async function redrawFigures(
  { root, signal, progress }: ReplayOptions,
  laws: readonly LawRecords[],
  report: ReportBuilder,
): Promise<void> {
  const redraw = async (
    name: string,
    what: string,
    check: () => Promise<readonly LawbookError[]>,
  ): Promise<void> => {
    try {
      const failures = await check();
      for (const difference of failures) report.failure("figure", name, difference);
      const wrong = failures.map(({ data }) => String(data["file"]));
      if (wrong.length === 0) report.row("figure", name, "same", `${what}, byte for byte`);
      else report.row("figure", name, "differs", wrong.join(", "));
    } catch (error) {
      report.failure("figure", name, error);
      report.row("figure", name, "failed", "could not be redrawn");
    }
  };
  for (const [index, { law, failure }] of laws.entries()) {
    if (signal.aborted) throw new LawbookError("interrupted", "The replay was interrupted.");
    progress({ phase: "redrawing figures", done: index, total: laws.length });
    if (failure !== undefined) report.row("figure", law, "skipped", "not redrawn: its records are damaged");
    else await redraw(law, "rule, figure and verdict", () => checkFigures(root, law));
  }
  if (laws.length > 0 && laws.every(({ failure }) => failure === undefined))
    await redraw("all laws", "forest plot and page", () => checkOverview(root));
}

/** Replaces outputs, then the lock; the lock only where nothing is wrong, so that it never blesses a failure. */
function acceptAll(
  { root, notebooks, inputs }: ReplayOptions,
  accepted: readonly Acceptable[],
  report: ReportBuilder,
): void {
  for (const { path, notebook } of accepted) writeNotebook(path, notebook);
  if (report.failed) {
    report.row("lock", LOCK_PATH, "skipped", "not written, since something failed");
    return;
  }
  const now = makeLock(root, inputs);
  if (notebooks.length === 0) {
    writeLock(root, now);
    report.row("lock", LOCK_PATH, "accepted", "all of it");
    return;
  }
  // Only the notebooks that were named have been looked at; the rest of the lock stays.
  const names = accepted.map(({ name }) => name).filter((name) => name in now.notebooks);
  try {
    const lock = existingLock(root);
    const entries = {
      ...lock.notebooks,
      ...Object.fromEntries(names.map((name) => [name, now.notebooks[name]])),
    };
    const sorted = Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1));
    writeLock(root, { ...lock, notebooks: Object.fromEntries(sorted) as Lock["notebooks"] });
    report.row("lock", LOCK_PATH, "accepted", names.join(", "));
  } catch (error) {
    report.row("lock", LOCK_PATH, "skipped", (error as Error).message.split("\n").join(" "));
  }
}

/** Both results; a failure is thrown only when both have ended, so that nothing works on behind it. */
async function both<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}
