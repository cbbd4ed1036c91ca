import { invalidRequest, LawbookError, type Problem } from "../core/errors.js";
import { product } from "../core/math.js";
import { bitStream } from "../core/random.js";
import type { Checkpoint, OpenCheckpoint } from "../model/checkpoint.js";
import { headName, type ModelConfig, type Parameter, parametersOf } from "../model/config.js";
import { type Dtype, DTYPES, type StoredType, writtenType } from "../model/element-type.js";
import type { Input, TensorTask } from "./method.js";
import { modelsOf, type Recipe, type RecipeSlice, type RecipeSource } from "./recipe.js";
import { type Place, settingsAt } from "./recipe-parameters.js";
import { chooseTokenizer } from "./tokenizer-source.js";
import { memoryValues, storedValues, type Values } from "./values.js";

/** A model to merge: in memory, or on disk. */
export type MergeSource = Checkpoint | OpenCheckpoint;

/** What a merge needs beside its recipe. */
export interface MergeOptions {
  /** Finds a model by the name that a recipe has for it. */
  readonly resolve: (name: string) => MergeSource;
  /** Names the random masks. */
  readonly seed: number;
  /** Element type of the merged weights, before that of the recipe. */
  readonly outDtype?: Dtype | undefined;
}

/** One tensor of the merged model. */
export interface PlannedTensor extends TensorTask {
  /** Element type that it is written in. */
  readonly type: StoredType;
  /** Layer of the merged model; undefined for what is outside the layers. */
  readonly layer: number | undefined;
}

/** A merge whose models are open and whose every setting is known: nothing is left to refuse but values. */
export interface MergePlan {
  readonly recipe: Recipe;
  readonly config: ModelConfig;
  readonly configJson: Readonly<Record<string, unknown>>;
  readonly tokenizerFolder: string | undefined;
  /** Folder whose other known files travel along. */
  readonly folder: string | undefined;
  /** Element type that the config states. */
  readonly dtype: Dtype;
  readonly tensors: readonly PlannedTensor[];
  readonly notes: readonly string[];
}

/** A slice with its layers counted out. */
interface Layers {
  readonly slice: RecipeSlice;
  readonly sources: readonly RecipeSource[];
  readonly count: number;
  /** First layer in the merged model. */
  readonly first: number;
}

/** Opens the models of a recipe and works out every tensor; all that is wrong is one error. */
export function planMerge(recipe: Recipe, options: MergeOptions): MergePlan {
  const problems: Problem[] = [];
  const models = openModels(recipe, options, problems);
  stop(recipe, problems);
  const slices = layersOf(recipe, models, problems);
  stop(recipe, problems);
  const donorName = recipe.base ?? slices[0]!.sources[0]!.model;
  const donor = models.get(donorName)!;
  const used = [...new Set(slices.flatMap(({ sources }) => sources.map(({ model }) => model)))];
  const layers = slices.reduce((sum, { count }) => sum + count, 0);
  // A tied model's head is its embedding: the merged one is tied only where all are.
  const tied = used.every((model) => models.get(model)!.config.tied);
  const config = { ...donor.config, layers, tied };
  const owners = [...models].map(([model, { tokenizerFolder }]) => ({ model, tokenizerFolder }));
  const tokenizer = chooseTokenizer(
    recipe.tokenizerSource === "base" ? recipe.base : recipe.tokenizerSource,
    { model: donorName, tokenizerFolder: donor.tokenizerFolder },
    owners,
  );
  problems.push(...tokenizer.problems);
  const planner = new Planner(recipe, options, models, problems);
  const tensors = parametersOf(config).map((parameter) => planner.tensor(parameter, slices));
  stop(recipe, problems);
  const [{ type }] = tensors as unknown as readonly [PlannedTensor];
  return {
    recipe,
    config,
    configJson: {
      ...donor.configJson,
      num_hidden_layers: layers,
      ...(tied === donor.config.tied ? {} : { tie_word_embeddings: tied }),
    },
    tokenizerFolder: tokenizer.folder,
    folder: donor.folder,
    dtype: DTYPES.find((dtype) => writtenType(dtype) === type) ?? "float32",
    tensors,
    notes: [...recipe.notes, ...tokenizer.notes],
  };
}

function stop({ name }: Recipe, problems: readonly Problem[]): void {
  if (problems.length > 0) throw invalidRequest(name, problems);
}

function openModels(
  recipe: Recipe,
  { resolve }: MergeOptions,
  problems: Problem[],
): Map<string, MergeSource> {
  const { tokenizerSource } = recipe;
  const named = ["base", "union", undefined].includes(tokenizerSource) ? [] : [tokenizerSource!];
  const models = new Map<string, MergeSource>();
  for (const model of new Set([...modelsOf(recipe), ...named])) {
    try {
      models.set(model, resolve(model));
    } catch (cause) {
      if (!(cause instanceof LawbookError)) throw cause;
      const sources = recipe.slices.flatMap(({ sources: all }) => all);
      const line = sources.find((source) => source.model === model)?.line;
      problems.push({ path: model, ...(line === undefined ? {} : { line }), message: cause.message });
    }
  }
  return models;
}

