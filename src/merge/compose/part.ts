import type { Weight } from "../../model/safetensors.js";

/** What one adapter adds to a layer: w s B A. */
export interface Part {
  /** Number of the adapter in its list, from 0: it names the adapter's random draws. */
  readonly index: number;
  /** w, any finite number. */
  readonly weight: number;
  /** s. */
  readonly scaling: number;
  /** A, [r, in]. */
  readonly a: Weight;
  /** B, [out, r]. */
  readonly b: Weight;
}

/** The two factors of a composed layer, whose update is B A. */
export interface Factors {
  readonly rank: number;
  /** A, [rank, in], row-major. */
  readonly a: Float64Array;
  /** B, [out, rank], row-major. */
  readonly b: Float64Array;
  /** Energy that a truncation lost, see `truncate`, in [0, 1]; undefined without one. */
  readonly tailEnergy?: number | undefined;
}

/** Sides of a layer. */
export interface Sides {
  readonly out: number;
  readonly width: number;
}

/** The rank of a part. */
export function rankOfPart({ a }: Part): number {
  return a.shape[0]!;
}

/** The sides of the layer that a part belongs to. */
export function sidesOf({ a, b }: Part): Sides {
  return { out: b.shape[0]!, width: a.shape[1]! };
}

/** f B A in float64. a [rank, in], b [out, rank] -> [out, in]. */
export function outerProduct(
  { out, width }: Sides,
  rank: number,
  b: ArrayLike<number>,
  a: ArrayLike<number>,
  factor: number = 1,
): Float64Array {
  const result = new Float64Array(out * width);
  for (let i = 0; i < out; i++) {
    for (let k = 0; k < rank; k++) {
      const left = factor * b[i * rank + k]!;
      if (left === 0) continue;
      for (let j = 0; j < width; j++) result[i * width + j]! += left * a[k * width + j]!;
    }
  }
  return result;
}

/** The update of one part with a factor of the caller's: f s B A. -> [out, in]. */
export function updateOf(part: Part, factor: number = 1): Float64Array {
  return outerProduct(sidesOf(part), rankOfPart(part), part.b.data, part.a.data, factor * part.scaling);
}

/** What a composition aims at: sum_i w_i s_i B_i A_i. -> [out, in]. */
export function sumOfUpdates(parts: readonly Part[]): Float64Array {
  const { out, width } = sidesOf(parts[0]!);
  const total = new Float64Array(out * width);
  for (const part of parts) updateOf(part, part.weight).forEach((value, at) => (total[at]! += value));
  return total;
}
