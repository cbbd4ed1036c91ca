import { DISCIPLINES, EVALUATION_SETS, MERGE_METHODS, REQUEST_KEYS } from "lawbook";

import type { BodyPlace } from "./body-place.js";

/** The YAML that one cell magic takes: keys of its mappings and names that values may have, by path. */
export interface BodyWords {
  readonly keys: Readonly<Record<string, readonly string[]>>;
  readonly values: Readonly<Record<string, readonly string[]>>;
}

/** Names that depend on the machine and the store. */
export interface BodyNames {
  readonly models: readonly string[];
  readonly devices: readonly string[];
}

/** Stands in a value list for the names of models, or of devices. */
const MODELS = "<model>";
const DEVICES = "<device>";

const YES_NO = ["true", "false"];
const DTYPES = ["float32", "float16", "bfloat16"];
const WORDINGS = [...DISCIPLINES, "else"];

const TRAIN: BodyWords = {
  keys: REQUEST_KEYS,
  values: {
    model: [MODELS],
    device: [DEVICES],
    objective: ["cpt", "sft", "dpo", "orpo"],
    "objective.kind": ["cpt", "sft", "dpo", "orpo"],
    "objective.on": ["completion", "full"],
    "objective.nll": ["full", "completion"],
    "objective.loss": ["sigmoid", "sigmoid_norm", "robust", "hinge", "ipo"],
    "objective.convention": ["paper", "trl"],
    "method.kind": ["full", "lora", "lora-moe", "shared-a", "shared-b", "mixlora"],
    "method.targets": ["all-linear"],
    "method.experts": ["elbow"],
    "method.start": [MODELS],
    "method.rsLora": YES_NO,
    "method.dora": YES_NO,
    "method.routing": ["dense", "switch", "labels"],
    "method.routing.kind": ["dense", "top-k", "top-p", "switch", "labels"],
    "method.balance.localised.first": DISCIPLINES,
    "data.text": ["base", "instructions"],
    "data.sampler.kind": ["proportional", "temperature", "balanced", "unimax", "weighted"],
    "data.sampler.diversity": YES_NO,
    "stages.disciplines": DISCIPLINES,
    "schedule.kind": ["constant", "linear", "cosine", "wsd"],
    "evaluate.sets": EVALUATION_SETS,
  },
};

const FACTS = { facts: DISCIPLINES, wordings: WORDINGS };

const COMPOSE: BodyWords = {
  keys: {
    "": [
      "kind",
      "base",
      "adapters",
      "method",
      "rank",
      "density",
      "majority_sign_method",
      "convention",
      "search",
      "learn",
      "seed",
      "device",
    ],
    adapters: ["adapter", "weight"],
    search: ["data", "steps", "l1", "bound"],
    learn: ["kind", "data", "steps", "batch", "tokens", "lr"],
    "search.data": Object.keys(FACTS),
    "learn.data": Object.keys(FACTS),
    "search.data.facts": FACTS.facts,
    "learn.data.facts": FACTS.facts,
    "search.data.wordings": FACTS.wordings,
    "learn.data.wordings": FACTS.wordings,
  },
  values: {
    base: [MODELS],
    device: [DEVICES],
    "adapters.adapter": [MODELS],
    method: [
      "linear",
      "cat",
      "svd",
      "ties",
      "ties_svd",
      "dare_linear",
      "dare_linear_svd",
      "dare_ties",
      "dare_ties_svd",
      "magnitude_prune",
      "magnitude_prune_svd",
    ],
    majority_sign_method: ["total", "frequency"],
    convention: ["exact", "peft"],
    "learn.kind": ["cat", "gate"],
  },
};

const PARTITION: BodyWords = {
  keys: {
    "": [
      "kind",
      "disciplines",
      "corpus",
      "model",
      "discrepancy",
      "synergy",
      "smoothing",
      "lambda",
      "penalty",
      "radius",
      "solver",
      "stages",
      "steps",
      "bootstrap",
      "control",
      "seed",
    ],
    corpus: ["facts", "wordings"],
    "corpus.facts": DISCIPLINES,
    penalty: ["weights", "adapters"],
    radius: ["weights", "adapters"],
  },
  values: {
    disciplines: DISCIPLINES,
    model: [MODELS],
    discrepancy: ["jensen-shannon", "kullback-leibler", "sliced-wasserstein", "mmd"],
    synergy: ["mean", "jaccard", "cosine"],
    solver: ["all", "enumeration", "dynamic-programming", "single-linkage", "local-search"],
  },
};

const PARAMETERS = [...new Set(MERGE_METHODS.flatMap(({ parameters }) => parameters))];
const SOURCES = ["model", "parameters"];
const PARTS = ["models", "slices", "parameters"];
const SLICE = ["sources", "base_model", "parameters"];
const MERGE: BodyWords = {
  keys: {
    "": [
      "merge_method",
      "base_model",
      "models",
      "slices",
      "modules",
      "parameters",
      "dtype",
      "out_dtype",
      "tokenizer_source",
    ],
    modules: ["default"],
    "modules.default": PARTS,
    ...Object.fromEntries(
      ["", "modules.default."].flatMap((before) => [
        [`${before}models`, SOURCES],
        [`${before}slices`, SLICE],
        [`${before}slices.sources`, [...SOURCES, "layer_range"]],
      ]),
    ),
    "*.parameters": [...new Set(PARAMETERS.map(({ name }) => name))],
  },
  values: {
    merge_method: MERGE_METHODS.map(({ name }) => name),
    base_model: [MODELS],
    "models.model": [MODELS],
    "slices.sources.model": [MODELS],
    "slices.base_model": [MODELS],
    dtype: DTYPES,
    out_dtype: DTYPES,
    tokenizer_source: ["base", "union", MODELS],
    ...Object.fromEntries(
      PARAMETERS.flatMap(({ name, kind, choices }) =>
        kind === "boolean"
          ? [[`*.parameters.${name}`, YES_NO]]
          : choices === undefined
            ? []
            : [[`*.parameters.${name}`, choices]],
      ),
    ),
  },
};

/** The bodies of the cell magics whose YAML is known, by their name. */
export const BODIES: Readonly<Record<string, BodyWords>> = {
  train: TRAIN,
  compose: COMPOSE,
  partition: PARTITION,
  merge: MERGE,
};

/** What may stand at a place of a body. */
export function wordsAt(body: BodyWords, place: BodyPlace, names: BodyNames): string[] {
  const { path, key, used, item, typed } = place;
  const values = (full: readonly string[]): string[] =>
    lookUp(body.values, full).flatMap((value) =>
      value === MODELS ? names.models : value === DEVICES ? names.devices : [value],
    );
  const keys = (): string[] => lookUp(body.keys, path).filter((name) => !used.has(name));
  const words = key !== undefined ? values([...path, key]) : item ? [...values(path), ...keys()] : keys();
  return words.filter((word) => word.startsWith(typed));
}

/** The entry of a path: its own, or that of its last part or two under any path (`*.parameters`). */
function lookUp(
  table: Readonly<Record<string, readonly string[]>>,
  path: readonly string[],
): readonly string[] {
  return (
    table[path.join(".")] ??
    table[`*.${path.slice(-2).join(".")}`] ??
    table[`*.${path.slice(-1).join(".")}`] ??
    []
  );
}
