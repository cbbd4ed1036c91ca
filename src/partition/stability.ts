import { mean } from "../core/math.js";
import { stream } from "../core/random.js";
import type { Interval } from "../core/statistics.js";
import { type Corpus, everyDocument, type Multiplicities } from "./corpus.js";
import { type Matrix, pairsOf, symmetric } from "./matrix.js";
import type { Measures } from "./measures.js";
import { type Partition, partitionKey } from "./set-partitions.js";

/** Discrepancy and synergy of one pair over the resamples. */
export interface PairSpread {
  /** Middle 95 % of the recentred values. */
  readonly discrepancy: Interval;
  readonly synergy: Interval;
  /** Mean of the resamples less the value of the corpora: what recentring takes out. */
  readonly bias: { readonly discrepancy: number; readonly synergy: number };
}

/** How a partition stands up to other documents from the same disciplines. */
export interface Stability {
  readonly resamples: number;
  /** [k, k]: share of the resamples whose optimum has both disciplines in one stage, in [0, 1], diagonal 1. */
  readonly together: Matrix;
  /** Share of the resamples whose optimum is the chosen partition. */
  readonly recurrence: number;
  /** The optima that came most often, at most five; of equal ones the first that came. */
  readonly frequent: readonly { readonly partition: Partition; readonly share: number }[];
  /** One a pair i < j, in the order of `pairsOf`. */
  readonly spread: readonly PairSpread[];
}

/** d and s of every pair. */
export type PairMeasures = Pick<Measures, "discrepancy" | "synergy">;

const MOST_FREQUENT = 5;

/**
 * Bootstrap over documents: each discipline's documents are drawn anew with replacement, as many as it has, and measured;
 * the optimum is found for theta + theta_b - mean_b theta_b, theta: d and s of the corpora, theta_b: of resample b.
 * Draws: stream `<seed>/bootstrap/<b>/<discipline>`. Recentred, because a resample has some 63 % of the different
 * documents, which alone makes d larger and the overlap of vocabularies smaller.
 * Source: Efron 1979; Davison & Hinkley 1997, section 2.1 (bias); Hennig 2007 (stability of clusters).
 */
export async function bootstrap(
  corpora: readonly Corpus[],
  measure: (times: Multiplicities) => Measures,
  solve: (measures: PairMeasures) => Partition,
  chosen: Partition,
  options: {
    readonly resamples: number;
    readonly seed: number;
    readonly progress?: (done: number) => void | Promise<void>;
  },
): Promise<Stability> {
  const { resamples, seed } = options;
  const pairs = pairsOf(corpora.length);
  const measured: Measures[] = [];
  while (measured.length < resamples) {
    measured.push(measure(corpora.map((corpus) => resampled(corpus, seed, measured.length))));
    await options.progress?.(measured.length);
  }
  const own = measure(everyDocument(corpora));
  const discrepancy = recentred(own, measured, "discrepancy");
  const synergy = recentred(own, measured, "synergy");
  const optima = discrepancy.values.map((d, b) => solve({ discrepancy: d, synergy: synergy.values[b]! }));
  const counts = new Map<string, { readonly partition: Partition; count: number }>();
  for (const partition of optima) {
    const known = counts.get(partitionKey(partition)) ?? { partition, count: 0 };
    known.count++;
    counts.set(partitionKey(partition), known);
  }
  const joined = (partition: Partition, i: number, j: number): boolean =>
    partition.some((stage) => stage.includes(i) && stage.includes(j));
  return {
    resamples,
    together: symmetric(
      corpora.length,
      1,
      (i, j) => optima.filter((partition) => joined(partition, i, j)).length / resamples,
    ),
    recurrence: (counts.get(partitionKey(chosen))?.count ?? 0) / resamples,
    frequent: [...counts.values()]
      .sort((a, b) => b.count - a.count)
      .slice(0, MOST_FREQUENT)
      .map(({ partition, count }) => ({ partition, share: count / resamples })),
    spread: pairs.map(([i, j]) => ({
      discrepancy: percentiles(discrepancy.values.map((values) => values[i]![j]!)),
      synergy: percentiles(synergy.values.map((values) => values[i]![j]!)),
      bias: { discrepancy: discrepancy.bias[i]![j]!, synergy: synergy.bias[i]![j]! },
    })),
  };
}

interface Recentred {
  readonly bias: Matrix;
  readonly values: readonly Matrix[];
}

function recentred(own: Measures, measured: readonly Measures[], name: "discrepancy" | "synergy"): Recentred {
  const k = own[name].length;
  const diagonal = own[name][0]![0]!;
  const bias = symmetric(
    k,
    0,
    (i, j) => mean(measured.map((measures) => measures[name][i]![j]!)) - own[name][i]![j]!,
  );
  const values = measured.map((measures) =>
    symmetric(k, diagonal, (i, j) => measures[name][i]![j]! - bias[i]![j]!),
  );
  return { bias, values };
}

/** How often each document comes when as many are drawn with replacement. */
function resampled({ discipline, documents }: Corpus, seed: number, resample: number): number[] {
  const draw = stream(seed, "bootstrap", resample, discipline);
  const times = documents.map(() => 0);
  for (let n = 0; n < documents.length; n++) times[draw.integer(documents.length)]!++;
  return times;
}

/** The middle 95 % of values, by nearest rank. */
function percentiles(values: readonly number[]): Interval {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
  return { low: at(0.025), high: at(0.975) };
}
