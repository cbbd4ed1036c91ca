import { join, resolve as resolvePath } from "node:path";

import { canonicalJson, type Json } from "../core/canonical.js";
import { LawbookError, unknownName } from "../core/errors.js";
import { exists, remove } from "../core/files.js";
import { parseYaml } from "../core/yaml.js";
import { product } from "../core/math.js";
import { ENGINE } from "../compute/engine.js";
import { mergePlan, writeMerged } from "../merge/merge.js";
import { type MergePlan, type MergeSource, planMerge } from "../merge/plan.js";
import { modelsOf, parseRecipe } from "../merge/recipe.js";
import { checkpointDigest, openCheckpoint } from "../model/checkpoint.js";
import type { ExecuteOptions } from "./execute.js";
import { makeRecord, type ResolvedRun, runId, type RunRecord } from "./record.js";
import type { MergeRequest } from "./request.js";
import { committedModels, findModel, findRunModel, mixtureOf } from "./resolve.js";
import type { Store } from "./store.js";

/** Where the models of a recipe are looked up. */
export interface MergePlace {
  readonly root: string;
  readonly store: Store;
  /** Folders that relative paths start from, the first that has the path first. */
  readonly folders: readonly string[];
}

/**
 * Finds models as recipes name them: `xs-instruct`, `run:<id>`, `new:<size>`, or a folder. Their weights stay on disk.
 */
export function modelFinder(
  { root, store, folders }: MergePlace,
  seed: number,
): (name: string) => MergeSource {
  return (name) => {
    if (name.startsWith("new:")) return findModel(name, root, store, seed).checkpoint;
    if (isRun(name)) {
      const { id, folder } = findRunModel(name, store);
      const checkpoint = openCheckpoint(folder);
      if (mixtureOf(id, store, checkpoint.config).adapter === undefined) return checkpoint;
      throw new LawbookError("request", `${name} is a mixture: its update depends on the token.`, {
        hint: "Only weights can be merged.",
      });
    }
    const known = committedModels(root);
    if (known.includes(name)) return openCheckpoint(join(root, "datasets/models", name));
    const folder = folders.map((from) => resolvePath(from, name)).find(exists);
    if (folder !== undefined) return openCheckpoint(folder);
    if (name.includes("+")) {
      throw new LawbookError("missing", `There is no folder ${name}; adapters after a "+" are not read.`, {
        hint: "Fold the adapter into its model first: `lawbook train --out DIR --merged`.",
      });
    }
    if (/[/\\]/.test(name)) {
      throw new LawbookError("missing", `There is no folder ${name}, neither beside the recipe nor here.`, {
        hint: "Models are not fetched: save one to a folder and name it.",
      });
    }
    throw unknownName("model", name, known);
  };
}

/** A merge whose models are open, and the run that it is. */
export interface ResolvedMerge {
  readonly run: ResolvedRun<MergeRequest>;
  readonly plan: MergePlan;
}

/** Names the runs of a recipe by whole ids and its models by their hashes; checks all that can be checked without values. */
export function resolveMerge(text: string, name: string, place: MergePlace, seed: number): ResolvedMerge {
  const { store } = place;
  const find = modelFinder(place, seed);
  const plan = planMerge(parseRecipe(text, name), { resolve: find, seed });
  const value = JSON.parse(JSON.stringify(parseYaml(text, name, "merge").value)) as Json;
  const request: MergeRequest = { kind: "merge", recipe: withWholeIds(value, store), seed };
  const models = modelsOf(plan.recipe).map((model) => ({
    name: wholeId(model, store),
    sha256: checkpointDigest(find(model)),
  }));
  const [model, ...others] = models;
  const inputs = {
    model: model!,
    others: Object.fromEntries(others.map((other) => [other.name, other.sha256])),
    data: {},
    parents: [...new Set(models.map((one) => one.name).filter(isRun))].map((one) => one.slice(4)),
  };
  const run = JSON.parse(canonicalJson({ engine: ENGINE, request, inputs })) as Omit<
    ResolvedRun<MergeRequest>,
    "id"
  >;
  return { run: { id: runId(run), ...run }, plan };
}

/** The merge of a request that was resolved before, its models as they are now. */
export function resolveMergeAgain({ recipe, seed }: MergeRequest, place: MergePlace): ResolvedMerge {
  return resolveMerge(JSON.stringify(recipe), "The recipe", place, seed);
}

/** Merges as a resolved request says, and writes the model to the run's folder. */
export async function executeMerge(
  run: ResolvedRun<MergeRequest>,
  { root, store, cwd, signal, progress }: ExecuteOptions,
): Promise<RunRecord<MergeRequest>> {
  const now = resolveMergeAgain(run.request, { root, store, folders: [cwd ?? root] });
  if (now.run.id !== run.id) {
    throw new LawbookError(
      "data-differs",
      "A model of the merge has changed since the request was resolved.",
    );
  }
  const { plan } = now;
  const folder = join(store.folder(run.id), "model");
  remove(folder);
  const weights = await writeMerged(folder, mergePlan(plan), {
    progress: (done, total) => {
      if (signal?.aborted === true) throw new LawbookError("interrupted", "The merge was interrupted.");
      progress?.({ phase: "merging", done, total });
    },
  });
  return makeRecord(run, "finished", {
    graph: null,
    weights,
    loss: null,
    curve: [],
    tokens: 0,
    parameters: plan.tensors.reduce((sum, { shape }) => sum + product(shape), 0),
    consumed: {},
    scores: {},
  });
}

const isRun = (name: string): boolean => name.startsWith("run:");

function wholeId(name: string, store: Store): string {
  if (!isRun(name)) return name;
  const record = store.find(name.slice(4));
  return record === undefined ? name : `run:${record.id}`;
}

/** The same value with the whole id in every `run:<prefix>`. */
function withWholeIds(value: Json, store: Store): Json {
  if (typeof value === "string") return wholeId(value, store);
  if (Array.isArray(value)) return value.map((item) => withWholeIds(item as Json, store));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withWholeIds(item, store)]));
}
