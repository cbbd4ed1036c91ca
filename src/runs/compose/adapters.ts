import { join, resolve } from "node:path";

import { canonicalJson, contentId, sha256 } from "../../core/canonical.js";
import { LawbookError, mismatch, type Problem } from "../../core/errors.js";
import { exists, readJson } from "../../core/files.js";
import type { LineOf } from "../../core/problems.js";
import type { WeightedAdapter } from "../../merge/compose/layers.js";
import { type Adapter, readAdapter } from "../../model/adapter.js";
import { weightsDigest } from "../../model/checkpoint.js";
import type { ModelConfig } from "../../model/config.js";
import { findAdapter } from "../resolve.js";
import type { Store } from "../store.js";
import type { ComposeRequest } from "./request.js";
import { composeProblems } from "./schema.js";

/** An adapter that was found and read. */
export interface FoundAdapter extends WeightedAdapter, Pick<Adapter, "configJson"> {
  /** sha256 over its config and weights. */
  readonly sha256: string;
  /** Id of the run that trained it, where one did. */
  readonly run: string | undefined;
}

/** The model that adapters are read for. */
export interface AdapterBase {
  readonly config: ModelConfig;
  readonly sha256: string;
}

/** Where adapters are looked up. */
export interface AdapterPlace {
  readonly store: Store;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  readonly lineOf: LineOf;
}

/**
 * Reads all adapters of a request, those of runs by their whole ids, each with its weight; `weight` stands for the ones
 * that are left out. All that cannot be read are one error.
 */
export function readAdapters(
  request: ComposeRequest,
  base: AdapterBase,
  place: AdapterPlace,
  weight: number,
): FoundAdapter[] {
  const problems: Problem[] = [];
  const found = request.adapters.flatMap((own, index): FoundAdapter[] => {
    try {
      const { folder, run } = locate(own.adapter, base, place);
      const { lora, weights, configJson } = readAdapter(folder, base.config);
      const name = run === undefined ? own.adapter : `run:${run}`;
      const digest = contentId({
        config: sha256(canonicalJson(configJson)),
        weights: weightsDigest(weights),
      });
      return [{ name, lora, weights, configJson, weight: own.weight ?? weight, sha256: digest, run }];
    } catch (error) {
      if (!(error instanceof LawbookError) || error.code === "internal") throw error;
      problems.push({ path: `adapters.${index}.adapter`, message: error.message });
      return [];
    }
  });
  if (problems.length > 0) throw composeProblems(problems, place.lineOf);
  return found;
}

function locate(
  name: string,
  base: AdapterBase,
  { store, cwd }: AdapterPlace,
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
