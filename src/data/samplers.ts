import { LawbookError, mismatch } from "../core/errors.js";
import { pow, sum } from "../core/math.js";

/** How often each source is drawn. */
export type Sampler =
  | { readonly kind: "proportional" }
  | { readonly kind: "temperature"; readonly temperature: number }
  | { readonly kind: "balanced" }
  | { readonly kind: "unimax"; readonly cap: number }
  | { readonly kind: "weighted"; readonly weights: readonly number[] };

/**
 * Share of each source in the rows of a run, summing to 1. `sizes` are rows per source, all positive; `budget` is the
 * number of rows that the run draws.
 * proportional: p_d = n_d / sum n. temperature: p_d^(1/tau), normalised. balanced: equal.
 * unimax: from the smallest source up, min(remaining budget / remaining sources, cap n_d), normalised.
 * weighted: w_d / sum w, one weight > 0 a source.
 * Sources: Conneau et al. 2020 (temperature); Chung et al. 2023, algorithm 1 (UniMax).
 */
export function shares(sampler: Sampler, sizes: readonly number[], budget: number): number[] {
  if (sizes.length === 0 || sizes.some((size) => !(size > 0))) {
    throw new LawbookError("request", mismatch("Sizes of the sources", sizes, "positive numbers"));
  }
  switch (sampler.kind) {
    case "proportional":
      return normalise(sizes);
    case "temperature": {
      if (!(sampler.temperature >= 1)) {
        throw new LawbookError(
          "request",
          mismatch("temperature", sampler.temperature, "a number of at least 1"),
        );
      }
      return normalise(normalise(sizes).map((share) => pow(share, 1 / sampler.temperature)));
    }
    case "balanced":
      return sizes.map(() => 1 / sizes.length);
    case "weighted":
      if (sampler.weights.length !== sizes.length || sampler.weights.some((weight) => !(weight > 0))) {
        throw new LawbookError(
          "request",
          mismatch("Weights of the sampler", sampler.weights, `${sizes.length} numbers above 0`),
        );
      }
      return normalise(sampler.weights);
    case "unimax":
      return uniMax(sizes, budget, sampler.cap);
  }
}

function uniMax(sizes: readonly number[], budget: number, cap: number): number[] {
  if (!(cap >= 1)) throw new LawbookError("request", mismatch("cap", cap, "a number of at least 1"));
  const ascending = sizes.map((_, index) => index).sort((a, b) => sizes[a]! - sizes[b]! || a - b);
  const rows = new Array<number>(sizes.length).fill(0);
  let left = budget;
  ascending.forEach((source, place) => {
    rows[source] = Math.min(left / (sizes.length - place), cap * sizes[source]!);
    left -= rows[source]!;
  });
  return normalise(rows);
}

function normalise(values: readonly number[]): number[] {
  const total = sum(values);
  return values.map((value) => value / total);
}

/** Index of the share that holds u in [0, 1): the same u picks alike sources under alike shares. */
export function pick(shareOf: readonly number[], u: number): number {
  let upTo = 0;
  for (let index = 0; index < shareOf.length; index++) {
    upTo += shareOf[index]!;
    if (u < upTo) return index;
  }
  return shareOf.length - 1;
}
