import { describe, expect, it } from "vitest";

import { type ModuleLike, tally, tallyLine } from "../../support/tally.js";

type State = "passed" | "failed" | "skipped" | "pending";

function file(
  states: readonly State[],
  options: { errors?: number; suiteErrors?: readonly number[]; state?: State | "queued" } = {},
): ModuleLike {
  const fill = (count: number): Error[] => Array.from({ length: count }, () => new Error("planted"));
  return {
    errors: () => fill(options.errors ?? 0),
    state: () => options.state ?? (states.includes("failed") ? "failed" : "passed"),
    children: {
      allTests: () => states.map((state) => ({ result: () => ({ state }) })),
      allSuites: () => (options.suiteErrors ?? []).map((count) => ({ errors: () => fill(count) })),
    },
  };
}

describe("tally", () => {
  it("counts tests over files", () => {
    expect(tally([file(["passed", "passed"]), file(["failed", "passed", "skipped"])], [])).toEqual({
      passed: 3,
      failed: 1,
      skipped: 1,
    });
  });

  it("counts a file that does not load", () => {
    expect(tally([file([], { errors: 1, state: "failed" }), file(["passed"])], []).failed).toBe(1);
  });

  it("counts a hook that throws while all tests passed", () => {
    expect(tally([file(["passed"], { suiteErrors: [1, 0], state: "failed" })], []).failed).toBe(1);
  });

  it("counts a file that failed for a reason of its own, once", () => {
    expect(tally([file(["passed"], { state: "failed" })], []).failed).toBe(1);
    expect(tally([file(["failed", "failed"])], []).failed).toBe(2);
  });

  it("counts tests and files that never ended", () => {
    expect(tally([file(["pending", "passed"])], []).failed).toBe(1);
    expect(tally([file([], { state: "queued" })], []).failed).toBe(1);
  });

  it("counts errors outside all tests", () => {
    expect(tally([file(["passed"])], [new Error("late")]).failed).toBe(1);
  });
});

describe("tallyLine", () => {
  it("names skipped tests only where there are some", () => {
    expect(tallyLine({ passed: 4, failed: 0, skipped: 0 })).toBe("4 passed, 0 failed");
    expect(tallyLine({ passed: 4, failed: 1, skipped: 2 })).toBe("4 passed, 1 failed, 2 skipped");
  });
});
