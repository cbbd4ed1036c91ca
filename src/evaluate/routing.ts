import type { Device } from "../compute/device.js";
import { Graph } from "../compute/graph.js";
import { matmul } from "../compute/ops/matmul.js";
import { concat } from "../compute/ops/shape.js";
import { ln, mean } from "../core/math.js";
import { attentionBias, packRows, placeRows, type Row } from "../data/batches.js";
import { decoder, decoderInput } from "../model/decoder.js";
import { type ExpertSimilarity, expertSimilarity } from "./expert-similarity.js";
import { type Network, networkFeeds, networkInput, networkValues } from "../model/network.js";

/** Where the routers of a mixture send the tokens of each label. */
export interface RoutingStatistics {
  /** Mean gate of each expert over a label's tokens and all routers; the shares of a label sum to 1 where gates do. */
  readonly shares: Readonly<Record<string, readonly number[]>>;
  /** Mutual information of expert and label, bits, mean over routers; labels weigh the same. At most log2 of the labels. */
  readonly mutualInformation: number;
  /** The same of each block of the decoder, from the first. */
  readonly byBlock: readonly number[];
  /** How alike the experts are. */
  readonly similarity: ExpertSimilarity;
}

/** Rows of one batch. */
const BATCH_ROWS = 64;
const LINE_TOKENS = 64;

/** Sends labelled rows through a mixture and counts. Throws nothing for a network without routers: it has no statistics. */
export async function routingStatistics(
  device: Device,
  network: Network,
  rows: readonly Row[],
): Promise<RoutingStatistics | undefined> {
  const labels = [...new Set(rows.flatMap(({ label }) => label ?? []))].sort();
  if (labels.length === 0 || network.adapter === undefined) return undefined;
  const tokens = Math.max(LINE_TOKENS, ...rows.map(({ ids }) => ids.length));
  const batches = Array.from({ length: Math.ceil(rows.length / BATCH_ROWS) }, (_, index) =>
    rows.slice(index * BATCH_ROWS, (index + 1) * BATCH_ROWS),
  );
  const lengthsOf = (batch: readonly Row[]): number[] => batch.map(({ ids }) => ids.length);
  const lines = Math.max(...batches.map((batch) => placeRows(lengthsOf(batch), tokens).lines));

  const graph = new Graph();
  const weights = networkInput(graph, network, lines * tokens);
  const hidden = decoder(network.config, weights, decoderInput(graph, lines, tokens));
  if (weights.routes.length === 0) return undefined;
  const membership = graph.input("membership", "float32", [labels.length, lines * tokens]);
  graph.output(
    "sums",
    concat(
      weights.routes.map(({ gates }) => matmul(membership, gates)),
      0,
    ),
  );
  graph.output("hidden", hidden);

  const experts = weights.routes[0]!.gates.shape[1]!;
  const sums = new Float64Array(weights.routes.length * labels.length * experts);
  const counts = new Float64Array(labels.length);
  const program = await device.compile(graph);
  try {
    program.load(networkValues(network));
    for (const batch of batches) {
      const packed = packRows(batch, tokens, lines);
      const labelOf = Array.from(packed.rows, (row) => (row < 0 ? undefined : batch[row]!.label));
      const member = new Float32Array(labels.length * labelOf.length);
      labelOf.forEach((label, token) => {
        if (label === undefined) return;
        const index = labels.indexOf(label);
        member[index * labelOf.length + token] = 1;
        counts[index]! += 1;
      });
      const results = await program.run({
        ids: packed.ids,
        positions: packed.positions,
        bias: attentionBias(packed),
        membership: member,
        ...networkFeeds(network, () => labelOf),
      });
      results["sums"]!.forEach((value, index) => (sums[index]! += value));
    }
  } finally {
    await program.dispose();
  }
  const routers = weights.routes.map(({ name }, router) => ({
    block: Number(/layers\.(\d+)\./.exec(name)?.[1] ?? 0),
    shares: labels.map((_, label) =>
      Array.from({ length: experts }, (_, expert) => {
        const at = (router * labels.length + label) * experts + expert;
        return sums[at]! / counts[label]!;
      }),
    ),
  }));
  const information = routers.map(({ shares }) => mutualInformation(shares));
  const blocks = [...new Set(routers.map(({ block }) => block))].sort((a, b) => a - b);
  return {
    shares: Object.fromEntries(
      labels.map((label, index) => [
        label,
        Array.from({ length: experts }, (_, expert) =>
          mean(routers.map(({ shares }) => shares[index]![expert]!)),
        ),
      ]),
    ),
    mutualInformation: mean(information),
    byBlock: blocks.map((block) => mean(information.filter((_, router) => routers[router]!.block === block))),
    similarity: expertSimilarity(network.adapter.weights),
  };
}

/**
 * I = sum_d sum_e p(d) p(e|d) log2(p(e|d) / p(e)), bits, with p(d) = 1 / D; rows of shares are scaled to sum to 1.
 * shares [D][E] -> in [0, log2 min(D, E)]. Source: Shannon 1948.
 */
export function mutualInformation(shares: readonly (readonly number[])[]): number {
  const rows = shares.map((row) => {
    const total = row.reduce((sum, share) => sum + share, 0);
    return row.map((share) => (total === 0 ? 1 / row.length : share / total));
  });
  const overall = rows[0]!.map((_, expert) => mean(rows.map((row) => row[expert]!)));
  return mean(
    rows.map((row) =>
      row.reduce(
        (sum, share, expert) => sum + (share === 0 ? 0 : share * (ln(share / overall[expert]!) / Math.LN2)),
        0,
      ),
    ),
  );
}
