import { join } from "node:path";

import { readJson } from "../core/files.js";
import { readAdapter, saveAdapter } from "./adapter.js";
import { type AdapterConfig, isMixture } from "./adapted.js";
import type { BalanceWeights } from "./balance.js";
import type { ModelConfig } from "./config.js";
import { readMoeAdapter, saveMoeAdapter } from "./moe-adapter.js";
import type { Weights } from "./safetensors.js";

/** An adapter of any kind. */
export interface AnyAdapter {
  readonly config: AdapterConfig;
  readonly weights: Weights;
}

/** Writes an adapter folder: in the layout of PEFT, or a mixture with the names that its authors publish. */
export async function writeAdapterFolder(
  folder: string,
  { config, weights }: AnyAdapter,
  baseModel: string,
  balance: BalanceWeights = {},
): Promise<void> {
  if (isMixture(config))
    await saveMoeAdapter(folder, { moe: config, balance, weights, configJson: {}, baseModel });
  else await saveAdapter(folder, { lora: config, weights, configJson: {}, baseModel });
}

/** Reads an adapter folder of either layout, by its `peft_type`. */
export function readAdapterFolder(folder: string, model: ModelConfig): AnyAdapter {
  const { peft_type: type } = readJson(join(folder, "adapter_config.json")) as { peft_type?: unknown };
  if (type !== undefined && type !== "LORA") {
    const { moe, weights } = readMoeAdapter(folder, model);
    return { config: moe, weights };
  }
  const { lora, weights } = readAdapter(folder, model);
  return { config: lora, weights };
}
