import type { LearntComposition } from "../../merge/compose/frozen-experts.js";
import type { SignRule } from "../../merge/compose/method.js";
import type { FactsData } from "../request.js";

/** One adapter of a composition. */
export interface ComposedAdapterRequest {
  /** `run:<id>`, or a folder that starts with `./`, `../` or `/`. */
  readonly adapter: string;
  /** w; left out: 1, where a learnt composition starts 1 / adapters. Not with a search or a gate. */
  readonly weight?: number;
}

/** Rows from facts of disciplines, as training draws them. */
export type ComposeData = Pick<FactsData, "facts" | "wordings">;

/** A search of the weights without gradients. */
export interface SearchRequest {
  /** Each fact in each of its wordings is one row. */
  readonly data: ComposeData;
  /** Evaluations of the loss, at least 1. */
  readonly steps: number;
  /** Factor of the mean |w|, >= 0. */
  readonly l1: number;
  /** Largest |w|, > 0. */
  readonly bound: number;
}

/** Weights or gates that are learnt by gradients, the adapters being frozen. */
export interface LearnRequest {
  /** `cat`: a weight for each layer and adapter. `gate`: a router for each layer. */
  readonly kind: LearntComposition;
  readonly data: ComposeData;
  /** Optimiser updates, at least 1. */
  readonly steps: number;
  /** Rows of an update. */
  readonly batch: number;
  /** Tokens of a packed line. */
  readonly tokens: number;
  /** Learning rate, > 0. */
  readonly lr: number;
}

/** One composition of adapters, every default filled in. */
export interface ComposeRequest {
  readonly kind: "compose";
  /** The model under the adapters, named as in a train request. */
  readonly base: string;
  readonly adapters: readonly ComposedAdapterRequest[];
  /** A name of PEFT's `combination_type`; a learnt composition has none. */
  readonly method?: string;
  /** Rank of a truncation; left out: the largest of the adapters. */
  readonly rank?: number;
  /** Share of entries that are kept, in (0, 1]. */
  readonly density?: number;
  readonly majority_sign_method?: SignRule;
  /** `peft`: as `add_weighted_adapter` does where that differs from the formulas. */
  readonly convention: "exact" | "peft";
  readonly search?: SearchRequest;
  readonly learn?: LearnRequest;
  readonly seed: number;
  readonly device: string;
}

/** A composition as a person writes it: everything with a default may be left out. */
export type ComposeInput = Omit<Partial<ComposeRequest>, "search" | "learn"> &
  Pick<ComposeRequest, "base" | "adapters"> & {
    readonly search?: Partial<Omit<SearchRequest, "data">> & DataInput;
    readonly learn?: Partial<Omit<LearnRequest, "data">> & Pick<LearnRequest, "kind"> & DataInput;
  };

interface DataInput {
  readonly data: Pick<ComposeData, "facts"> & Partial<ComposeData>;
}
