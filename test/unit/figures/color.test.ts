import { describe, expect, it } from "vitest";

import { contrast, difference, lab, over, rgb, seenBy, VISIONS } from "./color.js";

describe("contrast", () => {
  it("is 21 for black on white and 1 for a colour on itself", () => {
    expect(contrast(rgb("#000000"), rgb("#ffffff"))).toBeCloseTo(21, 10);
    expect(contrast(rgb("#0072b2"), rgb("#0072b2"))).toBe(1);
  });

  it("knows the greys on both sides of 4.5 on white", () => {
    // #767676 is the lightest grey that WCAG's own examples allow for text.
    expect(contrast(rgb("#767676"), rgb("#ffffff"))).toBeGreaterThan(4.5);
    expect(contrast(rgb("#777777"), rgb("#ffffff"))).toBeLessThan(4.5);
  });

  it("mixes what is not opaque", () => {
    expect(over(rgb("#000000"), 0.5, rgb("#ffffff"))).toEqual([0.5, 0.5, 0.5]);
    expect(() => rgb("red")).toThrow(/#rrggbb/);
  });
});

describe("difference of colours", () => {
  it.each([
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[50, -1.3802, -84.2814], [50, 0, -82.7485], 1.0],
    [[50, 2.5, 0], [50, 0, -2.5], 4.3065],
    [[50, 2.5, 0], [73, 25, -18], 27.1492],
    [[60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644],
    [[2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082],
  ] as const)("of %j and %j is that of the published table", (a, b, expected) => {
    expect(difference(a, b)).toBeCloseTo(expected, 4);
    expect(difference(b, a)).toBeCloseTo(expected, 4);
  });

  it("puts white, black and red where CIE puts them", () => {
    expect(lab(rgb("#ffffff"))[0]).toBeCloseTo(100, 4);
    expect(lab(rgb("#000000"))[0]).toBeCloseTo(0, 10);
    const [l, a, b] = lab(rgb("#ff0000"));
    expect([l, a, b].map((value) => Math.round(value))).toEqual([53, 80, 67]);
  });
});

describe("simulated vision", () => {
  it.each(VISIONS)("leaves greys alone: %s", (vision) => {
    seenBy(rgb("#808080"), vision).forEach((part) => expect(part).toBeCloseTo(128 / 255, 4));
  });

  it("makes red and green alike where reds or greens are missing, and not elsewhere", () => {
    const apart = (vision: (typeof VISIONS)[number]): number =>
      difference(lab(seenBy(rgb("#a05000"), vision)), lab(seenBy(rgb("#607000"), vision)));
    expect(apart("deuteranopia")).toBeLessThan(apart("full") / 2);
    expect(apart("protanopia")).toBeLessThan(apart("full"));
    expect(apart("tritanopia")).toBeGreaterThan(apart("full") / 2);
  });
});
