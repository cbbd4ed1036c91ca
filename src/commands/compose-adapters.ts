import { join, resolve } from "node:path";

import { LawbookError, mismatch, type Problem } from "../core/errors.js";
import { exists, readJson } from "../core/files.js";
import type { WeightedAdapter } from "../merge/compose/layers.js";
import { type Adapter, readAdapter } from "../model/adapter.js";
import { weightsDigest } from "../model/checkpoint.js";
import type { ModelConfig } from "../model/config.js";
import { findAdapter } from "../runs/resolve.js";
import type { Store } from "../runs/store.js";
import { composeProblems, type ComposeRequest, type LineOf } from "./compose-request.js";

/** An adapter that was found and read. */
export interface FoundAdapter extends WeightedAdapter, Pick<Adapter, "configJson"> {
  /** sha256 of its weights. */
  readonly sha256: string;
  /** Id of the run that trained it, where one did. */
  readonly run: string | undefined;
}

/** The model that adapters are read for. */
export interface AdapterBase {
  readonly config: ModelConfig;
  readonly sha256: string;
}

/** Reads all adapters of a request, each with its weight; `weight` stands for the ones that are left out. */
export function readAdapters(
  request: ComposeRequest,
  base: AdapterBase,
  { store, cwd, lineOf }: { readonly store: Store; readonly cwd: string; readonly lineOf: LineOf },
  weight: number,
): FoundAdapter[] {
  const problems: Problem[] = [];
  const found = request.adapters.flatMap((own, index): FoundAdapter[] => {
    try {
      const { folder, run } = locate(own.adapter, base, store, cwd);
      const { lora, weights, configJson } = readAdapter(folder, base.config);
      const sha256 = weightsDigest(weights);
      return [{ name: own.adapter, lora, weights, configJson, weight: own.weight ?? weight, sha256, run }];
    } catch (error) {
      if (!(error instanceof LawbookError) || error.code === "internal") throw error;
      problems.push({ path: `adapters.${index}.adapter`, message: error.message });
      return [];
    }
  });
  if (problems.length > 0) throw composeProblems(problems, lineOf);
  return found;
}

function locate(
  name: string,
  base: AdapterBase,
  store: Store,
  cwd: string,
): { readonly folder: string; readonly run: string | undefined } {
  if (!name.startsWith("run:")) {
    const folder = resolve(cwd, name);
    if (!exists(join(folder, "adapter_config.json")))
      throw new LawbookError("missing", `There is no adapter in ${name}: no adapter_config.json.`);
    checkKind(name, folder);
    return { folder, run: undefined };
  }
  const { folder, model, run } = findAdapter(name, store);
  if (model !== base.sha256) {
    throw new LawbookError(
      "request",
      mismatch(`Model under ${name}`, model.slice(0, 12), `${base.sha256.slice(0, 12)}, the base`),
    );
  }
  checkKind(name, folder);
  return { folder, run };
}

function checkKind(name: string, folder: string): void {
  const { peft_type: type } = readJson(join(folder, "adapter_config.json")) as {
    readonly peft_type?: unknown;
  };
  if (type === undefined || type === "LORA") return;
  throw new LawbookError("request", mismatch(`${name} cannot be composed`, type, "a plain adapter, LORA"));
}
