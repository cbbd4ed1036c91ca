import type { Feeds } from "../compute/device.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { type PackedBatch, packRows, placeRows, type Row } from "../data/batches.js";
import { type AdapterConfig, gateValues, labelExperts } from "../model/adapted.js";
import type { BalanceWeights } from "../model/balance.js";
import type { MoeConfig } from "../model/lora-moe.js";
import { microBatchFeeds, targetWeights } from "./accumulation.js";
import {
  answerRows,
  preferenceFeeds,
  type PreferencePair,
  type PreferenceShape,
  preferenceTargets,
  preferenceTotals,
} from "./preference-batch.js";
import type { PreferenceOptions } from "./preference.js";
import type { StepShape } from "./step.js";

/** What the micro-batches of a run are. */
export interface Feed {
  /** Sizes of every micro-batch. */
  readonly shape: StepShape;
  /** The micro-batches of step t, counted from 1, padded to the shape; a pure function. */
  feeds(step: number): readonly Feeds[];
}

/** How rows become micro-batches, and what else the graph reads of them. */
export interface FeedOptions {
  /** Optimiser updates. */
  readonly steps: number;
  /** Rows, pairs or lines of one update. */
  readonly batch: number;
  /** Parts of a batch whose gradients are summed; divides `batch`. */
  readonly microBatches: number;
  /** Tokens of a packed line. */
  readonly tokens: number;
  readonly adapter?: AdapterConfig | undefined;
  readonly balance?: BalanceWeights | undefined;
  /** Labels whose rows are of kind 1 for the localised balance loss; all others are of kind 0. */
  readonly firstKind?: readonly string[] | undefined;
}

/** Rows that are learnt by their likelihood, `batch` a step in their order. */
export function rowFeed(rows: readonly Row[], options: FeedOptions): Feed {
  const microBatchesOf = cut(rows, options);
  const { lines, targets } = largest(options, microBatchesOf, (own) => own, countTargets);
  const shape: StepShape = {
    lines,
    tokens: options.tokens,
    targets,
    samples: options.batch / options.microBatches,
  };
  return {
    shape,
    feeds: (step) => {
      const parts = microBatchesOf(step);
      const weights = targetWeights(parts.map(countTargets));
      return parts.map((own, index) => {
        const packed = packRows(own, options.tokens, lines);
        return {
          ...microBatchFeeds(packed, targets, weights[index]!),
          ...context(packed, own, options, shape),
        };
      });
    },
  };
}

/** Lines that are full of text, every token after the first of a line's row being learnt. */
export function lineFeed(batchOf: (lines: number, index: number) => PackedBatch, options: FeedOptions): Feed {
  const { batch, microBatches, tokens } = options;
  const lines = divide(batch, microBatches);
  const shape: StepShape = { lines, tokens, targets: lines * tokens, samples: lines };
  return {
    shape,
    feeds: (step) => {
      const parts = Array.from({ length: microBatches }, (_, index) =>
        batchOf(lines, (step - 1) * microBatches + index + 1),
      );
      const weights = targetWeights(parts.map(({ targets }) => targets.length));
      return parts.map((packed, index) => ({
        ...microBatchFeeds(packed, shape.targets, weights[index]!),
        ...context(packed, [], options, shape),
      }));
    },
  };
}

/** A pair with the label of its rows and, for DPO, what the reference policy makes of both answers. */
export interface LabelledPair extends PreferencePair {
  readonly label?: string | undefined;
  /** Sum of ln p under the reference policy of the chosen and of the rejected answer, nats. */
  readonly reference?: readonly [chosen: number, rejected: number] | undefined;
}

/** Pairs of answers, `batch` pairs a step in their order. */
export function pairFeed(
  pairs: readonly LabelledPair[],
  preference: PreferenceOptions,
  options: FeedOptions,
): Feed {
  const { tokens, batch, microBatches } = options;
  const microBatchesOf = cut(pairs, options);
  const { lines, targets } = largest(options, microBatchesOf, answerRows, (own) =>
    preferenceTargets(own, preference),
  );
  const count = divide(batch, microBatches);
  const shape: PreferenceShape = { lines, tokens, targets, pairs: count, samples: 2 * count };
  return {
    shape,
    feeds: (step) => {
      const parts = microBatchesOf(step);
      const totals = preferenceTotals(parts.flat());
      return parts.map((own) => {
        const reference = [0, 1].flatMap((side) => own.map((pair) => pair.reference?.[side] ?? Number.NaN));
        const rows = answerRows(own).map((row, index) => ({ ...row, label: own[index % own.length]!.label }));
        return {
          ...preferenceFeeds(own, preference, shape, reference, totals),
          ...context(packRows(rows, tokens, lines), rows, options, shape),
        };
      });
    },
  };
}

/** The items of each micro-batch of a step. */
function cut<Item>(items: readonly Item[], { batch, microBatches }: FeedOptions): (step: number) => Item[][] {
  const size = divide(batch, microBatches);
  return (step) =>
    Array.from({ length: microBatches }, (_, index) => {
      const from = (step - 1) * batch + index * size;
      return items.slice(from, from + size);
    });
}

function divide(batch: number, microBatches: number): number {
  if (batch % microBatches !== 0) {
    throw new LawbookError(
      "request",
      mismatch("microBatches", microBatches, `a divisor of the batch, ${batch}`),
    );
  }
  return batch / microBatches;
}

/** Lines and targets of the fullest micro-batch. */
function largest<Item>(
  { steps, tokens }: FeedOptions,
  microBatchesOf: (step: number) => readonly Item[][],
  rowsOf: (items: Item[]) => readonly Row[],
  targetsOf: (items: Item[]) => number,
): { readonly lines: number; readonly targets: number } {
  let lines = 1;
  let targets = 1;
  for (let step = 1; step <= steps; step++) {
    for (const own of microBatchesOf(step)) {
      const lengths = rowsOf(own).map(({ ids }) => ids.length);
      lines = Math.max(lines, placeRows(lengths, tokens).lines);
      targets = Math.max(targets, targetsOf(own));
    }
  }
  return { lines, targets };
}

function countTargets(rows: readonly Row[]): number {
  return rows.reduce((total, { ids, from }) => total + ids.length - from, 0);
}

/** What routers and their losses read of a micro-batch; nothing where there are none. */
function context(
  packed: PackedBatch,
  rows: readonly Row[],
  { adapter, balance, firstKind = [] }: FeedOptions,
  { samples }: StepShape,
): Feeds {
  const feeds: Record<string, Float32Array> = {};
  if (labelExperts(adapter) !== undefined) {
    const labels = Array.from(packed.rows, (row) => (row < 0 ? undefined : rows[row]?.label));
    feeds["gates"] = gateValues(adapter as MoeConfig, labels);
  }
  if (balance !== undefined) {
    feeds["valid"] = Float32Array.from(packed.rows, (row) => Number(row >= 0));
    if ((balance.localised?.weight ?? 0) > 0) {
      const membership = new Float32Array(samples! * packed.rows.length);
      packed.rows.forEach((row, token) => {
        if (row >= 0) membership[row * packed.rows.length + token] = 1;
      });
      feeds["membership"] = membership;
      feeds["sampleTypes"] = Float32Array.from({ length: samples! }, (_, row) =>
        Number(firstKind.includes(rows[row]?.label ?? "")),
      );
    }
  }
  return feeds;
}
