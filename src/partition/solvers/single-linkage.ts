import { pairsOf } from "../matrix.js";
import { margin, objective } from "../objective.js";
import { ordered, type Partition } from "../set-partitions.js";
import type { Solver } from "../solver.js";

/**
 * Single-linkage agglomeration on the margin lambda s_ij - d_ij: starting from singletons, the two stages that hold the
 * pair of largest margin between stages are joined, until one is left. Of the k levels, the one of largest objective
 * among those within the cap on stages; of equal ones that with fewer stages.
 * Deviation: the reports of the source give no rule for where to stop; the best level is the most that it can reach.
 * Source: Ye et al. 2025 (single linkage, O(k^2 log k) there, O(k^3) here).
 */
export const singleLinkage: Solver<"single-linkage"> = {
  name: "single-linkage",
  exact: false,
  most: Infinity,
  solve: ({ terms, stages }) => {
    const k = terms.discrepancy.length;
    const pairs = pairsOf(k).sort((a, b) => margin(terms, ...b) - margin(terms, ...a));
    let level: Partition = Array.from({ length: k }, (_, index) => [index]);
    let best = level;
    let largest = k <= stages ? objective(terms, level) : -Infinity;
    for (const [i, j] of pairs) {
      const one = level.find((stage) => stage.includes(i))!;
      const other = level.find((stage) => stage.includes(j))!;
      if (one === other) continue;
      level = ordered([...level.filter((stage) => stage !== one && stage !== other), [...one, ...other]]);
      const value = level.length <= stages ? objective(terms, level) : -Infinity;
      if (value >= largest) {
        largest = value;
        best = level;
      }
    }
    return best;
  },
};
