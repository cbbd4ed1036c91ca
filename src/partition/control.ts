import { mean } from "../core/math.js";
import { stream } from "../core/random.js";
import { objective, type ObjectiveTerms } from "./objective.js";
import { ordered, type Partition, partitionKey, partitionsOfSizes } from "./set-partitions.js";

/** Other partitions with the same stage sizes, to train beside the chosen one. */
export interface Control {
  /** Sizes of the stages, largest first. */
  readonly sizes: readonly number[];
  /** Number of partitions that have them, the chosen one included; 1 means that there is nothing to compare with. */
  readonly possible: number;
  /** Different ones, none of them the chosen one, in the order of drawing. */
  readonly drawn: readonly { readonly partition: Partition; readonly objective: number }[];
  /** Mean objective of those drawn; null where there are none. */
  readonly mean: number | null;
  /** Share of those drawn whose objective is at least that of the chosen one; null where there are none. */
  readonly atLeast: number | null;
}

/**
 * Draws `count` different partitions, uniformly among those with the stage sizes of `chosen`, or all where there are
 * fewer: disciplines are shuffled and cut. Draws: stream `<seed>/control`.
 * Whether the choice of members matters, and not the sizes alone, shows against these.
 */
export function randomControl(
  terms: ObjectiveTerms,
  chosen: Partition,
  count: number,
  seed: number,
): Control {
  const sizes = chosen.map((stage) => stage.length).sort((a, b) => b - a);
  const possible = partitionsOfSizes(sizes);
  const wanted = Math.min(count, possible - 1);
  const draw = stream(seed, "control");
  const everyone = chosen.flat().sort((a, b) => a - b);
  const seen = new Set([partitionKey(chosen)]);
  const partitions: Partition[] = [];
  while (partitions.length < wanted) {
    const order = draw.shuffle(everyone);
    let start = 0;
    const partition = ordered(sizes.map((size) => order.slice(start, (start += size))));
    const key = partitionKey(partition);
    if (seen.has(key)) continue;
    seen.add(key);
    partitions.push(partition);
  }
  const drawn = partitions.map((partition) => ({ partition, objective: objective(terms, partition) }));
  const values = drawn.map((one) => one.objective);
  const own = objective(terms, chosen);
  return {
    sizes,
    possible,
    drawn,
    mean: values.length === 0 ? null : mean(values),
    atLeast: values.length === 0 ? null : values.filter((value) => value >= own).length / values.length,
  };
}
