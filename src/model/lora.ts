import type { Tensor } from "../compute/graph.js";
import { adaptedLinear } from "../compute/ops/adapted-linear.js";
import { doraLinear } from "../compute/ops/dora-linear.js";
import { add, subtract } from "../compute/ops/elementwise.js";
import { linear, matmul } from "../compute/ops/matmul.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { product } from "../core/math.js";
import { stream } from "../core/random.js";
import type { ModelConfig, Parameter } from "./config.js";
import type { DecoderWeights } from "./decoder.js";
import { applyMagnitudes, magnitudeName, rowNorms } from "./dora.js";
import type { Dropout } from "./dropout.js";
import type { Weight, Weights } from "./safetensors.js";
import {
  ALL_LINEAR,
  layerName,
  patternValue,
  savedWeights,
  targetLayers,
  type TargetRules,
  type Targets,
} from "./targets.js";

/** A low-rank adapter: W' = W + s B A with s = alpha / r. Hu et al. 2021. */
export interface LoraConfig extends TargetRules {
  /** r, at least 1 and at most the smaller side of each adapted matrix. */
  readonly rank: number;
  readonly alpha: number;
  /** Ranks of single layers, by pattern; see `patternValue`. */
  readonly rankPattern?: Readonly<Record<string, number>> | undefined;
  /** Alphas of single layers, by pattern. */
  readonly alphaPattern?: Readonly<Record<string, number>> | undefined;
  /** s = alpha / sqrt(r) instead. Kalajdzievski 2023. */
  readonly rsLora?: boolean | undefined;
  /** Magnitude and direction apart, see `doraLinear`. Liu et al. 2024. */
  readonly dora?: boolean | undefined;
  /** Share of the adapter's inputs that training drops, in [0, 1). */
  readonly dropout?: number | undefined;
}

export { ALL_LINEAR };

/** Layers that an adapter changes. Throws for a target that no layer has and for a rank above a layer's smaller side. */
export function adaptedLayers(model: ModelConfig, lora: LoraConfig): Parameter[] {
  const layers = targetLayers(model, lora);
  for (const { name, shape } of layers) {
    const rank = rankOf(lora, layerName(name));
    if (!Number.isInteger(rank) || rank < 1) {
      throw new LawbookError("request", mismatch(`Rank of ${name}`, rank, "an integer of at least 1"));
    }
    if (rank > Math.min(...shape)) {
      throw new LawbookError(
        "request",
        mismatch(`Rank of ${name}`, rank, `at most ${Math.min(...shape)}, its smaller side`),
      );
    }
  }
  return layers;
}

/** The rank of a layer. */
export function rankOf(lora: LoraConfig, layer: string): number {
  return patternValue(lora.rankPattern, layer, lora.rank);
}

/** The scaling s of a layer: alpha / r, with rsLoRA alpha / sqrt(r). */
export function scalingOf(lora: LoraConfig, layer: string): number {
  const rank = rankOf(lora, layer);
  return patternValue(lora.alphaPattern, layer, lora.alpha) / (lora.rsLora === true ? Math.sqrt(rank) : rank);
}

/** The trainable weights of an adapter, named as PEFT names them; modules that are trained whole stand at the end. */
export function loraParameters(model: ModelConfig, lora: LoraConfig): Parameter[] {
  const adapted = adaptedLayers(model, lora).flatMap(({ name, shape: [out, width] }): Parameter[] => {
    const layer = layerName(name);
    const rank = rankOf(lora, layer);
    return [
      { name: `${layer}.lora_A.weight`, shape: [rank, width!] },
      { name: `${layer}.lora_B.weight`, shape: [out!, rank] },
      ...(lora.dora === true ? [{ name: magnitudeName(layer), shape: [out!] }] : []),
    ];
  });
  return [...adapted, ...savedWeights(model, lora.modulesToSave ?? [])];
}

/**
 * Starts an adapter: A uniform in [-1/sqrt(in), 1/sqrt(in)] (Kaiming with a = sqrt 5, as PEFT), B zero; magnitudes and
 * modules that are trained whole start from the weights of the `base`, which only they need.
 */
export function newLora(
  model: ModelConfig,
  lora: LoraConfig,
  seed: number,
  base?: Weights,
): Map<string, Weight> {
  const baseWeight = (name: string): Weight => {
    const weight = base?.get(name);
    if (weight === undefined)
      throw new LawbookError("internal", `The adapter starts from ${name} of its base.`);
    return weight;
  };
  return new Map(
    loraParameters(model, lora).map(({ name, shape }): [string, Weight] => {
      const magnitudes = name.endsWith(magnitudeName(""));
      if (magnitudes) {
        return [name, rowNorms(baseWeight(`${name.slice(0, -magnitudeName("").length)}.weight`))];
      }
      if (!/\.lora_[AB]\.weight$/.test(name)) return [name, { shape, data: baseWeight(name).data.slice() }];
      const data = new Float32Array(product(shape));
      if (name.includes("lora_A")) fillUniform(data, shape[1]!, seed, name);
      return [name, { shape, data }];
    }),
  );
}

