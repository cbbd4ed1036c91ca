import { LawbookError, mismatch } from "../../core/errors.js";
import { bitStream } from "../../core/random.js";
import type { ModelConfig } from "../../model/config.js";
import { type LoraConfig, scalingOf } from "../../model/lora.js";
import type { Weight } from "../../model/safetensors.js";
import { checkComposition, checkLayers } from "./check.js";
import { configOf, layerParts, type WeightedAdapter } from "./layers.js";
import { linear } from "./linear.js";
import { findComposeMethod } from "./list.js";
import type { ComposeMethod, SignRule } from "./method.js";
import { type LayerReport, reportOf } from "./report.js";
import { type Part, sidesOf } from "./part.js";

/** How adapters are composed. */
export interface ComposeOptions {
  /** A name of PEFT's `combination_type`, see `COMPOSE_METHODS`. */
  readonly method: string;
  /** Rank of a truncation, from 1 to the smaller side of each layer; the largest rank of the adapters where left out. */
  readonly rank?: number | undefined;
  /** Share of the entries that trimming and dropping keep, in (0, 1]. */
  readonly density?: number | undefined;
  /** How TIES elects signs, default `total`. */
  readonly sign?: SignRule | undefined;
  /** Draws the masks of DARE. */
  readonly seed: number;
  /**
   * `exact`, the default: the composition applies B A. `peft`: as `add_weighted_adapter` does, which takes over rsLoRA's
   * scaling of the first adapter, so that the update is sqrt(r) too large, and composes a single adapter by `linear`.
   */
  readonly convention?: "exact" | "peft" | undefined;
}

/** One adapter made of several, and what became of each layer. */
export interface ComposedAdapter {
  readonly lora: LoraConfig;
  readonly weights: Map<string, Weight>;
  readonly layers: readonly LayerReport[];
}

/**
 * Composes adapters of one model into one, layer by layer. A layer is composed of the adapters that change it. The
 * products are made in float64 and rounded once. Throws one error for all that the method cannot do.
 */
export function composeAdapters(
  model: ModelConfig,
  adapters: readonly WeightedAdapter[],
  options: ComposeOptions,
): ComposedAdapter {
  const { method, parts } = preparedParts(model, adapters, options);
  const peft = options.convention === "peft";
  const { rank, density = 1, sign = "total", seed } = options;
  const draws = (tensor: string, adapter: number): (() => number) => bitStream(seed, "dare", tensor, adapter);
  const composed = new Map(
    [...parts].map(([layer, own]) => [layer, method.compose(layer, own, { rank, density, sign, draws })]),
  );
  const config = configOf(model, new Map([...composed].map(([layer, factors]) => [layer, factors.rank])));
  const lora: LoraConfig = peft && adapters[0]!.lora.rsLora === true ? { ...config, rsLora: true } : config;
  const weights = new Map<string, Weight>();
  const layers = [...composed].map(([layer, factors]) => {
    const own = parts.get(layer)!;
    const { out, width } = sidesOf(own[0]!);
    const set = (name: string, shape: readonly number[], data: Float64Array): void => {
      weights.set(name, narrowed(name, shape, data));
    };
    set(`${layer}.lora_A.weight`, [factors.rank, width], factors.a);
    set(`${layer}.lora_B.weight`, [out, factors.rank], factors.b);
    return reportOf(layer, own, factors, scalingOf(lora, layer), method === linear);
  });
  return { lora, weights, layers };
}

/** Throws one error for all that a method cannot do with adapters, without composing them. */
export function checkAdapters(
  model: ModelConfig,
  adapters: readonly WeightedAdapter[],
  options: ComposeOptions,
): void {
  preparedParts(model, adapters, options);
}

function preparedParts(
  model: ModelConfig,
  adapters: readonly WeightedAdapter[],
  options: ComposeOptions,
): { readonly method: ComposeMethod; readonly parts: ReadonlyMap<string, readonly Part[]> } {
  const named = findComposeMethod(options.method);
  checkComposition(adapters, named, options);
  const method = options.convention === "peft" && adapters.length === 1 ? linear : named;
  const parts = layerParts(model, adapters);
  checkLayers(parts, adapters, method, options.rank);
  return { method, parts };
}

/** The float32 values of a tensor. Throws where one is too large for them. */
function narrowed(name: string, shape: readonly number[], data: Float64Array): Weight {
  const values = Float32Array.from(data);
  const wrong = values.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    throw new LawbookError(
      "request",
      mismatch(`${name} of the composition, at ${wrong}`, String(data[wrong]), "a number that float32 holds"),
      { hint: "Smaller weights keep it in range." },
    );
  }
  return { shape: [...shape], data: values };
}

/** Keys of a config that a composition decides anew. */
const DECIDED = ["alpha_pattern", "rank_pattern", "exclude_modules", "layers_to_transform", "layers_pattern"];

/** The keys of `adapter_config.json` that all adapters have alike, without those that a composition decides anew. */
export function sharedKeys(
  configs: readonly Readonly<Record<string, unknown>>[],
): Readonly<Record<string, unknown>> {
  const [first = {}, ...others] = configs;
  return Object.fromEntries(
    Object.entries(first).filter(
      ([key, value]) =>
        !DECIDED.includes(key) &&
        others.every((other) => JSON.stringify(other[key]) === JSON.stringify(value)),
    ),
  );
}
