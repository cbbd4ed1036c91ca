import { stageValues } from "../objective.js";
import { partitionOf } from "../set-partitions.js";
import type { Solver } from "../solver.js";

/**
 * Dynamic programming over subsets: F_m(U) = max over T in U with min U in T of g(T) + F_{m-1}(U \ T), F_m({}) = 0,
 * F_0(U) = -infinity. F_m(U): best objective of the set U in at most m stages. It holds because G is a sum over stages.
 * O(M 3^k) time, O(M 2^k) space; M: the cap on stages.
 * Source: Rothkopf, Pekec & Harstad 1998 (partition into sets of additive worth), with a cap on their number.
 */
export const dynamicProgramming: Solver<"dynamic-programming"> = {
  name: "dynamic-programming",
  exact: true,
  most: 14,
  solve: ({ terms, stages }) => {
    const value = stageValues(terms);
    const all = value.length - 1;
    const layers = Math.min(stages, terms.discrepancy.length);
    let below = new Float64Array(value.length).fill(-Infinity);
    below[0] = 0;
    const firstStages: Int32Array[] = [];
    for (let m = 1; m <= layers; m++) {
      const best = new Float64Array(value.length).fill(-Infinity);
      const first = new Int32Array(value.length);
      best[0] = 0;
      for (let set = 1; set <= all; set++) {
        const lowest = set & -set;
        const rest = set ^ lowest;
        for (let part = rest; ; part = (part - 1) & rest) {
          const stage = part | lowest;
          const total = value[stage]! + below[set ^ stage]!;
          if (total > best[set]!) {
            best[set] = total;
            first[set] = stage;
          }
          if (part === 0) break;
        }
      }
      firstStages.push(first);
      below = best;
    }
    const sets: number[] = [];
    for (let left = all, m = layers - 1; left !== 0; m--) {
      const stage = firstStages[m]![left]!;
      sets.push(stage);
      left ^= stage;
    }
    return partitionOf(sets);
  },
};