/** Uniform in [-1/sqrt(width), 1/sqrt(width)]: Kaiming with a = sqrt 5. */
export function fillUniform(data: Float32Array, width: number, seed: number, name: string): void {
  const bound = 1 / Math.sqrt(width);
  const draw = stream(seed, "initialize", name);
  for (let i = 0; i < data.length; i++) data[i] = (2 * draw.uniform() - 1) * bound;
}

/** Decoder weights with an adapter on its layers. `dropout` is left out where nothing is trained. */
export function loraWeights(
  base: ReadonlyMap<string, Tensor>,
  adapter: ReadonlyMap<string, Tensor>,
  lora: LoraConfig,
  dropout?: Dropout,
): DecoderWeights {
  const get = (name: string): Tensor => adapter.get(name) ?? base.get(name)!;
  return {
    get,
    linear: (name, x) => {
      const a = adapter.get(`${name}.lora_A.weight`);
      const b = adapter.get(`${name}.lora_B.weight`);
      const weight = get(`${name}.weight`);
      if (a === undefined || b === undefined) return linear(x, weight);
      const scaling = scalingOf(lora, name);
      const magnitude = adapter.get(magnitudeName(name));
      const seen = dropout?.(name, x) ?? x;
      if (magnitude !== undefined) {
        const y = doraLinear(seen, weight, a, b, magnitude, scaling);
        return seen === x ? y : add(y, linear(subtract(x, seen), weight)); // what is dropped still passes W
      }
      if (seen === x) return adaptedLinear(x, weight, a, b, scaling);
      return add(linear(x, weight), matmul(linear(seen, a), b, false, true, scaling));
    },
  };
}

/**
 * Folds an adapter into the weights: W + s B A in float64, rounded once; with DoRA the rows are then scaled to their
 * magnitudes. Modules that were trained whole replace the base's.
 */
export function mergeLora(weights: Weights, adapter: Weights, lora: LoraConfig): Map<string, Weight> {
  const merged = new Map(weights);
  for (const [name, a] of adapter) {
    if (weights.has(name)) merged.set(name, a);
    if (!name.endsWith(".lora_A.weight")) continue;
    const layer = name.replace(".lora_A.weight", "");
    const b = adapter.get(`${layer}.lora_B.weight`)!;
    const { shape, data } = weights.get(`${layer}.weight`)!;
    const [out, width] = shape as [number, number];
    const [rank] = a.shape as [number];
    const scaling = scalingOf(lora, layer);
    const result = new Float64Array(data.length);
    for (let i = 0; i < out; i++) {
      for (let j = 0; j < width; j++) {
        let update = 0;
        for (let k = 0; k < rank; k++) update += b.data[i * rank + k]! * a.data[k * width + j]!;
        result[i * width + j] = data[i * width + j]! + scaling * update;
      }
    }
    applyMagnitudes(result, width, adapter, layer);
    merged.set(`${layer}.weight`, { shape, data: Float32Array.from(result) });
  }
  return merged;
}

/** The `adapter_config.json` of an adapter, in the keys of PEFT. `baseModel` is the name that it gives for the model. */
export function adapterConfig(lora: LoraConfig, baseModel: string): Record<string, unknown> {
  const given = (key: string, value: unknown): Record<string, unknown> =>
    value === undefined ? {} : { [key]: value };
  const list = (targets: Targets): Targets => (typeof targets === "string" ? targets : [...targets]);
  return {
    ...given("alpha_pattern", lora.alphaPattern),
    base_model_name_or_path: baseModel,
    bias: "none",
    ...given("exclude_modules", lora.exclude === undefined ? undefined : list(lora.exclude)),
    fan_in_fan_out: false,
    inference_mode: true,
    ...given("layers_to_transform", lora.layers),
    lora_alpha: lora.alpha,
    lora_dropout: lora.dropout ?? 0,
    modules_to_save: lora.modulesToSave === undefined ? null : [...lora.modulesToSave],
    peft_type: "LORA",
    r: lora.rank,
    ...given("rank_pattern", lora.rankPattern),
    target_modules: list(lora.targets),
    task_type: "CAUSAL_LM",
    use_dora: lora.dora ?? false,
    use_rslora: lora.rsLora ?? false,
  };
}
