import { BLOCK, difference, together, type Values } from "./values.js";

/**
 * Which elements form a vector: all of a tensor, each row (a step of the first axes, along the last), or each column
 * (along the first axis). A tensor of one axis is one vector either way.
 */
export type Grouping = "tensor" | "rows" | "columns";

/** Inner products of vectors, for each group. */
export interface Gram {
  /** Number of vectors, n. */
  readonly count: number;
  readonly groups: number;
  /** g[group][i * n + j] = <x_i, x_j>. */
  readonly products: readonly Float64Array[];
}

/** Length of a row, or number of columns. */
function widthOf(shape: readonly number[], grouping: Grouping): number {
  if (grouping === "rows") return shape.at(-1)!;
  return shape.slice(1).reduce((total, side) => total * side, 1);
}

/** Grouping of a shape: what has one axis, or none, is one vector. */
function effective(shape: readonly number[], grouping: Grouping): Grouping {
  return shape.length < 2 ? "tensor" : grouping;
}

/** Elements to read at once: whole rows where rows matter. */
function stride(width: number, grouping: Grouping): number {
  return grouping === "tensor" ? BLOCK : width * Math.max(1, Math.floor(BLOCK / width));
}

/**
 * Inner products of tensors of one shape, or of their differences from a base, in float64.
 * Equation: g_ij = <x_i - b, x_j - b>. Shapes: x_i [shape], b [shape] or none -> g [groups, n, n].
 */
export function gram(
  vectors: readonly Values[],
  base: Values | undefined,
  shape: readonly number[],
  wanted: Grouping = "tensor",
): Gram {
  const grouping = effective(shape, wanted);
  const width = grouping === "tensor" ? 1 : widthOf(shape, grouping);
  const length = stride(width, grouping);
  const groups = groupCount(vectors[0]!.size, width, grouping);
  const n = vectors.length;
  const products = Array.from({ length: groups }, () => new Float64Array(n * n));
  const buffers = base === undefined ? [] : vectors.map(() => new Float32Array(length));
  let start = 0;
  for (const blocks of together(base === undefined ? vectors : [...vectors, base], length)) {
    const x =
      base === undefined ? blocks : vectors.map((_, i) => difference(blocks[i]!, blocks[n]!, buffers[i]!));
    for (let i = 0; i < n; i++) {
      for (let j = i; j < n; j++) accumulate(x[i]!, x[j]!, i * n + j, start, width, grouping, products);
    }
    start += x[0]!.length;
  }
  for (const g of products)
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) g[i * n + j] = g[j * n + i]!;
  return { count: n, groups, products };
}

function groupCount(size: number, width: number, grouping: Grouping): number {
  if (grouping === "tensor") return 1;
  return grouping === "columns" ? width : size / width;
}

function accumulate(
  a: Float32Array,
  b: Float32Array,
  slot: number,
  start: number,
  width: number,
  grouping: Grouping,
  products: readonly Float64Array[],
): void {
  if (grouping === "tensor") products[0]![slot]! += dot(a, b, 0, a.length);
  else if (grouping === "rows") {
    for (let from = 0, row = start / width; from < a.length; from += width, row++) {
      products[row]![slot]! += dot(a, b, from, from + width);
    }
  } else for (let i = 0; i < a.length; i++) products[i % width]![slot]! += a[i]! * b[i]!; // a block is whole rows
}

/** Inner product of a part of two blocks in float64; four sums, so that additions need not wait for each other. */
export function dot(a: Float32Array, b: Float32Array, from: number, to: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  let i = from;
  for (; i + 3 < to; i += 4) {
    s0 += a[i]! * b[i]!;
    s1 += a[i + 1]! * b[i + 1]!;
    s2 += a[i + 2]! * b[i + 2]!;
    s3 += a[i + 3]! * b[i + 3]!;
  }
  for (; i < to; i++) s0 += a[i]! * b[i]!;
  return s0 + s1 + (s2 + s3);
}

/**
 * A linear combination of tensors, or of their differences from a base on top of it, block by block, rounded once.
 * Equation: y = [b +] sum_i c_i (x_i [- b]). Symbols: c coefficients, `coefficients[group][i]`.
 * Shapes: x_i [shape], b [shape] or none -> y [shape].
 */
export function* combine(
  vectors: readonly Values[],
  base: Values | undefined,
  coefficients: readonly (readonly number[] | Float64Array)[],
  shape: readonly number[] = [],
  wanted: Grouping = "tensor",
): Generator<Float32Array, void, undefined> {
  const grouping = effective(shape, wanted);
  const width = grouping === "tensor" ? 1 : widthOf(shape, grouping);
  const length = stride(width, grouping);
  const into = new Float32Array(Math.min(length, vectors[0]!.size));
  const total = new Float64Array(into.length);
  const n = vectors.length;
  let start = 0;
  for (const blocks of together(base === undefined ? vectors : [...vectors, base], length)) {
    const size = blocks[0]!.length;
    const b = base === undefined ? undefined : blocks[n]!;
    if (grouping === "tensor") addUp(blocks, b, coefficients[0]!, n, 0, size, total, into);
    else if (grouping === "rows") {
      for (let from = 0, row = start / width; from < size; from += width, row++) {
        addUp(blocks, b, coefficients[row]!, n, from, from + width, total, into);
      }
    } else {
      for (let i = 0; i < size; i++) {
        const c = coefficients[i % width]!;
        const at = b === undefined ? 0 : b[i]!;
        let sum = at;
        for (let k = 0; k < n; k++) sum += c[k]! * (blocks[k]![i]! - at);
        into[i] = sum;
      }
    }
    yield size === into.length ? into : into.subarray(0, size);
    start += size;
  }
}

function addUp(
  x: readonly Float32Array[],
  b: Float32Array | undefined,
  c: readonly number[] | Float64Array,
  n: number,
  from: number,
  to: number,
  total: Float64Array,
  into: Float32Array,
): void {
  if (b === undefined && n === 2) {
    const [x0, x1] = x as [Float32Array, Float32Array];
    const [c0, c1] = c as [number, number];
    for (let i = from; i < to; i++) into[i] = c0 * x0[i]! + c1 * x1[i]!;
    return;
  }
  if (b === undefined) total.fill(0, from, to);
  else total.set(b.subarray(from, to), from);
  for (let k = 0; k < n; k++) {
    const xk = x[k]!;
    const ck = c[k]!;
    if (b === undefined) for (let i = from; i < to; i++) total[i]! += ck * xk[i]!;
    else for (let i = from; i < to; i++) total[i]! += ck * (xk[i]! - b[i]!);
  }
  for (let i = from; i < to; i++) into[i] = total[i]!;
}
