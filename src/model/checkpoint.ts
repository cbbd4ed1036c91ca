import { join } from "node:path";

import { canonicalJson, contentId, sha256 } from "../core/canonical.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { copy, exists, readBytes, readJson, writeAtomic, writeFolderAtomic } from "../core/files.js";
import { stream } from "../core/random.js";
import { product } from "../core/math.js";
import { configJson, type ModelConfig, parametersOf, parseConfig } from "./config.js";
import { readTensors, type Weights, writeTensors } from "./safetensors.js";

/** Files of a model folder that travel with the weights. */
const COMPANIONS = [
  "tokenizer.json",
  "tokenizer_config.json",
  "chat_template.jinja",
  "special_tokens_map.json",
  "generation_config.json",
];

/** A model in the layout of Hugging Face. */
export interface Checkpoint {
  readonly config: ModelConfig;
  /** `config.json` as it was read or will be written, unknown keys included. */
  readonly configJson: Readonly<Record<string, unknown>>;
  readonly weights: Weights;
  /** Folder with the tokenizer files; undefined for a model without one. */
  readonly tokenizerFolder: string | undefined;
}

/** Reads `config.json` and `model.safetensors`; checks that every weight is there, in shape and finite. */
export function readCheckpoint(folder: string): Checkpoint {
  const json = readJson(join(folder, "config.json")) as Record<string, unknown>;
  const config = parseConfig(json, join(folder, "config.json"));
  const path = join(folder, "model.safetensors");
  const weights = readTensors(path);
  checkWeights(config, weights, path);
  return {
    config,
    configJson: json,
    weights,
    tokenizerFolder: exists(join(folder, "tokenizer.json")) ? folder : undefined,
  };
}

/** Writes a model folder that transformers loads unchanged. A kill in the middle leaves nothing under the final name. */
export async function writeCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  await writeFolderAtomic(folder, (temporary) => {
    writeAtomic(join(temporary, "config.json"), `${JSON.stringify(checkpoint.configJson, null, 2)}\n`);
    writeTensors(join(temporary, "model.safetensors"), checkpoint.weights, { format: "pt" });
    if (checkpoint.tokenizerFolder !== undefined) {
      for (const name of COMPANIONS) {
        const from = join(checkpoint.tokenizerFolder, name);
        if (exists(from)) copy(from, join(temporary, name));
      }
    }
  });
}

/**
 * Random weights: normal with deviation 0.02, the projections into the residual stream with 0.02 / sqrt(2 layers),
 * norms 1; one stream per tensor, so the order of drawing does not matter. Source: Radford et al. 2019, section 2.3.
 */
export function newCheckpoint(config: ModelConfig, seed: number, tokenizerFolder: string): Checkpoint {
  const residual = 0.02 / Math.sqrt(2 * config.layers);
  const weights = parametersOf(config).map(({ name, shape }) => {
    const data = new Float32Array(product(shape)).fill(1);
    if (shape.length > 1) {
      const deviation = /o_proj|down_proj/.test(name) ? residual : 0.02;
      const draw = stream(seed, "initialize", name);
      for (let i = 0; i < data.length; i++) data[i] = draw.normal(0, deviation);
    }
    return [name, { shape, data }] as const;
  });
  return { config, configJson: configJson(config), weights: new Map(weights), tokenizerFolder };
}

/** sha256 over weights by name, shape and content, 64 hex digits; sharding and file order do not matter. */
export function weightsDigest(weights: Weights): string {
  const tensors = [...weights].map(([name, { shape, data }]) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return [name, `float32[${shape}]${sha256(bytes)}`];
  });
  return contentId(Object.fromEntries(tensors));
}

/** sha256 over config, tokenizer and weights by content. */
export function checkpointDigest({ configJson: config, tokenizerFolder, weights }: Checkpoint): string {
  const tokenizer =
    tokenizerFolder === undefined ? null : sha256(readBytes(join(tokenizerFolder, "tokenizer.json")));
  return contentId({ config: sha256(canonicalJson(config)), tokenizer, weights: weightsDigest(weights) });
}

function checkWeights(config: ModelConfig, weights: Weights, path: string): void {
  for (const { name, shape } of parametersOf(config)) {
    const weight = weights.get(name);
    if (weight === undefined) throw new LawbookError("bad-file", `${path} has no tensor ${name}.`);
    if (`${weight.shape}` !== `${shape}`) {
      throw new LawbookError("bad-file", mismatch(`Shape of ${name} in ${path}`, weight.shape, `[${shape}]`));
    }
    const index = weight.data.findIndex((value) => !Number.isFinite(value));
    if (index >= 0) {
      throw new LawbookError(
        "bad-file",
        mismatch(
          `${name} in ${path} has a value that is not finite, at ${index}`,
          String(weight.data[index]),
          "finite numbers",
        ),
      );
    }
  }
}
