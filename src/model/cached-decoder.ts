import { Graph, type Tensor } from "../compute/graph.js";
import { gatherRows } from "../compute/ops/gather.js";
import { linear } from "../compute/ops/matmul.js";
import { logSumExp } from "../compute/ops/router.js";
import { concat, split } from "../compute/ops/shape.js";
import { headName, type ModelConfig } from "./config.js";
import { decoder, decoderInput, type DecoderInput, type Memory } from "./decoder.js";
import { type Network, networkInput } from "./network.js";

/** Sizes of the two programs of generation. */
export interface CacheShape {
  /** Prompts that are written at once, B. */
  readonly lines: number;
  /** Longest prompt, T; shorter ones stand at the right end of their line. */
  readonly tokens: number;
  /** Tokens of prompt and output that a line remembers, S >= T; the newest stands at the right end. */
  readonly capacity: number;
}

/** Added to an attention score that a token must not use. */
export const BLOCKED: number = -1e9;

/** The names of the cached tensors, [B, K, S, D] each. */
export function cacheNames({ layers }: ModelConfig): string[] {
  return Array.from({ length: layers }, (_, layer) => [`keys.${layer}`, `values.${layer}`]).flat();
}

/**
 * Reads prompts: from ids [B*T], positions [B, T] and bias [B, 1, T, T] the logits after the last token of each line and
 * the keys and values of all, [B, K, T, D] each.
 */
export function promptGraph(network: Network, { lines, tokens }: Omit<CacheShape, "capacity">): Graph {
  const graph = new Graph();
  const last = Int32Array.from({ length: lines }, (_, line) => (line + 1) * tokens - 1);
  writeLogits(
    graph,
    network,
    decoderInput(graph, lines, tokens),
    (layer, own) => {
      graph.output(`keys.${layer}`, own.keys);
      graph.output(`values.${layer}`, own.values);
      return own;
    },
    (hidden) => gatherRows(hidden, graph.constant([lines], last)),
  );
  return graph;
}

/**
 * Reads one more token per line: from ids [B], positions [B, 1] and bias [B, 1, 1, S] the logits after it. Keys and
 * values are carried from run to run; each run drops the oldest and appends its own.
 */
export function tokenGraph(network: Network, { lines, capacity }: Omit<CacheShape, "tokens">): Graph {
  const graph = new Graph();
  const input = {
    ids: graph.input("ids", "int32", [lines]),
    positions: graph.input("positions", "int32", [lines, 1]),
    bias: graph.input("bias", "float32", [lines, 1, 1, capacity]),
  };
  const append = (name: string, own: Tensor): Tensor => {
    const past = graph.input(name, "float32", own.shape.with(2, capacity));
    const kept = capacity === 1 ? [] : [split(past, [1, capacity - 1], 2)[1]!];
    const next = concat([...kept, own], 2);
    graph.carry(name, next);
    return next;
  };
  writeLogits(graph, network, input, (layer, own) => ({
    keys: append(`keys.${layer}`, own.keys),
    values: append(`values.${layer}`, own.values),
  }));
  return graph;
}

/** Outputs `logits` [B, V] and `total` [B], the ln of the sum of their exponentials. */
function writeLogits(
  graph: Graph,
  network: Network,
  input: DecoderInput,
  memory: Memory,
  lastOf: (hidden: Tensor) => Tensor = (hidden) => hidden,
): void {
  const { config } = network;
  const weights = networkInput(graph, network, input.ids.shape[0]!);
  const hidden = lastOf(decoder(config, weights, input, memory));
  const logits = linear(hidden, weights.get(headName(config)));
  graph.output("logits", logits);
  graph.output("total", logSumExp(logits));
}
