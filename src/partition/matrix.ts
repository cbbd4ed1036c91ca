/** A square matrix of one number per pair of disciplines. */
export type Matrix = readonly (readonly number[])[];

/** A symmetric matrix [k, k] from its entries i < j, each computed once, and its diagonal. */
export function symmetric(k: number, diagonal: number, entry: (i: number, j: number) => number): Matrix {
  const rows = Array.from({ length: k }, () => new Array<number>(k).fill(diagonal));
  for (let j = 0; j < k; j++) for (let i = 0; i < j; i++) rows[i]![j] = rows[j]![i] = entry(i, j);
  return rows;
}

/** The pairs i < j of k disciplines, by i, then j. */
export function pairsOf(k: number): (readonly [number, number])[] {
  return Array.from({ length: k }, (_, i) =>
    Array.from({ length: k - i - 1 }, (_unused, step) => [i, i + 1 + step] as const),
  ).flat();
}
