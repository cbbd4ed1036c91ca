import { describe, expect, it } from "vitest";

import { pick, shares } from "../../../src/data/samplers.js";
import { expectClose } from "../../support/close.js";

describe("shares of the sources", () => {
  it("are proportional to the sizes", () => {
    expect(shares({ kind: "proportional" }, [1, 3], 100)).toEqual([0.25, 0.75]);
  });

  it("are equal when balanced", () => {
    expect(shares({ kind: "balanced" }, [1, 3, 1000, 6], 100)).toEqual([0.25, 0.25, 0.25, 0.25]);
  });

  it("follow the root of the share at temperature 2", () => {
    // Shares 1/10 and 9/10: roots stand 1 to 3.
    expectClose(shares({ kind: "temperature", temperature: 2 }, [10, 90], 1), [0.25, 0.75], 0, 1e-15);
    expectClose(shares({ kind: "temperature", temperature: 1 }, [10, 90], 1), [0.1, 0.9], 0, 1e-15);
  });

  it("stop at the repeat cap of UniMax and give the rest to the larger ones", () => {
    // 100 rows, cap 2: the source of 10 gets 20, the two others 40 each.
    expect(shares({ kind: "unimax", cap: 2 }, [500, 10, 500], 100)).toEqual([0.4, 0.2, 0.4]);
    // Nobody reaches the cap: equal.
    expectClose(shares({ kind: "unimax", cap: 16 }, [500, 10, 500], 100), [1 / 3, 1 / 3, 1 / 3], 0, 1e-15);
  });

  it("refuse empty sources and settings out of range", () => {
    expect(() => shares({ kind: "balanced" }, [], 1)).toThrow(
      "Sizes of the sources: got [], expected positive numbers.",
    );
    expect(() => shares({ kind: "balanced" }, [3, 0], 1)).toThrow("positive numbers");
    expect(() => shares({ kind: "temperature", temperature: 0.5 }, [1, 2], 1)).toThrow(
      "temperature: got 0.5",
    );
    expect(() => shares({ kind: "unimax", cap: 0 }, [1, 2], 1)).toThrow("cap: got 0");
  });

  it("are picked by where a uniform number falls", () => {
    expect([0, 0.24, 0.25, 0.99].map((u) => pick([0.25, 0.75], u))).toEqual([0, 0, 1, 1]);
    expect(pick([0.1, 0.2], 0.9999)).toBe(1);
  });
});
