/** Wall-clock time in milliseconds since 1970. For `observed.json` and progress only, never for a result. */
export function wallMs(): number {
  return Date.now();
}

/** Monotonic time in milliseconds, for durations. */
export function monotonicMs(): number {
  return performance.now();
}

/** Resolves after `durationMs` milliseconds. */
export function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}

/** The value of a promise, or undefined when it takes longer than `durationMs`; leaves no timer behind. */
export function within<T>(promise: Promise<T>, durationMs: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), durationMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
