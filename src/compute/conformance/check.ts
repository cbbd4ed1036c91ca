import type { Device } from "../device.js";

/** What one check of a device found. */
export interface CheckResult {
  readonly name: string;
  readonly passed: boolean;
  /** What was found, in words. */
  readonly detail: string;
  /** The figure that was compared, where there is one; absent when it is not finite. */
  readonly measured?: number;
  /** The largest figure that passes. */
  readonly tolerance?: number;
}

/** What checks are run with. */
export interface CheckOptions {
  /** Threads of each program, at least 1; some faults show on two and more. */
  readonly threads: number;
}

/** Checks that share their programs. */
export interface CheckGroup {
  /** Names of the results, in order. */
  readonly checks: readonly string[];
  /** Runs them. A check that cannot be run throws, and all of the group have failed. */
  run(device: Device, options: CheckOptions): Promise<readonly CheckResult[]>;
}

/** A result from a figure and the largest one that passes; a figure that is not a number fails. */
export function within(name: string, measured: number, tolerance: number, detail: string): CheckResult {
  const figure = Number.isFinite(measured) ? { measured } : {};
  return { name, passed: measured <= tolerance, detail, ...figure, tolerance };
}

/** Largest |got - expected| / (|expected| + rms of all expected), and the words for it. */
export function largestError(
  got: ArrayLike<number> | undefined,
  expected: ArrayLike<number>,
): { readonly error: number; readonly detail: string } {
  if (got?.length !== expected.length) {
    return { error: Infinity, detail: `got ${got?.length ?? "no"} values, expected ${expected.length}` };
  }
  let squares = 0;
  for (let i = 0; i < expected.length; i++) squares += expected[i]! * expected[i]!;
  const scale = Math.sqrt(squares / Math.max(expected.length, 1)) || 1;
  let worst = { error: 0, place: 0 };
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(got[i]! - expected[i]!) / (Math.abs(expected[i]!) + scale);
    const error = Number.isNaN(difference) ? Infinity : difference;
    if (error > worst.error) worst = { error, place: i };
  }
  const { error, place } = worst;
  return {
    error,
    detail:
      error === 0
        ? `all ${expected.length} values equal`
        : `largest relative difference ${error.toExponential(1)} at ${place}: got ${got[place]}, expected ${expected[place]}`,
  };
}
