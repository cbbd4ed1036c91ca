import { join } from "node:path";

import { LawbookError, mismatch, type Problem, quote } from "../core/errors.js";
import { readJson, writeAtomic, writeFolderAtomic } from "../core/files.js";
import type { ModelConfig, Parameter } from "./config.js";
import { adapterConfig, type LoraConfig, loraParameters } from "./lora.js";
import { readTensors, type Weights, writeTensors } from "./safetensors.js";
import type { Targets } from "./targets.js";

/** An adapter in the layout of PEFT. */
export interface Adapter {
  readonly lora: LoraConfig;
  /** Trained weights, without the prefix `base_model.model.` that they have on disk. */
  readonly weights: Weights;
  /** `adapter_config.json` as it was read, unknown keys included; empty for a new adapter. */
  readonly configJson: Readonly<Record<string, unknown>>;
  /** The name that the config gives for the base model. */
  readonly baseModel: string;
}

/** What PEFT puts before the names of a causal language model. */
export const PREFIX = "base_model.model.";

/**
 * Reads an adapter folder of PEFT: plain LoRA, rsLoRA and DoRA on linear layers, with patterns, chosen blocks and modules
 * that are trained whole. Throws one error for all options that would change the result and are not known here, and for
 * tensors that are missing, in another shape, not finite, or too many.
 */
export function readAdapter(folder: string, model: ModelConfig): Adapter {
  const path = join(folder, "adapter_config.json");
  const json = readJson(path) as Record<string, unknown>;
  const lora = parseAdapterConfig(json, path);
  const weightsPath = join(folder, "adapter_model.safetensors");
  const weights = readAdapterTensors(weightsPath, PREFIX, "");
  checkAdapterWeights(loraParameters(model, lora), weights, weightsPath);
  return { lora, weights, configJson: json, baseModel: String(json["base_model_name_or_path"] ?? "") };
}

/** Writes an adapter folder that PEFT loads. Keys of `configJson` that Lawbook does not set stay as they are. */
export async function saveAdapter(folder: string, adapter: Adapter): Promise<void> {
  const config = { ...adapter.configJson, ...adapterConfig(adapter.lora, adapter.baseModel) };
  await writeAdapterFiles(folder, config, adapter.weights, PREFIX, "");
}

/** Writes config and tensors of any adapter; names on disk have `prefix` in place of `within`. */
export async function writeAdapterFiles(
  folder: string,
  config: Readonly<Record<string, unknown>>,
  weights: Weights,
  prefix: string,
  within: string,
): Promise<void> {
  const sorted = Object.fromEntries(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)));
  const tensors = new Map([...weights].map(([name, weight]) => [prefix + name.slice(within.length), weight]));
  await writeFolderAtomic(folder, (temporary) => {
    writeAtomic(join(temporary, "adapter_config.json"), `${JSON.stringify(sorted, null, 2)}\n`);
    writeTensors(join(temporary, "adapter_model.safetensors"), tensors, { format: "pt" });
  });
}

/** Reads the tensors of any adapter; `within` takes the place of `prefix` in their names. */
export function readAdapterTensors(path: string, prefix: string, within: string): Weights {
  const tensors = [...readTensors(path)].map(([name, weight]) => {
    if (!name.startsWith(prefix)) {
      throw new LawbookError("bad-file", mismatch(`Name of a tensor in ${path}`, name, `${prefix}...`));
    }
    return [within + name.slice(prefix.length), weight] as const;
  });
  return new Map(tensors);
}

/** Checks that exactly the expected tensors are there, in shape and finite. */
export function checkAdapterWeights(expected: readonly Parameter[], weights: Weights, path: string): void {
  const known = new Set(expected.map(({ name }) => name));
  for (const { name, shape } of expected) {
    const weight = weights.get(name);
    if (weight === undefined) throw new LawbookError("bad-file", `${path} has no tensor ${name}.`);
    if (`${weight.shape}` !== `${shape}`) {
      throw new LawbookError("bad-file", mismatch(`Shape of ${name} in ${path}`, weight.shape, `[${shape}]`));
    }
    const index = weight.data.findIndex((value) => !Number.isFinite(value));
    if (index >= 0) {
      const got = String(weight.data[index]);
      throw new LawbookError(
        "bad-file",
        mismatch(`${name} in ${path} has a value that is not finite, at ${index}`, got, "finite numbers"),
      );
    }
  }
  const unknown = [...weights.keys()].find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new LawbookError("bad-file", `${path} has a tensor that its config does not call for: ${unknown}.`);
  }
}

