import { stageValues } from "../objective.js";
import { partitionOf, visitPartitions } from "../set-partitions.js";
import type { Solver } from "../solver.js";

/** Every set partition in turn, O(Bell(k)); of equal ones the first, which has fewer stages where k is small. */
export const enumeration: Solver<"enumeration"> = {
  name: "enumeration",
  exact: true,
  most: 10,
  solve: ({ terms, stages }) => {
    const value = stageValues(terms);
    let best: readonly number[] = [];
    let largest = -Infinity;
    visitPartitions(terms.discrepancy.length, stages, (sets) => {
      let total = 0;
      for (const set of sets) total += value[set]!;
      if (total > largest) {
        largest = total;
        best = [...sets];
      }
    });
    return partitionOf(best);
  },
};
