import { LawbookError, mismatch } from "../core/errors.js";
import type { StudyOptions } from "../study/run.js";
import type { Arguments, CommandContext } from "./command.js";

/** Where and how a verb executes the runs of a study. Throws `usage` for a wrong `--jobs`. */
export function studyOptions(
  args: Arguments,
  { root, home, signal, progress }: CommandContext,
): StudyOptions {
  const jobs = jobsOf(args);
  return {
    root,
    home,
    signal,
    progress: ({ phase, run, runs, done, total, loss }) =>
      progress({
        phase: `run ${run + 1} of ${runs}, ${phase}`,
        done,
        total,
        ...(loss === undefined ? {} : { values: { loss } }),
      }),
    ...(jobs === undefined ? {} : { jobs }),
  };
}

/** The value of `--jobs`. Throws `usage`. */
function jobsOf({ flags: { jobs } }: Arguments): number | undefined {
  if (jobs === undefined) return undefined;
  if (Number.isSafeInteger(jobs) && Number(jobs) >= 1) return Number(jobs);
  throw new LawbookError("usage", mismatch("--jobs", jobs, "a whole number of at least 1"));
}
