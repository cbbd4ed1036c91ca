import { join, relative, resolve as resolvePath } from "node:path";

import { canonicalJson, contentId, sha256 } from "../core/canonical.js";
import { LawbookError, mismatch, unknownName } from "../core/errors.js";
import { exists, listFolder, sha256File } from "../core/files.js";
import { findDevice } from "../compute/devices/list.js";
import { ENGINE } from "../compute/engine.js";
import { loadBaseText } from "../data/text.js";
import {
  type Checkpoint,
  checkpointDigest,
  newCheckpoint,
  readCheckpoint,
  weightsDigest,
} from "../model/checkpoint.js";
import { type ModelConfig, SIZES } from "../model/config.js";
import { isMixture } from "../model/adapted.js";
import { readAdapterFolder } from "../model/adapter-folder.js";
import type { Network } from "../model/network.js";
import { parameterGroups } from "../train/groups.js";
import { adapterOf, chooseExperts, stepSettings } from "./method.js";
import { DISCIPLINES, type FactsData, type TrainRequest } from "./request.js";
import { type ResolvedRun, runId, type RunRecord } from "./record.js";
import { parseTrainRequest, type TrainInput } from "./schema.js";
import { sortStages } from "./stages.js";
import type { Store } from "./store.js";

/** Folder of the tokenizer that new models get. */
export function tokenizerFolder(root: string): string {
  return join(root, "datasets/tokenizer");
}

/** A model as a request names it; a mixture has its adapter beside its weights. */
export interface NamedModel {
  readonly checkpoint: Checkpoint & Pick<Network, "adapter">;
  readonly sha256: string;
  /** The run that made it, for `run:<id>`. */
  readonly parent: string | undefined;
}

/**
 * Finds a model: `xs-instruct` (a folder of `datasets/models`), `run:<id>`, a path that starts with `./`, `../` or `/`
 * (from `cwd`), or `new:<size>` (random weights drawn with the seed).
 */
export function findModel(
  name: string,
  root: string,
  store: Store,
  seed: number,
  cwd: string = root,
): NamedModel {
  const named = (checkpoint: NamedModel["checkpoint"], parent?: string): NamedModel => ({
    checkpoint,
    sha256: networkDigest(checkpoint),
    parent,
  });
  if (name.startsWith("new:")) {
    const size = name.slice(4);
    if (!(size in SIZES)) throw unknownName("model size", size, Object.keys(SIZES));
    return named(newCheckpoint(SIZES[size as keyof typeof SIZES], seed, tokenizerFolder(root)));
  }
  if (name.startsWith("run:")) {
    const { id, folder } = findRunModel(name, store);
    const checkpoint = readCheckpoint(folder);
    return named({ ...checkpoint, ...mixtureOf(id, store, checkpoint.config) }, id);
  }
  if (/^(\.\.?\/|\/)/.test(name)) return named(readCheckpoint(resolvePath(cwd, name)));
  const known = committedModels(root);
  if (!known.includes(name)) throw unknownName("model", name, known);
  return named(readCheckpoint(join(root, "datasets/models", name)));
}

/** The folder with the model of `run:<id>`. Throws where the run is unknown or its model is not in this store. */
export function findRunModel(name: string, store: Store): { readonly id: string; readonly folder: string } {
  const { id, request } = findRun(name, store);
  if (request.kind === "partition") {
    throw new LawbookError("request", `The run ${id.slice(0, 12)} is a partition: it has no model.`, {
      hint: "Its stages are what a train request takes.",
    });
  }
  const folder = join(store.folder(id), "model");
  if (!exists(folder)) {
    throw new LawbookError(
      "missing",
      `The model of run ${id.slice(0, 12)} is not in this store: ${folder}.`,
      {
        hint: `\`lawbook retrain ${id.slice(0, 12)}\` trains it again.`,
      },
    );
  }
  return { id, folder };
}

/** The mixture beside the model of a run, where there is one: any other adapter is folded into the model. */
export function mixtureOf(id: string, store: Store, config: ModelConfig): Pick<Network, "adapter"> {
  const folder = join(store.folder(id), "adapter");
  if (!exists(folder)) return {};
  const adapter = readAdapterFolder(folder, config);
  return isMixture(adapter.config) ? { adapter } : {};
}

function findRun(name: string, store: Store): RunRecord {
  const record = store.find(name.slice(4));
  if (record !== undefined) return record;
  throw new LawbookError("missing", `There is no run ${name.slice(4)}.`, {
    hint: "`lawbook runs --all` lists them.",
  });
}

/** sha256 over config, tokenizer and weights, and over the adapter where one is beside them. */
export function networkDigest(checkpoint: NamedModel["checkpoint"]): string {
  const { adapter } = checkpoint;
  const base = checkpointDigest(checkpoint);
  if (adapter === undefined) return base;
  return contentId({ base, adapter: adapter.config, weights: weightsDigest(adapter.weights) });
}

/** Names of the committed models: folders of `datasets/models`. */
export function committedModels(root: string): string[] {
  const folder = join(root, "datasets/models");
  return listFolder(folder).filter((name) => exists(join(folder, name, "config.json")));
}

