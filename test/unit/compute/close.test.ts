import { describe, expect, it } from "vitest";

import { expectClose, worstError } from "../../support/close.js";

describe("the comparison of numbers", () => {
  it("finds the worst element", () => {
    expect(worstError([1, 2.5, 3], [1, 2, 3], 0)).toEqual({ error: 0.5, at: 1 });
    expect(worstError([1, 2.1], [1, 2], 0.1).error).toBeLessThanOrEqual(0);
  });

  it("refuses NaN and other lengths", () => {
    expect(() => expectClose([NaN], [1], 1, 1)).toThrow();
    expect(() => expectClose([1, 1], [1], 1, 1)).toThrow();
    expect(() => expectClose([1.2], [1], 0, 0.1)).toThrow();
    expectClose([1.05], [1], 0, 0.1);
  });
});
