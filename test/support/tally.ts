/** How a whole test run ended, in numbers. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** What a tally needs to know of one test. */
export interface TestLike {
  result(): { readonly state: "passed" | "failed" | "skipped" | "pending" };
}

/** What a tally needs to know of one suite: a hook that throws is an error of the suite, not of a test. */
export interface SuiteLike {
  errors(): readonly unknown[];
}

/** What a tally needs to know of one test file. */
export interface ModuleLike {
  errors(): readonly unknown[];
  state(): "passed" | "failed" | "skipped" | "pending" | "queued";
  readonly children: { allTests(): Iterable<TestLike>; allSuites(): Iterable<SuiteLike> };
}

/**
 * Counts tests. A file that does not load, a hook that throws, a file that failed without a failed test, a test that
 * never ended and an error outside all tests each count as one failure, so that nothing can fail unseen.
 */
export function tally(modules: Iterable<ModuleLike>, unhandledErrors: readonly unknown[]): Tally {
  let passed = 0;
  let failed = unhandledErrors.length;
  let skipped = 0;
  for (const module of modules) {
    let failedHere = module.errors().length > 0 ? 1 : 0;
    for (const suite of module.children.allSuites()) failedHere += suite.errors().length > 0 ? 1 : 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") passed += 1;
      else if (state === "skipped") skipped += 1;
      else failedHere += 1;
    }
    const state = module.state();
    const ended = state === "passed" || state === "skipped";
    failed += failedHere === 0 && !ended ? 1 : failedHere;
  }
  return { passed, failed, skipped };
}

/** The last line of a test run: `12 passed, 0 failed` and, where tests were skipped, `, 3 skipped`. */
export function tallyLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
