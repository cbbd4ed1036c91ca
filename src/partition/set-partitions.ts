/** Disjoint stages that together hold each of 0..k-1 once; members ascend, stages are ordered by their first member. */
export type Partition = readonly (readonly number[])[];

/** The same stages in the one order that a partition has. */
export function ordered(stages: Partition): Partition {
  return stages
    .filter((stage) => stage.length > 0)
    .map((stage) => [...stage].sort((a, b) => a - b))
    .sort((a, b) => a[0]! - b[0]!);
}

/** Text that is equal for equal partitions: "0 2|1". */
export function partitionKey(partition: Partition): string {
  return ordered(partition)
    .map((stage) => stage.join(" "))
    .join("|");
}

/** Members of a set that is written as the bits of a number. */
export function members(set: number): number[] {
  const found: number[] = [];
  for (let index = 0; set >> index > 0; index++) if (((set >> index) & 1) === 1) found.push(index);
  return found;
}

/** The partition whose stages are these bit sets. */
export function partitionOf(sets: readonly number[]): Partition {
  return ordered(sets.map(members));
}

/**
 * Calls `visit` with every partition of k things into at most `most` stages, as bit sets that are overwritten after the
 * call. Order: restricted growth strings in lexicographic order, so one stage comes first and singletons last.
 * There are Bell(k) of them: 52 for 5, 115,975 for 10.
 * Source: Knuth, The Art of Computer Programming 4A, section 7.2.1.5.
 */
export function visitPartitions(k: number, most: number, visit: (sets: readonly number[]) => void): void {
  const sets: number[] = [];
  const place = (index: number): void => {
    if (index === k) {
      visit(sets);
      return;
    }
    const bit = 1 << index;
    for (let stage = 0; stage < sets.length; stage++) {
      sets[stage]! |= bit;
      place(index + 1);
      sets[stage]! &= ~bit;
    }
    if (sets.length === most) return;
    sets.push(bit);
    place(index + 1);
    sets.pop();
  };
  place(0);
}

/** Number of partitions with these stage sizes: k! / (prod_i n_i! prod_m c_m!), c_m stages of equal size m. */
export function partitionsOfSizes(sizes: readonly number[]): number {
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));
  const repeated = new Map<number, number>();
  for (const size of sizes) repeated.set(size, (repeated.get(size) ?? 0) + 1);
  const things = sizes.reduce((total, size) => total + size, 0);
  return [...sizes, ...repeated.values()].reduce(
    (count, n) => Math.round(count / factorial(n)),
    factorial(things),
  );
}