/** Options of PEFT that change what an adapter computes, with the values that mean "off". */
const OFF: Readonly<Record<string, readonly unknown[]>> = {
  alora_invocation_tokens: [null],
  arrow_config: [null],
  bias: ["none"],
  ensure_weight_tying: [false],
  fan_in_fan_out: [false],
  kasa_config: [null],
  layer_replication: [null],
  layers_pattern: [null, "layers"],
  lora_bias: [false],
  monteclora_config: [null],
  target_parameters: [null],
  trainable_token_indices: [null],
  use_bdlora: [null, false],
  use_qalora: [false],
  velora_config: [null],
};

/** Starts that change the base model itself, so that the adapter fits another base than the one it names. */
const CHANGES_BASE = /^(pissa|olora|corda|loftq|lora_ga)/;

/** Reads the value of an `adapter_config.json`. All problems are in one error. */
export function parseAdapterConfig(json: Readonly<Record<string, unknown>>, path: string): LoraConfig {
  const problems: Problem[] = [];
  const problem = (key: string, got: unknown, expected: string): void => {
    problems.push({ path: key, message: mismatch("not supported", got ?? null, expected) });
  };
  const number = (key: string, fallback: number): number => {
    const got = json[key] ?? fallback;
    if (typeof got === "number" && Number.isFinite(got)) return got;
    problem(key, got, "a number");
    return fallback;
  };
  const flag = (key: string): true | undefined => {
    const got = json[key] ?? false;
    if (typeof got !== "boolean") problem(key, got, "true or false");
    return got === true ? true : undefined;
  };
  const strings = (got: unknown): got is string[] =>
    Array.isArray(got) && got.every((item) => typeof item === "string");
  const targets = (key: string): Targets | undefined => {
    const got = json[key] ?? undefined;
    if (got === undefined || typeof got === "string" || strings(got)) return got;
    problem(key, got, "a text or a list of texts");
    return undefined;
  };
  const pattern = (key: string): Record<string, number> | undefined => {
    const got = (json[key] ?? {}) as Record<string, number>;
    if (Object.values(got).some((value) => typeof value !== "number"))
      problem(key, got, "numbers by pattern");
    return Object.keys(got).length === 0 ? undefined : got;
  };
  if (json["peft_type"] !== "LORA") problem("peft_type", json["peft_type"], '"LORA"');
  for (const [key, off] of Object.entries(OFF)) {
    const got = json[key];
    if (got !== undefined && !off.includes(got)) problem(key, got, quote(off[0]));
  }
  const start = json["init_lora_weights"];
  if (typeof start === "string" && CHANGES_BASE.test(start)) {
    problem("init_lora_weights", start, "a start that leaves the base model as it is");
  }
  const layers = json["layers_to_transform"] ?? undefined;
  const blocks = typeof layers === "number" ? [layers] : (layers as number[] | undefined);
  const saved = json["modules_to_save"] ?? undefined;
  if (saved !== undefined && !strings(saved)) problem("modules_to_save", saved, "a list of module names");
  const chosen = targets("target_modules");
  if (chosen === undefined) problem("target_modules", json["target_modules"], "a text or a list of texts");
  const lora: LoraConfig = {
    rank: number("r", 8),
    alpha: number("lora_alpha", 8),
    targets: chosen ?? [],
    exclude: targets("exclude_modules"),
    layers: blocks?.length === 0 ? undefined : blocks,
    modulesToSave: strings(saved) ? saved : undefined,
    rankPattern: pattern("rank_pattern"),
    alphaPattern: pattern("alpha_pattern"),
    rsLora: flag("use_rslora"),
    dora: flag("use_dora"),
    dropout: number("lora_dropout", 0) === 0 ? undefined : number("lora_dropout", 0),
  };
  if (problems.length > 0) {
    const lines = problems.map(({ path: key, message }) => `  ${key}: ${message}`).join("\n");
    throw new LawbookError("bad-file", `${path} is not an adapter that Lawbook can run:\n${lines}`, {
      problems,
    });
  }
  return lora;
}
