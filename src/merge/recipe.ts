import { invalidRequest, LawbookError, mismatch, nearest, type Problem, quote } from "../core/errors.js";
import { parseYaml, type YamlText } from "../core/yaml.js";
import { type Dtype, DTYPES } from "../model/element-type.js";
import { MERGE_METHODS } from "./list.js";
import type { MergeMethod } from "./method.js";
import { type Parameters, readParameters } from "./recipe-parameters.js";

/** A model in a recipe, or a range of its layers. */
export interface RecipeSource {
  readonly model: string;
  /** First layer and the one after the last; undefined: all. */
  readonly layers: readonly [number, number] | undefined;
  readonly parameters: Parameters;
  /** 1-based line in the text. */
  readonly line: number | undefined;
}

/** Layers of the merged model, from equally long ranges of layers of models. */
export interface RecipeSlice {
  readonly sources: readonly RecipeSource[];
  /** The base model of this slice: its own or the recipe's. */
  readonly base: string | undefined;
  readonly parameters: Parameters;
}

/** A merge as mergekit's YAML describes it. */
export interface Recipe {
  /** How errors name the text. */
  readonly name: string;
  readonly method: MergeMethod;
  readonly base: string | undefined;
  /** Does it merge whole models (`models`)? They are one slice, to which the base belongs if it is not listed. */
  readonly whole: boolean;
  /** In the order in which their layers are stacked. */
  readonly slices: readonly RecipeSlice[];
  readonly moduleParameters: Parameters;
  readonly parameters: Parameters;
  /** Type that weights are rounded to before they are merged. */
  readonly dtype: Dtype | undefined;
  /** Type of the merged weights, default `dtype`. */
  readonly outDtype: Dtype | undefined;
  /** `base`, `union` or a model. */
  readonly tokenizerSource: string | undefined;
  /** What is taken and changes nothing, and why. */
  readonly notes: readonly string[];
}

const NO_ARCHITECTURE_MODULE = 'a Llama has one module, "default"';

/** Keys that mergekit has and Lawbook refuses, each with the way out. */
const REFUSED: Readonly<Record<string, string>> = {
  chat_template: "not supported: the template travels with the tokenizer's files; leave it out",
  tokenizer: "not supported: tokens cannot be added or moved; use tokenizer_source",
  residual_weight: "not supported: mergekit reads it and does nothing with it; leave it out",
};

/**
 * Reads a merge in the YAML of mergekit: models, slices or modules; parameters with filters and gradients. Unknown and
 * duplicate keys, wrong values and wrong combinations are one error, each problem with its line.
 * `name`: how errors call the text.
 */
export function parseRecipe(text: string, name: string = "The recipe"): Recipe {
  const read = parseYaml(text, name, "merge");
  const reader = new Reader(read);
  const recipe = reader.recipe(name);
  if (reader.problems.length > 0 || recipe === undefined) {
    throw invalidRequest(name, reader.problems, "The keys are those of mergekit.");
  }
  return recipe;
}

type Path = readonly (string | number)[];
type Mapping = Readonly<Record<string, unknown>>;

/** Turns a parsed text into a recipe and keeps all that is wrong with it. */
class Reader {
  readonly problems: Problem[] = [];
  readonly #notes = new Set<string>();
  #method: MergeMethod | undefined;

  constructor(readonly text: YamlText) {}

