import { LawbookError, mismatch } from "../core/errors.js";
import type { Arguments } from "./command.js";

/** The value of `--jobs`. Throws `usage`. */
export function jobsOf({ flags: { jobs } }: Arguments): number | undefined {
  if (jobs === undefined) return undefined;
  if (Number.isSafeInteger(jobs) && Number(jobs) >= 1) return Number(jobs);
  throw new LawbookError("usage", mismatch("--jobs", jobs, "a whole number of at least 1"));
}
