import type { LayerReport } from "../../merge/compose/report.js";
import type { FoundWeights } from "../../merge/compose/search.js";

/** What learning made of the weights or the gates of frozen adapters. */
export interface LearntReport {
  /** Loss of each step, nats per token. */
  readonly losses: readonly number[];
  /** Trained numbers. */
  readonly parameters: number;
  /** Learnt weights of each adapter by layer; left out for a gate. */
  readonly layerWeights?: readonly Readonly<Record<string, number>>[];
}

/** What a composition made, in values that JSON can carry. */
export interface CompositionReport {
  /** One adapter in the layout of PEFT, or a mixture of the adapters with learnt gates. */
  readonly kind: "adapter" | "mixture";
  /** Weight of each adapter; null where weights of layers or gates were learnt. */
  readonly weights: readonly (number | null)[];
  /** Empty for a mixture. */
  readonly layers: readonly LayerReport[];
  readonly search?: FoundWeights;
  readonly learnt?: LearntReport;
}
