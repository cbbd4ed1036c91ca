import { cos } from "../core/math.js";

/** Learning rate over steps: linear warm-up, then constant or cosine down to a floor. */
export interface Schedule {
  readonly kind: "cosine" | "constant";
  /** Steps of warm-up, at least 0. */
  readonly warmup: number;
  /** Last rate as a share of the peak, in [0, 1]. */
  readonly floor: number;
}

/**
 * Learning rate of step t (from 1) of `steps`: lr min(1, t / warmup) (floor + (1 - floor) (1 + cos(pi (t-1) / steps)) / 2).
 * The cosine runs over all steps, warm-up included. Source: Loshchilov & Hutter 2017, eq. 5, without restarts.
 */
export function learningRate(schedule: Schedule, peak: number, step: number, steps: number): number {
  const warm = schedule.warmup === 0 ? 1 : Math.min(1, step / schedule.warmup);
  if (schedule.kind === "constant") return peak * warm;
  const wave = (1 + cos((Math.PI * (step - 1)) / steps)) / 2;
  return peak * warm * (schedule.floor + (1 - schedule.floor) * wave);
}
