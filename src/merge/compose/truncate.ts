import { Matrix, QrDecomposition, SingularValueDecomposition } from "ml-matrix";

import type { Factors, Sides } from "./part.js";

/**
 * The nearest matrix of a rank to X [out, in]: X = U S V^T, B = U_r S_r, A = V_r^T. `tailEnergy` = sum of the squared
 * singular values behind the rank over the sum of all, 0 for X = 0. Columns behind the rank of X are 0.
 * Source: Eckart & Young 1936.
 */
export function truncate(x: Float64Array, { out, width }: Sides, rank: number): Factors {
  return ofDecomposition(decompose(Matrix.from1DArray(out, width, x as unknown as number[])), rank);
}

/**
 * The same of X = B A by its factors: with B = Q_b R_b and A^T = Q_a R_a the core R_b R_a^T has the singular values of X,
 * at a cost that grows with the rank R in the place of the sides. b [out, R], a [R, in].
 * Source: Golub & Van Loan 2013, chapter 5.
 */
export function truncateProduct(
  b: Float64Array,
  a: Float64Array,
  { out, width }: Sides,
  inner: number,
  rank: number,
): Factors {
  const left = orthogonal(Matrix.from1DArray(out, inner, b as unknown as number[]));
  const right = orthogonal(Matrix.from1DArray(inner, width, a as unknown as number[]).transpose());
  const { u, s, v } = decompose(left.r.mmul(right.r.transpose()));
  const outer = (q: Matrix | undefined, inside: Matrix): Matrix =>
    q === undefined ? inside : q.mmul(inside);
  return ofDecomposition({ u: outer(left.q, u), s, v: outer(right.q, v) }, rank);
}

interface Decomposition {
  /** [out, k] */
  readonly u: Matrix;
  /** Falling, [k]. */
  readonly s: readonly number[];
  /** [in, k] */
  readonly v: Matrix;
}

function decompose(x: Matrix): Decomposition {
  const {
    leftSingularVectors: u,
    diagonal: s,
    rightSingularVectors: v,
  } = new SingularValueDecomposition(x, { autoTranspose: true });
  return { u, s, v };
}

/** Q R = x; a matrix that is not tall stays as it is. */
function orthogonal(x: Matrix): { readonly q: Matrix | undefined; readonly r: Matrix } {
  if (x.rows <= x.columns) return { q: undefined, r: x };
  const { orthogonalMatrix: q, upperTriangularMatrix: r } = new QrDecomposition(x);
  return { q, r };
}

function ofDecomposition({ u, s, v }: Decomposition, rank: number): Factors {
  const b = new Float64Array(u.rows * rank);
  const a = new Float64Array(rank * v.rows);
  for (let k = 0; k < Math.min(rank, s.length); k++) {
    for (let i = 0; i < u.rows; i++) b[i * rank + k] = u.get(i, k) * s[k]!;
    for (let j = 0; j < v.rows; j++) a[k * v.rows + j] = v.get(j, k);
  }
  const energy = (values: readonly number[]): number =>
    values.reduce((total, value) => total + value * value, 0);
  const all = energy(s);
  return { rank, a, b, tailEnergy: all === 0 ? 0 : energy(s.slice(rank)) / all };
}
