import type { Runner } from "../case.js";
import { llama } from "./llama.js";
import { adjustedP, signFlip, tIntervalOf, vendi } from "./statistics.js";

/** Runners by the `kind` of a case. */
export const RUNNERS: Readonly<Record<string, Runner>> = {
  llama,
  adjusted_p: adjustedP,
  sign_flip: signFlip,
  t_interval: tIntervalOf,
  vendi,
};