  recipe(name: string): Recipe | undefined {
    const root = this.#mapping(this.text.value, []);
    if (root === undefined) return undefined;
    const known = ["merge_method", "base_model", "models", "slices", "modules", "parameters", "dtype"];
    this.#keys(root, [], [...known, "out_dtype", "tokenizer_source", "tokenizer", "chat_template"]);
    const method = (this.#method = this.#methodOf(root));
    const base = this.#modelName(root, "base_model", [], false);
    const forms = ["models", "slices", "modules"].filter(
      (key) => root[key] !== undefined && root[key] !== null,
    );
    if (forms.length !== 1) {
      this.#add(
        [forms[1] ?? "merge_method"],
        `got ${forms.join(" and ") || "none"}, expected one of models, slices or modules.`,
      );
    }
    const inner =
      forms.length === 1 && forms[0] === "modules" ? this.#module(root) : { owner: root, path: [] };
    const whole = inner !== undefined && inner.owner["models"] !== undefined;
    const slices = inner === undefined ? [] : this.#slices(inner.owner, inner.path, whole, base);
    const recipe = {
      name,
      base,
      whole,
      slices,
      moduleParameters: inner?.path.length ? this.#parameters(inner.owner, inner.path) : {},
      parameters: this.#parameters(root, []),
      dtype: this.#dtype(root, "dtype"),
      outDtype: this.#dtype(root, "out_dtype"),
      tokenizerSource: this.#modelName(root, "tokenizer_source", [], false),
    };
    if (recipe.tokenizerSource === "base" && base === undefined && method !== undefined) {
      this.#add(
        ["tokenizer_source"],
        mismatch("not supported without base_model", "base", "the name of a model"),
      );
    }
    if (method === undefined) return undefined;
    if (this.problems.length === 0) this.#check(method, recipe);
    return { ...recipe, method, notes: [...this.#notes] };
  }

  #methodOf(root: Mapping): MergeMethod | undefined {
    const names = MERGE_METHODS.map(({ name }) => name);
    const given = root["merge_method"];
    const found = MERGE_METHODS.find(({ name }) => name === given);
    if (found !== undefined) return found;
    const near = typeof given === "string" ? nearest(given, names) : undefined;
    this.#add(
      ["merge_method"],
      `got ${quote(given ?? null)}, expected one of ${names.join(", ")}.${near === undefined ? "" : ` Did you mean "${near}"?`}`,
    );
    return undefined;
  }

  #module(root: Mapping): { readonly owner: Mapping; readonly path: Path } | undefined {
    const modules = this.#mapping(root["modules"], ["modules"]);
    if (modules === undefined) return undefined;
    const [name, ...others] = Object.keys(modules);
    for (const other of name === "default" ? others : [name ?? "", ...others]) {
      this.#add(["modules", other], `got ${quote(other)}, expected "default": ${NO_ARCHITECTURE_MODULE}.`);
    }
    if (name !== "default") return undefined;
    const path = ["modules", "default"];
    const owner = this.#mapping(modules["default"], path);
    if (owner === undefined) return undefined;
    this.#keys(owner, path, ["models", "slices", "parameters"]);
    if ((owner["models"] === undefined) === (owner["slices"] === undefined)) {
      this.#add(path, "got both or none, expected one of models or slices.");
      return undefined;
    }
    return { owner, path };
  }

  #slices(owner: Mapping, path: Path, whole: boolean, base: string | undefined): RecipeSlice[] {
    if (whole) {
      const sources = this.#list(owner["models"], [...path, "models"]).map((item, index) =>
        this.#source(item, [...path, "models", index], false),
      );
      return [{ sources: sources.filter((source) => source !== undefined), base, parameters: {} }];
    }
    if (owner["slices"] === undefined) return [];
    return this.#list(owner["slices"], [...path, "slices"]).flatMap((item, index): RecipeSlice[] => {
      const at = [...path, "slices", index];
      const slice = this.#mapping(item, at);
      if (slice === undefined) return [];
      this.#keys(slice, at, ["sources", "base_model", "parameters", "residual_weight"]);
      const sources = this.#list(slice["sources"], [...at, "sources"])
        .map((source, number) => this.#source(source, [...at, "sources", number], true))
        .filter((source) => source !== undefined);
      const own = this.#modelName(slice, "base_model", at, false);
      return [{ sources, base: own ?? base, parameters: this.#parameters(slice, at) }];
    });
  }

  #source(item: unknown, path: Path, ranged: boolean): RecipeSource | undefined {
    const source = this.#mapping(item, path);
    if (source === undefined) return undefined;
    this.#keys(source, path, ["model", "parameters", ...(ranged ? ["layer_range"] : [])]);
    const model = this.#modelName(source, "model", path, true);
    const layers = ranged ? this.#range(source["layer_range"], [...path, "layer_range"]) : undefined;
    const parameters = this.#parameters(source, path, true);
    if (model === undefined) return undefined;
    return { model, layers, parameters, line: this.text.lineOf(path) };
  }

  #range(value: unknown, path: Path): readonly [number, number] | undefined {
    const [first, end] = Array.isArray(value) ? (value as unknown[]) : [];
    const whole = (number: unknown): boolean => Number.isSafeInteger(number) && (number as number) >= 0;
    const pair = Array.isArray(value) && value.length === 2 && whole(first) && whole(end);
    if (pair && (first as number) < (end as number)) return [first as number, end as number];
    this.#add(path, `got ${quote(value ?? null)}, expected [first layer, layer after the last].`);
    return undefined;
  }

  #parameters(owner: Mapping, path: Path, ofModel = false): Parameters {
    if (owner["parameters"] === undefined || owner["parameters"] === null) return {};
    const at = [...path, "parameters"];
    const given = this.#mapping(owner["parameters"], at);
    if (given === undefined || this.#method === undefined) return {};
    const { parameters, problems, notes } = readParameters(given, this.#method, ofModel);
    for (const { path: inner, message } of problems) this.#add([...at, ...inner], message);
    for (const note of notes) this.#notes.add(note);
    return parameters;
  }

  #dtype(root: Mapping, key: string): Dtype | undefined {
    const value = root[key];
    if (value === undefined || value === null) return undefined;
    if ((DTYPES as readonly unknown[]).includes(value)) return value as Dtype;
    this.#add([key], `got ${quote(value)}, expected one of ${DTYPES.join(", ")}.`);
    return undefined;
  }

  #modelName(owner: Mapping, key: string, path: Path, required: boolean): string | undefined {
    const value = owner[key];
    if ((value === undefined || value === null) && !required) return undefined;
    if (typeof value === "string" && value.trim() !== "") return value;
    const reason = typeof value === "object" && value !== null ? "; adapters and revisions are not read" : "";
    this.#add(
      [...path, key],
      `got ${quote(value ?? null)}, expected the name or folder of a model${reason}.`,
    );
    return undefined;
  }

  /** What is wrong between parts that are right by themselves. */
  #check(method: MergeMethod, recipe: Omit<Recipe, "method" | "notes">): void {
    const wanted =
      method.models.most === method.models.least
        ? `${method.models.least}`
        : `at least ${method.models.least}`;
    for (const [index, { sources, base }] of recipe.slices.entries()) {
      const at = recipe.whole ? ["models"] : ["slices", index, "sources"];
      const path = this.text.lineOf(at) === undefined ? ["modules", "default", ...at] : at;
      if (method.base === "required" && base === undefined) {
        this.#add(
          ["merge_method"],
          `${method.name} needs base_model: got none, expected the name of a model.`,
        );
      }
      const twice = sources.find(
        ({ model, layers }, other) =>
          sources.findIndex(
            (one) => one.model === model && (recipe.whole || `${one.layers}` === `${layers}`),
          ) !== other,
      );
      if (twice !== undefined) this.#add(path, `got ${twice.model} twice, expected each model once.`);
      const separate = method.base !== "ignored" && base !== undefined;
      const listed = sources.some(({ model }) => model === base);
      if (separate && !listed && !recipe.whole) {
        this.#add(path, `got no source of the base model ${base}, expected one in every slice.`);
      }
      const extra = method.base === "ignored" && base !== undefined && !listed && recipe.whole ? 1 : 0;
      const count = separate ? sources.filter(({ model }) => model !== base).length : sources.length + extra;
      if (count < method.models.least || count > method.models.most) {
        const what = separate ? "models beside the base" : "models";
        this.#add(path, `${method.name}: got ${count} ${what}, expected ${wanted}.`);
      }
      if (
        separate &&
        sources.some(({ model, parameters }) => model === base && Object.keys(parameters).length > 0)
      ) {
        this.#notes.add(`parameters of the base model change nothing: it has no task vector`);
      }
      const lengths = new Set(
        sources.map(({ layers }) => (layers === undefined ? 0 : layers[1] - layers[0])),
      );
      if (lengths.size > 1) {
        this.#add(path, `got ranges of ${[...lengths].join(", ")} layers, expected ranges of one length.`);
      }
    }
  }

  #mapping(value: unknown, path: Path): Mapping | undefined {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Mapping;
    this.#add(path, `got ${quote(value ?? null)}, expected keys with values.`);
    return undefined;
  }

  #list(value: unknown, path: Path): readonly unknown[] {
    if (Array.isArray(value) && value.length > 0) return value as unknown[];
    this.#add(path, `got ${quote(value ?? null)}, expected a list that is not empty.`);
    return [];
  }

  #keys(owner: Mapping, path: Path, known: readonly string[]): void {
    for (const [key, value] of Object.entries(owner)) {
      const reason = known.includes(key) ? REFUSED[key] : undefined;
      if (reason !== undefined && value !== null) this.#add([...path, key], `${reason}.`);
      if (known.includes(key)) continue;
      const offered = known.filter((name) => REFUSED[name] === undefined);
      const near = nearest(key, offered);
      const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
      this.#add([...path, key], `unknown key, expected one of ${offered.join(", ")}.${hint}`);
    }
  }

  #add(path: Path, message: string): void {
    const line = this.text.lineOf(path);
    const shown = path.map((part, index) =>
      typeof part === "number" ? `[${part}]` : index === 0 ? part : `.${part}`,
    );
    this.problems.push({
      ...(path.length === 0 ? {} : { path: shown.join("") }),
      ...(line === undefined ? {} : { line }),
      message,
    });
  }
}

/** Throws where a recipe has no such model; for callers that name one. */
export function modelsOf(recipe: Recipe): string[] {
  const names = recipe.slices.flatMap(({ sources, base }) => [
    ...(base === undefined ? [] : [base]),
    ...sources.map(({ model }) => model),
  ]);
  const found = [...new Set([...(recipe.base === undefined ? [] : [recipe.base]), ...names])];
  if (found.length === 0) throw new LawbookError("internal", `${recipe.name} has no model.`);
  return found;
}