/** Fills in defaults, replaces `auto` by the device chosen here, names inputs by hash, checks what the model must allow. */
export function resolveTrain(
  input: TrainInput,
  root: string,
  store: Store,
  options: {
    readonly cwd?: string;
    readonly lineOf?: (path: readonly (string | number)[]) => number | undefined;
  } = {},
): ResolvedRun<TrainRequest> {
  const parsed = parseTrainRequest(input, options.lineOf);
  const device = findDevice(parsed.device);
  const model = findModel(parsed.model, root, store, parsed.seed, options.cwd);
  const { config } = model.checkpoint;
  if (parsed.tokens > config.maxPositions) {
    throw new LawbookError(
      "request",
      mismatch("tokens", parsed.tokens, `at most ${config.maxPositions}, the positions of ${parsed.model}`),
    );
  }
  if (model.checkpoint.tokenizerFolder === undefined) {
    throw new LawbookError("bad-file", `The model ${parsed.model} has no tokenizer.json.`);
  }
  if (model.checkpoint.adapter !== undefined) {
    throw new LawbookError(
      "request",
      mismatch("model", `the mixture ${parsed.model}`, "a model without routers"),
      {
        hint: "Train its own base, and go on from the mixture by method.start.",
      },
    );
  }
  const request = canonicalRequest(chooseExperts(parsed, root), device.name);
  const { method } = request;
  parameterGroups(stepSettings(request, config));
  const start = method.kind === "full" ? undefined : method.start;
  const earlier = start === undefined ? undefined : findAdapter(start, store);
  if (earlier !== undefined && earlier.model !== model.sha256) {
    throw new LawbookError(
      "request",
      mismatch(`Model under the adapter of ${start}`, earlier.model.slice(0, 12), model.sha256.slice(0, 12)),
      { hint: "An adapter goes on from one that was trained on the same model." },
    );
  }
  const inputs = {
    model: { name: request.model, sha256: model.sha256 },
    data: dataHashes(request, root),
    parents: [...new Set([model.parent, earlier?.run].filter((id) => id !== undefined))],
  };
  // In canonical order, so that a run that was read back is this one in every respect, order of patterns included.
  const run = JSON.parse(canonicalJson({ engine: ENGINE, request, inputs })) as Omit<
    ResolvedRun<TrainRequest>,
    "id"
  >;
  return { id: runId(run), ...run };
}

/** One form for requests that mean the same: disciplines in their order, no zero counts, wordings for each. */
function canonicalRequest(request: TrainRequest, device: string): TrainRequest {
  const model = request.model.startsWith("run:") ? request.model.slice(0, 4 + 64) : request.model;
  if (!("facts" in request.data)) return { ...request, model, device };
  const { stages, stageOrder } = request;
  const sorted = stages === undefined || stageOrder === undefined ? {} : { stages: sortStages(stages) };
  return { ...request, ...sorted, model, device, data: { ...request.data, ...canonicalFacts(request.data) } };
}

/** Disciplines with facts in their order, each with its number of wordings. */
export function canonicalFacts({
  facts,
  wordings,
}: Pick<FactsData, "facts" | "wordings">): Pick<FactsData, "facts" | "wordings"> {
  const used = DISCIPLINES.filter((discipline) => (facts[discipline] ?? 0) > 0);
  return {
    facts: Object.fromEntries(used.map((discipline) => [discipline, facts[discipline]!])),
    wordings: Object.fromEntries(
      used.map((discipline) => [discipline, wordings[discipline] ?? wordings.else ?? 1]),
    ),
  };
}

/** The adapter that a run trained or composed. */
export interface NamedAdapter {
  /** Id of the run. */
  readonly run: string;
  /** sha256 of the model under it. */
  readonly model: string;
  readonly folder: string;
}

/** Finds the adapter of `run:<id>`. Throws where the run is unknown, has none, or is not in this store. */
export function findAdapter(name: string, store: Store): NamedAdapter {
  const record = findRun(name, store);
  const id = record.id.slice(0, 12);
  const { request } = record;
  const composed = request.kind === "compose";
  if (!composed && (request.kind !== "train" || adapterOf(request) === undefined)) {
    const what = request.kind === "train" ? "full fine-tuning" : request.kind;
    throw new LawbookError(
      "request",
      mismatch("Adapter of a run", `the ${what} ${id}`, "a run with an adapter"),
    );
  }
  if (!composed && request.stages !== undefined) {
    throw new LawbookError(
      "request",
      mismatch(
        "Adapter of a run",
        `the staged training ${id}`,
        "an adapter on a model that stayed as it was",
      ),
      { hint: `Its model has the adapter beside it: run:${id}.` },
    );
  }
  const folder = join(store.folder(record.id), "adapter");
  if (!exists(folder)) {
    throw new LawbookError("missing", `The adapter of run ${id} is not in this store: ${folder}.`, {
      hint: `\`lawbook retrain ${id}\` trains it again.`,
    });
  }
  return { run: record.id, model: record.inputs.model.sha256, folder };
}

function dataHashes(request: TrainRequest, root: string): Record<string, string> {
  if ("text" in request.data) {
    // gzip bytes differ between versions of zlib: the text counts.
    if (request.data.text === "base")
      return { "datasets/text/base.txt": sha256(`${loadBaseText(root).join("\n")}\n`) };
    return hashesOf(root, ["datasets/text/words.json"]);
  }
  return {
    ...(request.data.instructions === undefined ? {} : hashesOf(root, ["datasets/text/words.json"])),
    ...factHashes(root, Object.keys(request.data.facts)),
  };
}

/** sha256 of the files that the facts of disciplines are drawn from, by path. */
export function factHashes(root: string, disciplines: readonly string[]): Record<string, string> {
  return hashesOf(root, [
    "datasets/templates/grammars.json",
    ...disciplines.flatMap((discipline) => [
      `datasets/facts/${discipline}.jsonl`,
      `datasets/templates/${discipline}.json`,
      `datasets/embeddings/${discipline}.bin`,
    ]),
  ]);
}

/** sha256 of files of the project by path from its root. */
export function hashesOf(root: string, paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    paths.map((path) => [relative(root, join(root, path)), sha256File(join(root, path))]),
  );
}