function layersOf(recipe: Recipe, models: ReadonlyMap<string, MergeSource>, problems: Problem[]): Layers[] {
  const slices: Layers[] = [];
  let first = 0;
  for (const slice of recipe.slices) {
    const { sources: listed, base } = slice;
    const appended = recipe.whole && base !== undefined && !listed.some(({ model }) => model === base);
    const all: readonly RecipeSource[] = appended
      ? [...listed, { model: base, layers: undefined, parameters: {}, line: undefined }]
      : listed;
    const sources = all.map((source): RecipeSource => {
      const { layers } = models.get(source.model)!.config;
      const range = source.layers ?? [0, layers];
      if (range[1] > layers) {
        problems.push({
          ...(source.line === undefined ? {} : { line: source.line }),
          message: `layer_range of ${source.model}: got [${range.join(", ")}], expected layers of [0, ${layers}].`,
        });
      }
      return { ...source, layers: range };
    });
    const counts = sources.map(({ layers }) => layers![1] - layers![0]);
    if (new Set(counts).size > 1) {
      const got = sources.map(({ model }, index) => `${model} ${counts[index]}`).join(", ");
      problems.push({ message: `layers differ: got ${got}, expected models of equal depth, or slices.` });
    }
    slices.push({ slice, sources, count: counts[0]!, first });
    first += counts[0]!;
  }
  return slices;
}

/** Works out one tensor after the other. */
class Planner {
  readonly #values = new Map<string, Values>();

  constructor(
    readonly recipe: Recipe,
    readonly options: MergeOptions,
    readonly models: ReadonlyMap<string, MergeSource>,
    readonly problems: Problem[],
  ) {}

  tensor({ name, shape }: Parameter, slices: readonly Layers[]): PlannedTensor {
    const { method, dtype, outDtype } = this.recipe;
    const [, number, rest] = /^model\.layers\.(\d+)\.(.+)$/.exec(name) ?? [];
    const layer = number === undefined ? undefined : Number(number);
    const own = slices.find(({ first, count }) => layer !== undefined && layer < first + count);
    const { slice, sources, count, first } = own ?? (name.includes("embed") ? slices[0]! : slices.at(-1)!);
    const local = (layer ?? first) - first;
    const position = layer === undefined ? 0 : count === 1 ? 1 : local / (count - 1);
    const place: Place = { tensor: name, position };
    const levels = [slice.parameters, this.recipe.moduleParameters, this.recipe.parameters];
    const { settings, missing } = settingsAt(method, "merge", levels, place);
    this.#missing(missing, name);
    let base: Values | undefined;
    const inputs: Input[] = [];
    for (const source of sources) {
      const sourceName = layer === undefined ? name : `model.layers.${source.layers![0] + local}.${rest}`;
      const values = this.#valuesOf(source, sourceName, shape, name);
      if (method.base !== "ignored" && source.model === slice.base) {
        base = values;
        continue;
      }
      // Filters of a model's parameters see the name in that model, others the name in the merged one.
      const own = { tensor: sourceName, position };
      const mine = settingsAt(method, "model", [source.parameters, ...levels], own);
      this.#missing(mine.missing, name, source);
      inputs.push({ values, settings: mine.settings });
    }
    const wanted = this.options.outDtype ?? outDtype ?? dtype;
    const stored = (base ?? inputs[0]!.values).type;
    const task: PlannedTensor = {
      name,
      shape,
      size: product(shape),
      base,
      inputs,
      settings,
      bits: (input) => bitStream(this.options.seed, "merge", name, input),
      layer,
      type: wanted === undefined ? (stored === "F64" ? "F32" : stored) : writtenType(wanted),
    };
    const problem = this.problems.length === 0 ? method.problem?.(task) : undefined;
    if (problem !== undefined) this.problems.push({ path: name, message: problem });
    return task;
  }

  #missing(names: readonly string[], tensor: string, source?: RecipeSource): void {
    for (const parameter of names) {
      const of = source === undefined ? "" : ` of ${source.model}`;
      const message = `no ${parameter}${of} for ${tensor}, expected one that fits this tensor.`;
      // One tensor stands for all that lack the same.
      if (this.problems.some(({ path }) => path === `parameters.${parameter}${of}`)) continue;
      const line = source?.line;
      this.problems.push({
        path: `parameters.${parameter}${of}`,
        ...(line === undefined ? {} : { line }),
        message,
      });
    }
  }

  #valuesOf({ model, line }: RecipeSource, name: string, shape: readonly number[], merged: string): Values {
    const key = `${model}\n${name}`;
    const known = this.#values.get(key);
    const source = this.models.get(model)!;
    const own = name === "lm_head.weight" ? headName(source.config) : name;
    const stored = "stored" in source ? source.stored.tensors.get(own) : undefined;
    const weight = "weights" in source ? source.weights.get(own) : undefined;
    const found = stored?.shape ?? weight?.shape;
    if (`${found}` !== `${shape}`) {
      const message =
        found === undefined
          ? `${model} has no ${own}.`
          : `shape of ${own} in ${model}: got [${found}], expected [${shape}] for ${merged}.`;
      this.problems.push({ ...(line === undefined ? {} : { line }), message });
    }
    if (known !== undefined) return known;
    const place = `${own} of ${model}`;
    const { dtype } = this.recipe;
    const values =
      stored === undefined
        ? memoryValues(weight ?? { shape: [0], data: new Float32Array(0) }, place, dtype)
        : storedValues(stored, place, dtype);
    this.#values.set(key, values);
    return values;
  }
}
