import { product } from "../../core/math.js";
import type { Shape } from "../graph.js";

/** A float64 array, row-major: what the naive twins of operations compute with. */
export interface Plain {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** The array whose element at each index is `value(index)`. */
export function tabulate(shape: Shape, value: (index: readonly number[]) => number): Plain {
  const data = new Float64Array(product(shape));
  const index = shape.map(() => 0);
  for (let position = 0; position < data.length; position++) {
    data[position] = value(index);
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return { shape, data };
}

/** Element of x at an index; missing leading axes and axes of size 1 are broadcast. */
export function at(x: Plain, index: readonly number[]): number {
  const { shape, data } = x;
  const extra = index.length - shape.length;
  let position = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis]!;
    position = position * size + (size === 1 ? 0 : index[axis + extra]!);
  }
  return data[position]!;
}

/** Sum of `term(0)` to `term(count - 1)`. */
export function total(count: number, term: (k: number) => number): number {
  let sum = 0;
  for (let k = 0; k < count; k++) sum += term(k);
  return sum;
}

/** Elementwise f of one array. */
export function mapped(x: Plain, f: (value: number) => number): Plain {
  return { shape: x.shape, data: x.data.map(f) };
}

/** A [M, K] times B [K, N] over the last two axes, with equal leading axes; a transposed one is read by swapped indices. */
export function times(a: Plain, b: Plain, transposeA = false, transposeB = false, alpha = 1): Plain {
  const [rows, inner] = transposeA ? a.shape.slice(-2).reverse() : a.shape.slice(-2);
  const columns = transposeB ? b.shape.at(-2)! : b.shape.at(-1)!;
  return tabulate([...a.shape.slice(0, -2), rows!, columns], (index) => {
    const batch = index.slice(0, -2);
    const [m, n] = index.slice(-2) as [number, number];
    return (
      alpha *
      total(
        inner!,
        (k) =>
          at(a, transposeA ? [...batch, k, m] : [...batch, m, k]) *
          at(b, transposeB ? [...batch, n, k] : [...batch, k, n]),
      )
    );
  });
}
