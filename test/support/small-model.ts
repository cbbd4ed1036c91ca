import type { Feeds } from "../../src/compute/device.js";
import { cpu } from "../../src/compute/devices/cpu.js";
import { differentiate } from "../../src/compute/differentiate.js";
import { Graph, type Tensor } from "../../src/compute/graph.js";
import { multiply } from "../../src/compute/ops/elementwise.js";
import { reduceSum } from "../../src/compute/ops/reduce.js";
import { attentionBias, packRows } from "../../src/data/batches.js";
import { product } from "../../src/core/math.js";
import { stream } from "../../src/core/random.js";
import { newCheckpoint } from "../../src/model/checkpoint.js";
import type { ModelConfig, Parameter } from "../../src/model/config.js";
import {
  decoder,
  decoderInput,
  type DecoderWeights,
  frozenInput,
  frozenValues,
} from "../../src/model/decoder.js";
import type { Weight, Weights } from "../../src/model/safetensors.js";

/** A model that runs in milliseconds. */
export const SMALL: ModelConfig = {
  vocabulary: 50,
  width: 16,
  layers: 2,
  heads: 4,
  keyValueHeads: 2,
  headWidth: 4,
  feedForward: 24,
  epsilon: 1e-5,
  theta: 10000,
  tied: false,
  maxPositions: 32,
};

/** Its weights, larger than at a real start, so that every part matters. */
export function smallWeights(config: ModelConfig = SMALL): Weights {
  const { weights } = newCheckpoint(config, 3, "");
  for (const [name, { data }] of weights)
    if (!name.includes("norm")) data.forEach((value, index) => (data[index] = value * 8));
  return weights;
}

/** Adapter weights with noise on them, so that B is not zero. */
export function noisy(weights: Weights, deviation: number = 0.1): Map<string, Weight> {
  return new Map(
    [...weights].map(([name, { shape, data }]) => {
      const draw = stream(9, "noise", name);
      return [name, { shape, data: data.map((value) => value + draw.normal(0, deviation)) }];
    }),
  );
}

const LINES = 2;
const TOKENS = 7;
/** Tokens that `hiddenStates` runs over. */
export const ROWS: number = LINES * TOKENS;

function tokenFeeds(): Feeds {
  const draw = stream(5, "tokens");
  const rows = Array.from({ length: LINES }, () => ({
    ids: Array.from({ length: TOKENS }, () => draw.integer(SMALL.vocabulary)),
    from: 1,
  }));
  const batch = packRows(rows, TOKENS);
  return { ids: batch.ids, positions: batch.positions, bias: attentionBias(batch) };
}

/** What a test builds on the small model. */
export interface SmallGraph {
  readonly graph: Graph;
  readonly feeds: Feeds;
  readonly base: ReadonlyMap<string, Tensor>;
  /** Inputs of the graph for an adapter's weights. */
  readonly adapter: ReadonlyMap<string, Tensor>;
  /** Final hidden states, [N, C]. */
  hidden(weights: DecoderWeights): Tensor;
}

/** A graph with the inputs of the small model and of an adapter, and what to feed. */
export function smallGraph(
  parameters: readonly Parameter[],
  values: Weights,
  config: ModelConfig = SMALL,
): SmallGraph {
  const graph = new Graph();
  const adapter = new Map(parameters.map(({ name, shape }) => [name, graph.input(name, "float32", shape)]));
  const base = frozenInput(graph, config);
  const input = decoderInput(graph, LINES, TOKENS);
  const feeds = {
    ...tokenFeeds(),
    ...frozenValues(config, smallWeights(config)),
    ...Object.fromEntries(parameters.map(({ name }) => [name, values.get(name)!.data])),
  };
  return { graph, feeds, base, adapter, hidden: (weights) => decoder(config, weights, input) };
}

/** Runs a graph for some of its tensors on the device cpu. */
export async function valuesOf(
  graph: Graph,
  feeds: Feeds,
  wanted: readonly Tensor[],
): Promise<Float32Array[]> {
  const first = graph.outputs.size;
  wanted.forEach((tensor, index) => graph.output(`wanted.${first + index}`, tensor));
  const program = await cpu.compile(graph);
  try {
    const results = await program.run(feeds);
    return wanted.map((_, index) => Float32Array.from(results[`wanted.${first + index}`]!));
  } finally {
    await program.dispose();
  }
}

/** A loss that weighs every element differently: sum of x times fixed random numbers. -> []. */
export function weighted(x: Tensor): Tensor {
  const draw = stream(11, "weights");
  const values = Float32Array.from({ length: product(x.shape) }, () => draw.normal());
  return reduceSum(multiply(x, x.graph.constant(x.shape, values)), [...x.shape.keys()]);
}

/** Gradients of a loss for named inputs, by the rules of the operations. */
export async function gradientsOf(
  graph: Graph,
  feeds: Feeds,
  loss: Tensor,
  names: readonly string[],
): Promise<Float32Array[]> {
  return valuesOf(
    graph,
    feeds,
    differentiate(
      loss,
      names.map((name) => graph.inputs.get(name)!),
    ),
  );
}
