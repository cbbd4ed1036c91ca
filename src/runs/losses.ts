import { mean } from "../core/math.js";

/** What a record says of the losses of its steps. */
export interface LossSummary {
  /** Mean of the last tenth of the steps; null without a finite step. */
  readonly loss: number | null;
  /** Mean of each twentieth. */
  readonly curve: readonly number[];
}

/** Sums up the losses of steps, those left out that are not finite. */
export function lossSummary(losses: readonly number[]): LossSummary {
  const finite = losses.filter(Number.isFinite);
  if (finite.length === 0) return { loss: null, curve: [] };
  const parts = Math.min(20, finite.length);
  const cut = (part: number): number => Math.floor((part * finite.length) / parts);
  return {
    loss: mean(finite.slice(-Math.ceil(finite.length / 10))),
    curve: Array.from({ length: parts }, (_, part) => mean(finite.slice(cut(part), cut(part + 1)))),
  };
}
