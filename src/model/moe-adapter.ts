import { join } from "node:path";

import { LawbookError, mismatch } from "../core/errors.js";
import { readJson } from "../core/files.js";
import {
  checkAdapterWeights,
  parseAdapterConfig,
  PREFIX,
  readAdapterTensors,
  writeAdapterFiles,
} from "./adapter.js";
import type { BalanceWeights } from "./balance.js";
import type { ModelConfig } from "./config.js";
import { adapterConfig } from "./lora.js";
import { type MoeConfig, moeParameters } from "./lora-moe.js";
import type { Routing } from "./routing.js";
import type { Weights } from "./safetensors.js";

/** A mixture of low-rank experts as a folder holds it. */
export interface MoeAdapter {
  readonly moe: MoeConfig;
  /** The losses that it was trained with; kept in its config. */
  readonly balance: BalanceWeights;
  readonly weights: Weights;
  /** `adapter_config.json` as it was read, unknown keys included; empty for a new mixture. */
  readonly configJson: Readonly<Record<string, unknown>>;
  readonly baseModel: string;
}

/** `peft_type` by kind. The authors of the first two write "LORA", which PEFT would take for a plain adapter. */
const TYPES = {
  "lora-moe": "LORAMOE",
  "shared-a": "HYDRALORA",
  "shared-b": "HYDRALORA_SHARED_B",
  mixlora: "MIXLORA",
} as const satisfies Record<MoeConfig["kind"], string>;

/** `routing_strategy` by routing, as MixLoRA names them; the other kinds use the same key. */
const STRATEGIES = {
  dense: "loramoe",
  "top-k": "mixlora",
  "top-p": "mixlora-dynamic",
  switch: "mixlora-switch",
  labels: "labels",
  constant: "constant",
} as const satisfies Record<Routing["kind"], string>;

/** MixLoRA's names on disk and in a model. */
const MIXLORA_PREFIX = "mixlora.layers.";
const LAYERS = "model.layers.";

function places({ kind }: MoeConfig): readonly [prefix: string, within: string] {
  return kind === "mixlora" ? [MIXLORA_PREFIX, LAYERS] : [PREFIX, ""];
}

/**
 * Writes a mixture as safetensors with the published tensor names: `lora_A0`, `lora_B0`, ..., `lora_route` (LoRAMoE),
 * `lora_A`, `lora_B0`, ..., `lora_route` (HydraLoRA), `mixlora.layers.0.mlp.moe_gate`, `...experts.0.lora_A` (MixLoRA).
 */
export async function saveMoeAdapter(folder: string, adapter: MoeAdapter): Promise<void> {
  const { moe, balance } = adapter;
  const { routing } = moe;
  const optional = (key: string, value: unknown): Record<string, unknown> =>
    value === undefined ? {} : { [key]: value };
  const config = {
    ...adapter.configJson,
    ...adapterConfig(moe, adapter.baseModel),
    peft_type: TYPES[moe.kind],
    [moe.kind === "mixlora" ? "num_experts" : "lora_nums"]: moe.experts,
    routing_strategy: STRATEGIES[routing.kind],
    ...(routing.kind === "top-k" ? { top_k: routing.k } : {}),
    ...(routing.kind === "top-p" ? { top_p: routing.p } : {}),
    ...(routing.kind === "switch" ? optional("expert_capacity", routing.capacity) : {}),
    ...(routing.kind === "labels" ? { expert_labels: routing.experts } : {}),
    ...optional("router_aux_loss_coef", balance.auxiliary),
    ...optional("router_z_loss_coef", balance.routerZ),
    ...optional("squared_variation_coef", balance.squaredVariation),
    ...optional("blc_weight", balance.localised?.weight),
    ...optional("blc_alpha", balance.localised?.delta),
  };
  await writeAdapterFiles(folder, config, adapter.weights, ...places(moe));
}

/** Reads a mixture that `saveMoeAdapter` wrote, or one with the same keys in safetensors. */
export function readMoeAdapter(folder: string, model: ModelConfig): MoeAdapter {
  const path = join(folder, "adapter_config.json");
  const json = readJson(path) as Record<string, unknown>;
  const kind = (Object.keys(TYPES) as MoeConfig["kind"][]).find((key) => TYPES[key] === json["peft_type"]);
  if (kind === undefined) {
    const expected = `one of ${Object.values(TYPES).join(", ")}`;
    throw new LawbookError("bad-file", mismatch(`peft_type in ${path}`, json["peft_type"] ?? null, expected));
  }
  const number = (key: string): number | undefined => {
    const got = json[key];
    if (got === undefined || got === null) return undefined;
    if (typeof got === "number" && Number.isFinite(got)) return got;
    throw new LawbookError("bad-file", mismatch(`${key} in ${path}`, got, "a number"));
  };
  const { dora, modulesToSave, ...lora } = parseAdapterConfig({ ...json, peft_type: "LORA" }, path);
  if (dora !== undefined || modulesToSave !== undefined) {
    const key = dora === undefined ? "modules_to_save" : "use_dora";
    throw new LawbookError("bad-file", mismatch(`${key} in ${path}`, json[key], "none with a mixture"));
  }
  const moe: MoeConfig = {
    ...lora,
    kind,
    experts: number(kind === "mixlora" ? "num_experts" : "lora_nums") ?? 0,
    routing: routingOf(
      json["routing_strategy"] ?? (kind === "mixlora" ? "mixlora" : "dense"),
      number,
      json,
      path,
    ),
  };
  const weightsPath = join(folder, "adapter_model.safetensors");
  const weights = readAdapterTensors(weightsPath, ...places(moe));
  checkAdapterWeights(moeParameters(model, moe), weights, weightsPath);
  const weight = number("blc_weight");
  return {
    moe,
    balance: {
      auxiliary: number("router_aux_loss_coef"),
      squaredVariation: number("squared_variation_coef"),
      routerZ: number("router_z_loss_coef"),
      localised: weight === undefined ? undefined : { weight, delta: number("blc_alpha") ?? 0 },
    },
    weights,
    configJson: json,
    baseModel: String(json["base_model_name_or_path"] ?? ""),
  };
}

function routingOf(
  strategy: unknown,
  number: (key: string) => number | undefined,
  json: Readonly<Record<string, unknown>>,
  path: string,
): Routing {
  switch (strategy) {
    case STRATEGIES["dense"]:
      return { kind: "dense" };
    case STRATEGIES["labels"]:
      return { kind: "labels", experts: labelExpertsOf(json["expert_labels"], path) };
    case STRATEGIES["constant"]:
      return { kind: "constant" };
    case STRATEGIES["top-k"]:
      return { kind: "top-k", k: number("top_k") ?? 2 };
    case STRATEGIES["top-p"]:
      return { kind: "top-p", p: number("top_p") ?? 0.8 };
    case STRATEGIES["switch"]:
      return { kind: "switch", capacity: number("expert_capacity") };
    default: {
      const expected = `one of ${Object.values(STRATEGIES).join(", ")}`;
      throw new LawbookError("bad-file", mismatch(`routing_strategy in ${path}`, strategy, expected));
    }
  }
}

function labelExpertsOf(got: unknown, path: string): Record<string, number> {
  const entries = typeof got === "object" && got !== null ? Object.entries(got as object) : [];
  if (entries.length === 0 || entries.some(([, expert]) => !Number.isInteger(expert) || expert < 0)) {
    throw new LawbookError(
      "bad-file",
      mismatch(`expert_labels in ${path}`, got ?? null, "the number of an expert, from 0, by label"),
    );
  }
  return Object.fromEntries(entries) as Record<string, number>;
}
