import type { Graph } from "../compute/graph.js";
import { product } from "../core/math.js";
import {
  type AdaptedWeights,
  type AdapterConfig,
  adaptedWeights,
  adapterParameters,
  gatesInput,
  gateValues,
  isMixture,
  labelExperts,
  unpackAdapted,
} from "./adapted.js";
import type { ModelConfig } from "./config.js";
import { frozenInput, frozenValues, pack, plainWeights } from "./decoder.js";
import type { Weights } from "./safetensors.js";

/** A model that can be run: weights, and an adapter that is not folded into them, as a mixture cannot be. */
export interface Network {
  readonly config: ModelConfig;
  readonly weights: Weights;
  readonly adapter?: { readonly config: AdapterConfig; readonly weights: Weights } | undefined;
}

const ADAPTER = "adapter";

/** Declares the weights of a network as inputs of a graph that reads so many tokens. */
export function networkInput(graph: Graph, { config, adapter }: Network, tokens: number): AdaptedWeights {
  const base = frozenInput(graph, config);
  if (adapter === undefined) return { ...plainWeights(base), routes: [] };
  const parameters = adapterParameters(config, adapter.config);
  const size = parameters.reduce((total, { shape }) => total + product(shape), 0);
  const weights = unpackAdapted(graph.input(ADAPTER, "float32", [size]), parameters, adapter.config);
  return adaptedWeights(base, weights, adapter.config, { gates: gatesInput(graph, adapter.config, tokens) });
}

/** The values of `networkInput`. */
export function networkValues({ config, weights, adapter }: Network): Record<string, Float32Array> {
  const base = frozenValues(config, weights);
  if (adapter === undefined) return base;
  return { ...base, [ADAPTER]: pack(adapterParameters(config, adapter.config), adapter.weights) };
}

/** What a network reads of each token beside the decoder's inputs: gates where labels route, else nothing. */
export function networkFeeds(
  { adapter }: Network,
  labels: () => readonly (string | undefined)[],
): Record<string, Float32Array> {
  if (adapter === undefined || !isMixture(adapter.config)) return {};
  return labelExperts(adapter.config) === undefined ? {} : { gates: gateValues(adapter.config, labels()) };
}
