import { join } from "node:path";

import type { Tensor } from "../compute/graph.js";
import { adaptedLinear } from "../compute/ops/adapted-linear.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { writeAtomic, writeFolderAtomic } from "../core/files.js";
import { product } from "../core/math.js";
import { stream } from "../core/random.js";
import { LINEAR_LAYERS, type ModelConfig, type Parameter, parametersOf } from "./config.js";
import { type DecoderWeights, plainWeights } from "./decoder.js";
import { type Weight, type Weights, writeTensors } from "./safetensors.js";

/** A low-rank adapter: W' = W + s B A with s = alpha / r. Hu et al. 2021. */
export interface LoraConfig {
  /** r, at least 1 and at most the smaller side of each adapted matrix. */
  readonly rank: number;
  readonly alpha: number;
  /** Last parts of layer names, for example `q_proj`. */
  readonly targets: readonly string[];
}

/** The target names of `all-linear`. */
export const ALL_LINEAR: readonly string[] = LINEAR_LAYERS.map((name) => name.split(".")[1]!);

/** Layers that an adapter changes. Throws for a target that no layer has and for a rank above a layer's smaller side. */
export function adaptedLayers(model: ModelConfig, lora: LoraConfig): Parameter[] {
  for (const target of lora.targets) {
    if (!ALL_LINEAR.includes(target)) {
      throw new LawbookError(
        "request",
        mismatch("Unknown target module", target, `one of ${ALL_LINEAR.join(", ")}`),
      );
    }
  }
  const layers = parametersOf(model).filter(({ name }) => lora.targets.includes(name.split(".").at(-2)!));
  for (const { name, shape } of layers) {
    if (lora.rank > Math.min(...shape)) {
      throw new LawbookError(
        "request",
        mismatch(`Rank of ${name}`, lora.rank, `at most ${Math.min(...shape)}, its smaller side`),
      );
    }
  }
  return layers;
}

/** The trainable weights of an adapter, named as PEFT names them. */
export function loraParameters(model: ModelConfig, lora: LoraConfig): Parameter[] {
  return adaptedLayers(model, lora).flatMap(({ name, shape: [out, width] }) => {
    const layer = name.replace(/\.weight$/, "");
    return [
      { name: `${layer}.lora_A.weight`, shape: [lora.rank, width!] },
      { name: `${layer}.lora_B.weight`, shape: [out!, lora.rank] },
    ];
  });
}

/** Starts an adapter: A uniform in [-1/sqrt(in), 1/sqrt(in)] (Kaiming with a = sqrt 5, as PEFT), B zero. */
export function newLora(model: ModelConfig, lora: LoraConfig, seed: number): Map<string, Weight> {
  return new Map(
    loraParameters(model, lora).map(({ name, shape }) => {
      const data = new Float32Array(product(shape));
      if (name.includes("lora_A")) {
        const bound = 1 / Math.sqrt(shape[1]!);
        const draw = stream(seed, "initialize", name);
        for (let i = 0; i < data.length; i++) data[i] = (2 * draw.uniform() - 1) * bound;
      }
      return [name, { shape, data }];
    }),
  );
}

/** Decoder weights with an adapter on its layers. */
export function loraWeights(
  base: ReadonlyMap<string, Tensor>,
  adapter: ReadonlyMap<string, Tensor>,
  lora: LoraConfig,
): DecoderWeights {
  const plain = plainWeights(base);
  return {
    get: plain.get,
    linear: (name, x) => {
      const a = adapter.get(`${name}.lora_A.weight`);
      const b = adapter.get(`${name}.lora_B.weight`);
      if (a === undefined || b === undefined) return plain.linear(name, x);
      return adaptedLinear(x, base.get(`${name}.weight`)!, a, b, lora.alpha / lora.rank);
    },
  };
}

/** Folds an adapter into the weights: W + (alpha / r) B A in float64, rounded once. */
export function mergeLora(weights: Weights, adapter: Weights, lora: LoraConfig): Map<string, Weight> {
  const merged = new Map(weights);
  for (const [name, a] of adapter) {
    if (!name.includes("lora_A")) continue;
    const layer = name.replace(".lora_A.weight", "");
    const b = adapter.get(`${layer}.lora_B.weight`)!;
    const { shape, data } = weights.get(`${layer}.weight`)!;
    const [out, width] = shape as [number, number];
    const result = new Float32Array(data.length);
    for (let i = 0; i < out; i++) {
      for (let j = 0; j < width; j++) {
        let update = 0;
        for (let k = 0; k < lora.rank; k++) update += b.data[i * lora.rank + k]! * a.data[k * width + j]!;
        result[i * width + j] = data[i * width + j]! + (lora.alpha / lora.rank) * update;
      }
    }
    merged.set(`${layer}.weight`, { shape, data: result });
  }
  return merged;
}

/** Writes an adapter folder in the layout of PEFT. `baseModel` is the name that its config gives for the model. */
export async function writeAdapter(
  folder: string,
  lora: LoraConfig,
  adapter: Weights,
  baseModel: string,
): Promise<void> {
  const config = {
    base_model_name_or_path: baseModel,
    bias: "none",
    fan_in_fan_out: false,
    inference_mode: true,
    lora_alpha: lora.alpha,
    lora_dropout: 0,
    modules_to_save: null,
    peft_type: "LORA",
    r: lora.rank,
    target_modules: [...lora.targets],
    task_type: "CAUSAL_LM",
    use_dora: false,
    use_rslora: false,
  };
  const tensors = new Map([...adapter].map(([name, weight]) => [`base_model.model.${name}`, weight]));
  await writeFolderAtomic(folder, (temporary) => {
    writeAtomic(join(temporary, "adapter_config.json"), `${JSON.stringify(config, null, 2)}\n`);
    writeTensors(join(temporary, "adapter_model.safetensors"), tensors, { format: "pt" });
  });
}
