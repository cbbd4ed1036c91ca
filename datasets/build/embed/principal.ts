/** Rounds of subspace iteration; the space is stable to far below a step of int8 after half of them. */
const ROUNDS = 60;

/**
 * The leading `count` principal directions of centred rows by subspace iteration: Q <- orthonormal(C Q), C the covariance.
 * Only + - * / and square roots, so the result has the same bits everywhere. rows [n][d] -> directions [count][d].
 * Source: Golub & Van Loan, Matrix Computations, section 8.2.
 */
export function principalDirections(rows: readonly Float64Array[], count: number): Float64Array[] {
  const d = rows[0]!.length;
  const covariance = Array.from({ length: d }, () => new Float64Array(d));
  for (const row of rows) {
    for (let i = 0; i < d; i++) {
      const line = covariance[i]!;
      for (let j = 0; j < d; j++) line[j]! += row[i]! * row[j]!;
    }
  }
  let basis: Float64Array[] = Array.from({ length: count }, (_, k) =>
    Float64Array.from({ length: d }, (_v, i) => (i % count === k ? 1 : 0)),
  );
  for (let round = 0; round < ROUNDS; round++) {
    basis = orthonormal(basis.map((vector) => Float64Array.from(covariance, (line) => dot(line, vector))));
  }
  return basis;
}

/** Scalar product in index order. */
export function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

/** Modified Gram-Schmidt, in place of the given order. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const result: Float64Array[] = [];
  for (const vector of vectors) {
    const rest = Float64Array.from(vector);
    for (const done of result) {
      const share = dot(rest, done);
      for (let i = 0; i < rest.length; i++) rest[i]! -= share * done[i]!;
    }
    const length = Math.sqrt(dot(rest, rest));
    result.push(length === 0 ? rest : rest.map((value) => value / length));
  }
  return result;
}
