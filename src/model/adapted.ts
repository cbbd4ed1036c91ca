import type { Graph, Tensor } from "../compute/graph.js";
import { LawbookError, mismatch } from "../core/errors.js";
import type { Route } from "./balance.js";
import type { ModelConfig, Parameter } from "./config.js";
import { type DecoderWeights, unpack } from "./decoder.js";
import { unpackExperts } from "./expert-stack.js";
import { type LoraConfig, loraParameters, loraWeights, newLora } from "./lora.js";
import { type MoeConfig, type MoeOptions, moeParameters, moeWeights, newMoe } from "./lora-moe.js";
import type { Weight, Weights } from "./safetensors.js";

/** What is trained on a frozen decoder: one low-rank adapter, or a mixture of them. */
export type AdapterConfig = LoraConfig | MoeConfig;

/** Is it a mixture? Its update depends on the token, so it cannot be folded into the weights. */
export function isMixture(adapter: AdapterConfig): adapter is MoeConfig {
  return "experts" in adapter;
}

/** The weights of an adapter, in a fixed order. Throws for one that does not fit the model. */
export function adapterParameters(model: ModelConfig, adapter: AdapterConfig): Parameter[] {
  return isMixture(adapter) ? moeParameters(model, adapter) : loraParameters(model, adapter);
}

/** Starts an adapter; it changes nothing yet. `base`: weights that it is put on. */
export function newAdapter(
  model: ModelConfig,
  adapter: AdapterConfig,
  seed: number,
  base: Weights,
): Map<string, Weight> {
  return isMixture(adapter) ? newMoe(model, adapter, seed) : newLora(model, adapter, seed, base);
}

/** Weights of a decoder and what its routers did; `routes` is complete once the decoder is built, empty without routers. */
export interface AdaptedWeights extends DecoderWeights {
  readonly routes: readonly Route[];
}

/** Puts an adapter on a decoder. */
export function adaptedWeights(
  base: ReadonlyMap<string, Tensor>,
  weights: ReadonlyMap<string, Tensor>,
  adapter: AdapterConfig,
  options: MoeOptions = {},
): AdaptedWeights {
  if (isMixture(adapter)) return moeWeights(base, weights, adapter, options);
  return { ...loraWeights(base, weights, adapter, options.dropout), routes: [] };
}

/** Cuts one flat vector into the weights of an adapter, or of a model where there is none, as `adaptedWeights` reads them. */
export function unpackAdapted(
  flat: Tensor,
  parameters: readonly Parameter[],
  adapter: AdapterConfig | undefined,
): Map<string, Tensor> {
  if (adapter === undefined || !isMixture(adapter)) return unpack(flat, parameters);
  return unpackExperts(flat, parameters, adapter.experts);
}

/** Which expert the tokens of a label go to, where labels route; undefined for every other adapter. */
export function labelExperts(
  adapter: AdapterConfig | undefined,
): Readonly<Record<string, number>> | undefined {
  if (adapter === undefined || !isMixture(adapter) || adapter.routing.kind !== "labels") return undefined;
  return adapter.routing.experts;
}

/** Declares the gates of N tokens where labels route. -> [N, E]. */
export function gatesInput(
  graph: Graph,
  adapter: AdapterConfig | undefined,
  tokens: number,
): Tensor | undefined {
  if (adapter === undefined || labelExperts(adapter) === undefined) return undefined;
  return graph.input("gates", "float32", [tokens, (adapter as MoeConfig).experts]);
}

/**
 * Values of `gatesInput`: 1 for the expert of a token's label, equal shares where it has none that is known.
 * `labels`: of each token, undefined for padding and for rows without a label.
 */
export function gateValues(adapter: MoeConfig, labels: readonly (string | undefined)[]): Float32Array {
  const known = labelExperts(adapter)!;
  const gates = new Float32Array(labels.length * adapter.experts);
  labels.forEach((label, token) => {
    const expert = label === undefined ? undefined : known[label];
    const row = gates.subarray(token * adapter.experts, (token + 1) * adapter.experts);
    if (expert === undefined) row.fill(1 / adapter.experts);
    else row[expert] = 1;
  });
  return gates;
}

/**
 * Starts an adapter from one that was trained before, for staged training: a weight takes the value of the same name, an
 * expert's A or B else that of the layer's single A or B; what has neither keeps its fresh start. Throws where shapes
 * differ and where nothing fits.
 */
export function continueAdapter(fresh: ReadonlyMap<string, Weight>, earlier: Weights): Map<string, Weight> {
  let taken = 0;
  const weights = new Map(
    [...fresh].map(([name, weight]): [string, Weight] => {
      const single = name.replace(/\.(?:experts\.\d+\.)?lora_([AB])\d*\.weight$/, ".lora_$1.weight");
      const from = earlier.get(name) ?? earlier.get(single);
      if (from === undefined) return [name, weight];
      if (`${from.shape}` !== `${weight.shape}`) {
        throw new LawbookError(
          "request",
          mismatch(`Shape of ${name} in the adapter to start from`, from.shape, `[${weight.shape}]`),
        );
      }
      taken++;
      return [name, { shape: weight.shape, data: from.data.slice() }];
    }),
  );
  if (taken === 0) {
    throw new LawbookError("request", "The adapter to start from shares no layer with the one to train.");
  }
  return weights;
}
