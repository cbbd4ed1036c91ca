import type { Factors, Part } from "./part.js";

/** How the sign of an entry is elected over adapters: by the sum of the entries, or by their number. */
export const SIGN_RULES = ["total", "frequency"] as const;

/** One of `SIGN_RULES`. */
export type SignRule = (typeof SIGN_RULES)[number];

/** What a method may be told; `Needs` says what it reads. */
export interface MethodOptions {
  /** Rank of a truncation; undefined: the largest rank of the layer's parts. */
  readonly rank?: number | undefined;
  /** Share of entries that are kept, in (0, 1]. */
  readonly density: number;
  readonly sign: SignRule;
  /** 32 random bits a call for one tensor of one adapter: `tensor` is its full name, `adapter` its number. */
  readonly draws: (tensor: string, adapter: number) => () => number;
}

/** What a method reads beside the adapters and their weights. */
export interface Needs {
  readonly rank: boolean;
  readonly density: boolean;
  readonly sign: boolean;
  /** Does it draw random masks? */
  readonly seed: boolean;
  /** Must the adapters of a layer have one rank, because their factors are added entry by entry? */
  readonly equalRanks: boolean;
}

/** A way of making one adapter of several, layer by layer. */
export interface ComposeMethod {
  readonly name: string;
  readonly needs: Needs;
  /** Composes a layer of at least one part. */
  compose(layer: string, parts: readonly Part[], options: MethodOptions): Factors;
}

/** Makes one tensor of the adapters' tensors of one shape and their weights, entry by entry. */
export type Combination = (
  tensors: readonly ArrayLike<number>[],
  weights: readonly number[],
  options: CombinationOptions,
) => Float64Array;

/** What a combination may read. */
export interface CombinationOptions extends Pick<MethodOptions, "density" | "sign"> {
  /** 32 random bits a call for the tensor at a place of the list. */
  readonly draws: (place: number) => () => number;
}
