import cosOf from "@stdlib/math-base-special-cos";
import expOf from "@stdlib/math-base-special-exp";
import lnOf from "@stdlib/math-base-special-ln";
import powOf from "@stdlib/math-base-special-pow";
import sinOf from "@stdlib/math-base-special-sin";

// Math.exp, log, pow, sin and cos differ between V8 versions and processors; these are written in + - * / alone.

/** e^x, the same bits on every machine. */
export const exp: (x: number) => number = expOf;
/** Natural logarithm, the same bits on every machine. */
export const ln: (x: number) => number = lnOf;
/** base^exponent, the same bits on every machine. */
export const pow: (base: number, exponent: number) => number = powOf;
/** sin(x), x in radians, the same bits on every machine. */
export const sin: (x: number) => number = sinOf;
/** cos(x), x in radians, the same bits on every machine. */
export const cos: (x: number) => number = cosOf;

/** Sum in index order. */
export function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Arithmetic mean; NaN for an empty list. */
export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

/** Product of a shape: its number of elements. */
export function product(values: readonly number[]): number {
  return values.reduce((total, value) => total * value, 1);
}
