import { setImmediate as nextTurn } from "node:timers/promises";

import type { Device } from "../compute/device.js";
import { Graph } from "../compute/graph.js";
import { gatherRows } from "../compute/ops/gather.js";
import { linearCrossEntropy } from "../compute/ops/linear-cross-entropy.js";
import { argMax } from "../compute/ops/reduce.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { batchFeeds, packRows, placeRows, type Row } from "../data/batches.js";
import { headName } from "../model/config.js";
import { decoder, decoderInput } from "../model/decoder.js";
import { type Network, networkFeeds, networkInput, networkValues } from "../model/network.js";

/** How a model takes to one row. */
export interface RowScore {
  /** Sum of ln p of the row's counted tokens, nats. */
  readonly logLikelihood: number;
  /** Counted tokens. */
  readonly tokens: number;
  /** Is every counted token the likeliest one, given those before it? Then greedy decoding writes exactly this. */
  readonly greedy: boolean;
}

/** What the scoring of one row tells beside. */
export interface ScoredRow extends RowScore {
  /** Sum of ln p of the counted tokens but the last, which ends a chat row, nats. */
  readonly body: number;
  /** Counted tokens that are the likeliest one, given those before. */
  readonly hits: number;
}

/** How rows are scored. */
export interface ScoringOptions {
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/** Rows of one batch of the evaluation path; fixed, since sums may depend on it. */
const BATCH_ROWS = 64;
/** Tokens of a line, unless a row is longer. */
const LINE_TOKENS = 64;

/** Scores rows in their order, packed, with one compiled program. Where labels route, a row's label is its discipline. */
export async function scoreRows(
  device: Device,
  network: Network,
  rows: readonly Row[],
  options: ScoringOptions = {},
): Promise<ScoredRow[]> {
  if (rows.length === 0) return [];
  const { config } = network;
  const batches = Array.from({ length: Math.ceil(rows.length / BATCH_ROWS) }, (_, index) =>
    rows.slice(index * BATCH_ROWS, (index + 1) * BATCH_ROWS),
  );
  const longest = Math.max(...rows.map(({ ids }) => ids.length));
  if (longest > config.maxPositions) {
    throw new LawbookError(
      "request",
      mismatch(
        "Tokens of the longest row",
        longest,
        `at most ${config.maxPositions}, the positions of the model`,
      ),
    );
  }
  const tokens = Math.max(Math.min(LINE_TOKENS, config.maxPositions), longest);
  const lines = Math.max(
    ...batches.map(
      (batch) =>
        placeRows(
          batch.map(({ ids }) => ids.length),
          tokens,
        ).lines,
    ),
  );
  const counted = ({ ids, from }: Row): number => ids.length - from;
  const targets = Math.max(...batches.map((batch) => batch.reduce((total, row) => total + counted(row), 0)));
  const program = await device.compile(scoringGraph(network, { lines, tokens, targets }));
  try {
    program.load(networkValues(network));
    const scores: ScoredRow[] = [];
    for (const batch of batches) {
      await nextTurn();
      options.signal?.throwIfAborted();
      const packed = packRows(batch, tokens, lines);
      const { rowLoss, best } = await program.run({
        ...batchFeeds(packed, targets),
        ...networkFeeds(network, () => Array.from(packed.rows, (row) => batch[row]?.label)),
      });
      const sums = batch.map((row) => ({ logLikelihood: 0, body: 0, hits: 0, tokens: counted(row) }));
      packed.targetRows.forEach((row, index) => {
        const sum = sums[row]!;
        sum.body = sum.logLikelihood;
        sum.logLikelihood -= rowLoss![index]!;
        sum.hits += Number(best![index] === packed.labels[index]);
      });
      scores.push(...sums.map((score) => ({ ...score, greedy: score.hits === score.tokens })));
      options.progress?.(scores.length, rows.length);
    }
    return scores;
  } finally {
    await program.dispose();
  }
}

function scoringGraph(
  network: Network,
  shape: { readonly lines: number; readonly tokens: number; readonly targets: number },
): Graph {
  const graph = new Graph();
  const weights = networkInput(graph, network, shape.lines * shape.tokens);
  const hidden = decoder(network.config, weights, decoderInput(graph, shape.lines, shape.tokens));
  const chosen = gatherRows(hidden, graph.input("targets", "int32", [shape.targets]));
  const labels = graph.input("labels", "int32", [shape.targets]);
  const rowWeights = graph.input("weights", "float32", [shape.targets]);
  const { rowLoss, probabilities } = linearCrossEntropy(
    chosen,
    weights.get(headName(network.config)),
    labels,
    rowWeights,
  );
  graph.output("rowLoss", rowLoss);
  graph.output("best", argMax(probabilities));
  return graph;
}
