import { LawbookError, mismatch } from "../core/errors.js";
import { LINEAR_LAYERS, type ModelConfig, type Parameter, parametersOf } from "./config.js";

/**
 * Which layers: a list of suffixes of layer names at a dot (`q_proj`, `mlp.up_proj`), or one text: `all-linear`, else a
 * regular expression that the whole name must match (`model.layers.0.self_attn.q_proj`).
 */
export type Targets = readonly string[] | string;

/** Rules that choose adapted layers and their ranks, as in PEFT. */
export interface TargetRules {
  readonly targets: Targets;
  /** Layers to leave out again. */
  readonly exclude?: Targets | undefined;
  /** Numbers of the blocks to adapt, from 0; all where undefined. Only with a list of targets. */
  readonly layers?: readonly number[] | undefined;
  /** Modules that are trained whole; never adapted as well. */
  readonly modulesToSave?: readonly string[] | undefined;
}

/** The target names of `all-linear`. */
export const ALL_LINEAR: readonly string[] = LINEAR_LAYERS.map((name) => name.split(".")[1]!);

/** Does a layer's full name match? Texts other than `all-linear` are regular expressions over the whole name. */
export function matchesTargets(name: string, targets: Targets): boolean {
  if (typeof targets !== "string") {
    return targets.some((target) => name === target || name.endsWith(`.${target}`));
  }
  if (targets.toLowerCase() === "all-linear") return ALL_LINEAR.includes(name.split(".").at(-1)!);
  return expression(targets, `^(?:${targets})$`).test(name);
}

/**
 * The value of the first pattern that matches a layer, else `fallback`. A pattern is a regular expression for the end of
 * the name from a dot on; `^` ties it to the start. Source: PEFT's `get_pattern_key`.
 */
export function patternValue(
  patterns: Readonly<Record<string, number>> | undefined,
  name: string,
  fallback: number,
): number {
  for (const [pattern, value] of Object.entries(patterns ?? {})) {
    if (expression(pattern, `^(?:.*\\.)?(?:${pattern})$`).test(name)) return value;
  }
  return fallback;
}

/**
 * The weights of the adapted layers, in the order of the model. Throws for a list entry that no linear layer ends with, a
 * pattern that no layer matches and a block that is not there.
 */
export function targetLayers(model: ModelConfig, rules: TargetRules): Parameter[] {
  const { targets, exclude, layers, modulesToSave = [] } = rules;
  const linear = parametersOf(model).filter(({ name }) =>
    LINEAR_LAYERS.some((l) => name.endsWith(`.${l}.weight`)),
  );
  const names = linear.map(({ name }) => layerName(name));
  const problem = (what: string, got: unknown, expected: string): LawbookError =>
    new LawbookError("request", mismatch(what, got, expected));
  if (typeof targets !== "string") {
    for (const target of targets) {
      if (!names.some((name) => matchesTargets(name, [target]))) {
        throw problem("Unknown target module", target, `one of ${ALL_LINEAR.join(", ")}`);
      }
    }
  }
  if (layers !== undefined) {
    if (typeof targets === "string") {
      throw problem("Blocks are chosen only for a list of targets", targets, "a list of layer names");
    }
    const bad = layers.find((layer) => !Number.isInteger(layer) || layer < 0 || layer >= model.layers);
    if (bad !== undefined) throw problem("Unknown block", bad, `a number from 0 to ${model.layers - 1}`);
  }
  const chosen = linear.filter(({ name: weight }) => {
    const name = layerName(weight);
    return (
      matchesTargets(name, targets) &&
      (exclude === undefined || !matchesTargets(name, exclude)) &&
      (layers === undefined || layers.includes(Number(name.split(".")[2]))) &&
      !modulesToSave.some((module) => savedBy(name, module))
    );
  });
  if (chosen.length === 0) {
    throw problem(
      "No layer is adapted by the targets",
      targets,
      `names that match layers such as ${names[0]}`,
    );
  }
  return chosen;
}

/**
 * The weights that are trained whole, in the order of the model. Throws for a module that is not there, and for the shared
 * matrix of a tied model, which PEFT would train as two.
 */
export function savedWeights(model: ModelConfig, modulesToSave: readonly string[]): Parameter[] {
  const parameters = parametersOf(model);
  for (const module of modulesToSave) {
    const tied = model.tied && ["lm_head", "embed_tokens", "model.embed_tokens"].includes(module);
    if (tied || !parameters.some(({ name }) => savedBy(layerName(name), module))) {
      throw new LawbookError(
        "request",
        mismatch(
          tied
            ? "The embedding of a tied model cannot be trained beside an adapter"
            : "Unknown module to save",
          module,
          `a module such as ${model.tied ? "" : "lm_head, embed_tokens, "}norm or model.layers.0.mlp.up_proj`,
        ),
      );
    }
  }
  return parameters.filter(({ name }) => modulesToSave.some((module) => savedBy(layerName(name), module)));
}

/** Name of a layer from the name of its weight. */
export function layerName(weight: string): string {
  return weight.replace(/\.weight$/, "");
}

/** PEFT saves a module whose name merely ends with the text, whatever stands before it, and all that lies below. */
function savedBy(name: string, module: string): boolean {
  const parts = name.split(".");
  return parts.some((_, index) =>
    parts
      .slice(0, index + 1)
      .join(".")
      .endsWith(module),
  );
}

const compiled = new Map<string, RegExp>();

function expression(pattern: string, source: string): RegExp {
  let found = compiled.get(source);
  if (found === undefined) {
    try {
      found = new RegExp(source, "u");
    } catch (cause) {
      throw new LawbookError("request", mismatch("Not a regular expression", pattern, "one"), { cause });
    }
    compiled.set(source, found);
  }
  return found;
}
