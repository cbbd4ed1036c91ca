import { nearest, quote } from "../core/errors.js";
import { type MergeMethod, type ParameterSpec, type Scalar, type Settings, valueProblem } from "./method.js";

/** A value of a parameter, for the tensors whose name has `filter` in it. */
export interface Conditional {
  /** Part of a tensor's name; undefined: any tensor. */
  readonly filter: string | undefined;
  /** A list is a gradient over the layers of a slice. */
  readonly value: Scalar | readonly Scalar[];
}

/** Settings of parameters at one level of a recipe: the first that fits a tensor counts. */
export type Parameters = Readonly<Record<string, readonly Conditional[]>>;

/** A problem inside `parameters`. */
interface ParameterProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Reads `parameters` of one level. `ofModel`: does it stand beside one model? */
export function readParameters(
  given: Readonly<Record<string, unknown>>,
  method: MergeMethod,
  ofModel: boolean,
): { readonly parameters: Parameters; readonly problems: ParameterProblem[]; readonly notes: string[] } {
  const problems: ParameterProblem[] = [];
  const notes: string[] = [];
  const parameters: Record<string, readonly Conditional[]> = {};
  for (const [name, value] of Object.entries(given)) {
    const spec = method.parameters.find((known) => known.name === name);
    if (spec === undefined) {
      const names = method.parameters.map((known) => known.name);
      const near = nearest(name, names);
      const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
      const expected = names.length === 0 ? "none" : `one of ${names.join(", ")}`;
      problems.push({
        path: [name],
        message: `unknown parameter of ${method.name}, expected ${expected}.${hint}`,
      });
      continue;
    }
    if (ofModel && spec.scope === "merge") {
      const message =
        "is one for the whole merge, expected among the parameters of the recipe or of a slice.";
      problems.push({ path: [name], message });
      continue;
    }
    if (spec.idle !== undefined) notes.push(`${name} changes nothing: ${spec.idle}`);
    parameters[name] = readSetting(value, spec, (path, message) =>
      problems.push({ path: [name, ...path], message }),
    );
  }
  return { parameters, problems, notes };
}

type Report = (path: readonly (string | number)[], message: string) => void;

function readSetting(value: unknown, spec: ParameterSpec, report: Report): readonly Conditional[] {
  const conditional = (item: unknown): item is Record<string, unknown> =>
    typeof item === "object" && item !== null && !Array.isArray(item);
  if (conditional(value)) return [readConditional(value, spec, [], report)];
  if (Array.isArray(value) && value.some(conditional)) {
    return (value as unknown[]).map((item, index) => {
      if (conditional(item)) return readConditional(item, spec, [index], report);
      report([index], `got ${quote(item ?? null)}, expected value and, if need be, filter, as beside it.`);
      return { filter: undefined, value: 0 };
    });
  }
  return [{ filter: undefined, value: readValue(value, spec, [], report) }];
}

function readConditional(
  item: Readonly<Record<string, unknown>>,
  spec: ParameterSpec,
  path: readonly number[],
  report: Report,
): Conditional {
  for (const key of Object.keys(item)) {
    if (!["filter", "value"].includes(key)) report([...path, key], "unknown key, expected filter or value.");
  }
  const filter = item["filter"] ?? undefined;
  if (filter !== undefined && typeof filter !== "string") {
    report([...path, "filter"], `got ${quote(filter)}, expected part of a tensor's name.`);
  }
  return {
    filter: filter === "*" ? undefined : (filter as string | undefined),
    value: readValue(item["value"], spec, [...path, "value"], report),
  };
}

function readValue(
  value: unknown,
  spec: ParameterSpec,
  path: readonly (string | number)[],
  report: Report,
): Scalar | readonly Scalar[] {
  const check = (one: unknown, at: readonly (string | number)[]): Scalar => {
    const problem = valueProblem(spec, one);
    if (problem !== undefined) report(at, problem);
    return one as Scalar;
  };
  if (!Array.isArray(value)) return check(value, path);
  if (value.length === 0) report(path, "got an empty list, expected a value for each part of the layers.");
  return (value as unknown[]).map((one, index) => check(one, [...path, index]));
}

/** Where a tensor stands: what parameters depend on. */
export interface Place {
  /** Its name: for parameters of a model in that model, for others in the merged one. */
  readonly tensor: string;
  /** Position in its slice, from 0, the first layer, to 1; what is outside the layers is at 0. */
  readonly position: number;
}

/**
 * A parameter's value for a tensor: the levels are asked one after the other, the first setting that fits counts.
 * Undefined where no level has one that fits.
 */
export function settingAt(name: string, levels: readonly Parameters[], place: Place): Scalar | undefined {
  for (const level of levels) {
    const found = level[name]?.find(({ filter }) => filter === undefined || place.tensor.includes(filter));
    if (found !== undefined) return valueAt(found.value, place.position);
  }
  return undefined;
}

/**
 * A gradient's value.
 * Equation: s = p (n - 1), i = int(s), f = s - i, v = (1 - f) l_i + f l_{i+1}; for other than numbers l_i.
 * Symbols: p position in [0, 1], l the list, n its length. Source: mergekit.
 */
export function valueAt(value: Scalar | readonly Scalar[], position: number): Scalar {
  if (!Array.isArray(value)) return value as Scalar;
  const list = value as readonly Scalar[];
  const scaled = position * (list.length - 1);
  const index = Math.trunc(scaled);
  const rest = scaled - index;
  const [low, high] = [list[index]!, list[Math.min(index + 1, list.length - 1)]!];
  if (typeof low !== "number" || typeof high !== "number") return low;
  return (1 - rest) * low + rest * high;
}

/** Values of all parameters of one scope for a tensor, defaults included; what must be given and is not is `missing`. */
export function settingsAt(
  method: MergeMethod,
  scope: ParameterSpec["scope"],
  levels: readonly Parameters[],
  place: Place,
): { readonly settings: Settings; readonly missing: readonly string[] } {
  const settings: Record<string, Scalar> = {};
  const missing: string[] = [];
  for (const spec of method.parameters) {
    if (spec.scope !== scope) continue;
    const value = settingAt(spec.name, levels, place) ?? spec.default;
    if (value === undefined) missing.push(spec.name);
    else settings[spec.name] = value;
  }
  return { settings, missing };
}
