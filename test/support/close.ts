import { expect } from "vitest";

/** Largest of |a - b| - relative * |b|, and where; NaN counts as infinite. */
export function worstError(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
): { error: number; at: number } {
  if (got.length !== expected.length) return { error: Infinity, at: -1 };
  let worst = { error: 0, at: -1 };
  for (let i = 0; i < got.length; i++) {
    const difference = Math.abs(got[i]! - expected[i]!) - relative * Math.abs(expected[i]!);
    const error = Number.isNaN(difference) ? Infinity : difference;
    if (error > worst.error) worst = { error, at: i };
  }
  return worst;
}

/** Asserts |got - expected| <= absolute + relative |expected| for every element, and equal lengths. */
export function expectClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
  absolute: number,
  what = "values",
): void {
  expect(got.length, `length of ${what}`).toBe(expected.length);
  const { error, at } = worstError(got, expected, relative);
  expect(error, `${what} at ${at}: got ${got[at]}, expected ${expected[at]}`).toBeLessThanOrEqual(absolute);
}
