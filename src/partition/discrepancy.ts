import { unknownName } from "../core/errors.js";
import { type Corpus, type Multiplicities, tokenCounts } from "./corpus.js";
import { type DistributionPair, jensenShannon, smoothed, symmetricKullbackLeibler } from "./divergence.js";
import { maximumMeanDiscrepancy, slicedWasserstein } from "./embedding-distance.js";
import { type Matrix, symmetric } from "./matrix.js";

/** Names of all discrepancies. */
export const DISCREPANCY_NAMES = ["jensen-shannon", "kullback-leibler", "sliced-wasserstein", "mmd"] as const;

/** Name of a discrepancy. */
export type DiscrepancyName = (typeof DISCREPANCY_NAMES)[number];

/** What a discrepancy needs beside the corpora. */
export interface DiscrepancyOptions {
  /** Added to each count, >= 0, where tokens are counted. */
  readonly smoothing: number;
  /** Draws the directions of `sliced-wasserstein`. */
  readonly seed: number;
}

/** How far two corpora are apart: symmetric, at least 0, 0 for equal corpora. */
export interface Discrepancy {
  readonly name: DiscrepancyName;
  /** What its numbers mean, for tables. */
  readonly unit: string;
  /** Does it compare tokens, or embeddings? */
  readonly over: "tokens" | "embeddings";
  /** Prepares corpora; the result measures d [k, k] of any resample of them. */
  prepare(corpora: readonly Corpus[], options: DiscrepancyOptions): (times: Multiplicities) => Matrix;
}

/** All discrepancies; the first is that of Ye et al. 2025. */
export const DISCREPANCIES: readonly Discrepancy[] = [
  {
    name: "jensen-shannon",
    unit: "bits, in [0, 1]",
    over: "tokens",
    prepare: overTokens(jensenShannon),
  },
  {
    name: "kullback-leibler",
    unit: "bits, mean of both directions",
    over: "tokens",
    prepare: overTokens(symmetricKullbackLeibler),
  },
  {
    name: "sliced-wasserstein",
    unit: "distance of unit embeddings, 64 directions",
    over: "embeddings",
    prepare: (corpora, { seed }) => slicedWasserstein(corpora, seed),
  },
  {
    name: "mmd",
    unit: "squared, Gaussian kernel at the median distance, in [0, 2]",
    over: "embeddings",
    prepare: (corpora) => maximumMeanDiscrepancy(corpora),
  },
];

/** The discrepancy of a name. */
export function findDiscrepancy(name: string): Discrepancy {
  const found = DISCREPANCIES.find((candidate) => candidate.name === name);
  if (found === undefined) throw unknownName("discrepancy", name, DISCREPANCY_NAMES);
  return found;
}

function overTokens(divergence: (pair: DistributionPair) => number): Discrepancy["prepare"] {
  return (corpora, { smoothing }) => {
    const counts = tokenCounts(corpora);
    return (times) => {
      const counted = counts.count(times);
      return symmetric(corpora.length, 0, (i, j) =>
        divergence(smoothed(counted[i]!, counted[j]!, smoothing)),
      );
    };
  };
}
