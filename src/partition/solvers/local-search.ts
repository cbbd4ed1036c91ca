import { stream } from "../../core/random.js";
import { type ObjectiveTerms, objective } from "../objective.js";
import { ordered, type Partition } from "../set-partitions.js";
import type { Solver } from "../solver.js";

const RESTARTS = 20;

/** A smaller gain than this is rounding. */
const LEAST_GAIN = 1e-12;

/**
 * Steepest ascent from 20 random starts. Moves: one discipline to another stage or to a new one, and two stages into one,
 * within the cap on stages. Ends at a partition that no move improves by more than 1e-12; the best of the starts.
 * Draws: stream `<seed>/local-search/<start>`.
 */
export const localSearch: Solver<"local-search"> = {
  name: "local-search",
  exact: false,
  most: Infinity,
  solve: ({ terms, stages, seed }) => {
    const k = terms.discrepancy.length;
    const ends = Array.from({ length: RESTARTS }, (_, start) => {
      const draw = stream(seed, "local-search", start);
      const drawn: number[][] = Array.from({ length: Math.min(k, stages) }, () => []);
      for (let index = 0; index < k; index++) draw.choose(drawn).push(index);
      return climb(terms, ordered(drawn), stages);
    });
    return ends.reduce((best, end) => (end.value > best.value ? end : best)).partition;
  },
};

interface Place {
  readonly partition: Partition;
  readonly value: number;
}

function climb(terms: ObjectiveTerms, start: Partition, stages: number): Place {
  let here: Place = { partition: start, value: objective(terms, start) };
  for (;;) {
    let next = here;
    for (const partition of neighbours(here.partition, stages)) {
      const value = objective(terms, partition);
      if (value > next.value) next = { partition, value };
    }
    if (next.value - here.value <= LEAST_GAIN) return here;
    here = next;
  }
}

function neighbours(partition: Partition, stages: number): Partition[] {
  const moved = partition.flatMap((from) =>
    from.flatMap((index) => {
      const left = from.filter((member) => member !== index);
      const others = partition.filter((stage) => stage !== from);
      const into = others.map((to) => [
        ...others.map((stage) => (stage === to ? [...to, index] : stage)),
        left,
      ]);
      const alone = from.length > 1 && partition.length < stages ? [[...others, left, [index]]] : [];
      return [...into, ...alone];
    }),
  );
  const joined = partition.flatMap((one, place) =>
    partition
      .slice(0, place)
      .map((other) => [...partition.filter((stage) => stage !== one && stage !== other), [...one, ...other]]),
  );
  return [...moved, ...joined].map(ordered);
}
