import { LawbookError, mismatch } from "../core/errors.js";
import { cos } from "../core/math.js";

/** Schedules by the names that `schedulerRate` knows; a cosine with a floor is `cosine` with `floor` above 0. */
export const SCHEDULERS = ["constant", "linear", "cosine", "wsd"] as const;

/** One of `SCHEDULERS`; `wsd` is warm-up, stable, decay. */
export type SchedulerName = (typeof SCHEDULERS)[number];

/** How a rate moves with x from 0 to 1. Falling: 1 - x, (1 + cos(pi x)) / 2 or 1 - sqrt(x); rising: the same, of 1 - x. */
export type RateCurve = "linear" | "cosine" | "1-sqrt";

/** What a scheduler needs besides its name. */
export interface SchedulerOptions {
  /** Highest rate, > 0. */
  readonly peak: number;
  /** Updates of warm-up, at least 0; update k < warmup uses peak k / warmup, so the first one moves nothing. */
  readonly warmup: number;
  /** All updates, warm-up included. */
  readonly steps: number;
  /** Lowest rate of the decay as a share of the peak, in [0, 1]; of `cosine` and `wsd`. Default 0. */
  readonly floor?: number;
  /** Waves of the cosine, default a half: from the peak down to the floor. */
  readonly cycles?: number;
  /** Updates of the decay of `wsd`, at least 1; what is left between warm-up and decay is stable. */
  readonly decay?: number;
  /** Updates of the stable part of `wsd`, where it shall not follow from the others. */
  readonly stable?: number;
  /** Curve of the warm-up of `wsd`. Default linear. */
  readonly rise?: RateCurve;
  /** Curve of the decay of `wsd`. Default cosine. */
  readonly fall?: RateCurve;
  /**
   * `held`: past the end the last rate stays, and every warm-up starts at 0. `transformers`: past the end a cosine
   * rises again, and `wsd` warms up from its floor. Default `held`.
   */
  readonly convention?: "held" | "transformers";
}

/**
 * Learning rate of an update, with k updates made before it (0 for the first), as `get_scheduler` of transformers gives it.
 * With w = warm-up, N = steps, f = floor, q = (k - w) / max(1, N - w):
 * constant 1;  linear max(0, 1 - q);  cosine f + (1 - f) (1 + cos(2 pi cycles q)) / 2, cycles 1/2;
 * wsd 1 until N - decay, then f + (1 - f) fall; all after min(1, k / w), times the peak.
 * Deviation: past the end the rate stays, and `wsd` warms up from 0, unless `convention` is `transformers`.
 * Sources: Loshchilov & Hutter 2017, eq. 5; Hu et al. 2024 (MiniCPM), section 4.2, for `wsd`.
 */
export function schedulerRate(name: SchedulerName, k: number, options: SchedulerOptions): number {
  checkScheduler(name, options);
  const { peak, warmup, steps, floor = 0, cycles = 0.5, convention = "held" } = options;
  const held = convention === "held";
  if (name === "wsd") return peak * warmupStableDecay(k, options, held);
  if (k < warmup) return peak * (k / Math.max(1, warmup));
  if (name === "constant") return peak;
  const progress = ((held ? Math.min(k, steps) : k) - warmup) / Math.max(1, steps - warmup);
  if (name === "linear") return peak * Math.max(0, (steps - k) / Math.max(1, steps - warmup));
  const wave = 0.5 * (1 + cos(Math.PI * cycles * 2 * progress));
  return peak * Math.max(0, wave * (1 - floor) + floor);
}

/** Learning rate over the steps of a run; see `schedulerRate`. */
export interface Schedule {
  readonly kind: SchedulerName;
  /** Steps of linear warm-up, at least 0. */
  readonly warmup: number;
  /** Lowest rate of `cosine` and `wsd` as a share of the peak, in [0, 1]; 0 for the others. */
  readonly floor: number;
  /** Steps of the decay at the end of `wsd`. */
  readonly decay?: number | undefined;
}

/** Learning rate of step t, counted from 1, of `steps`. */
export function scheduleRate(
  { kind, warmup, floor, decay }: Schedule,
  peak: number,
  t: number,
  steps: number,
): number {
  return schedulerRate(kind, t - 1, {
    peak,
    warmup,
    steps,
    floor,
    ...(decay === undefined ? {} : { decay }),
  });
}

function warmupStableDecay(k: number, options: SchedulerOptions, held: boolean): number {
  const { warmup, steps, floor = 0, cycles = 0.5, decay = 0, rise = "linear", fall = "cosine" } = options;
  const stable = options.stable ?? steps - warmup - decay;
  if (k < warmup) {
    const risen = falling(rise, 1 - k / Math.max(1, warmup), 0.5);
    return held ? risen : risen * (1 - floor) + floor;
  }
  if (k < warmup + stable) return 1;
  if (k >= warmup + stable + decay) return floor;
  const fallen = falling(fall, (k - warmup - stable) / Math.max(1, decay), cycles);
  return Math.max(0, fallen * (1 - floor) + floor);
}

/** From 1 at x = 0 down to 0 at x = 1. */
function falling(curve: RateCurve, x: number, cycles: number): number {
  if (curve === "linear") return 1 - x;
  return curve === "cosine" ? 0.5 * (1 + cos(Math.PI * cycles * 2 * x)) : 1 - Math.sqrt(x);
}

function checkScheduler(
  name: SchedulerName,
  { warmup, steps, decay, stable, floor = 0 }: SchedulerOptions,
): void {
  const refuse = (what: string, got: unknown, expected: string): never => {
    throw new LawbookError("request", mismatch(what, got, expected));
  };
  if (!SCHEDULERS.includes(name)) refuse("Schedule", name, `one of ${SCHEDULERS.join(", ")}`);
  if (!(warmup >= 0)) refuse("Warm-up of the schedule", warmup, "at least 0 steps");
  if (!(floor >= 0 && floor <= 1)) refuse("Floor of the schedule", floor, "a share of the peak in [0, 1]");
  if (name !== "wsd") return;
  if (decay === undefined) refuse("Decay of the schedule", decay, "a number of steps");
  else if (stable === undefined && warmup + decay > steps)
    refuse("Warm-up and decay of the schedule", `${warmup} + ${decay}`, `at most ${steps} steps`);
}
