import { quote } from "../core/errors.js";
import type { Values } from "./values.js";

/** A single value of a parameter. */
export type Scalar = number | boolean | string;

/** Values of parameters by name, for one tensor: gradients and filters are resolved. */
export type Settings = Readonly<Record<string, Scalar>>;

/** Bounds of a number. */
export interface Range {
  readonly least?: number;
  readonly most?: number;
  /** Is the bound itself left out? */
  readonly aboveLeast?: boolean;
  readonly belowMost?: boolean;
}

/** What a recipe can set for a method. */
export interface ParameterSpec {
  readonly name: string;
  readonly kind: "number" | "integer" | "boolean" | "choice";
  /** A value for every model, or one for all. */
  readonly scope: "model" | "merge";
  /** Where a recipe says nothing; absent: a recipe must say it. */
  readonly default?: Scalar;
  readonly range?: Range;
  /** Names to choose from. */
  readonly choices?: readonly string[];
  readonly description: string;
  /** Why it changes nothing here: mergekit takes it. */
  readonly idle?: string;
}

/** A model's part in a tensor. */
export interface Input {
  readonly values: Values;
  readonly settings: Settings;
}

/** One tensor to merge. */
export interface TensorTask {
  /** Name in the merged model; names the random streams too. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly size: number;
  /** The base model's tensor, for methods that have a base. */
  readonly base: Values | undefined;
  /** The other models' tensors in the order of the recipe. */
  readonly inputs: readonly Input[];
  readonly settings: Settings;
  /** 32 random bits a call, as a signed integer, for an input: a new stream from its start. */
  readonly bits: (input: number) => () => number;
}

/** A way to merge. */
export interface MergeMethod {
  /** As mergekit names it. */
  readonly name: string;
  readonly summary: string;
  /** Must a recipe name a base model, can it, or is a base one more model? */
  readonly base: "required" | "optional" | "ignored";
  /** How many models, without the base where there is one. */
  readonly models: { readonly least: number; readonly most: number };
  readonly parameters: readonly ParameterSpec[];
  /** Is the base one of two ends, not the origin of task vectors? */
  readonly baseIsEnd?: boolean;
  /** What is wrong with the settings of a tensor: "got X, expected Y." */
  readonly problem?: (task: TensorTask) => string | undefined;
  /** The values that the merged tensor equals, where the settings alone say so: their bytes are copied. */
  readonly unchanged?: (task: TensorTask) => Values | undefined;
  /** Looks at all tensors before the first is merged: a number for each input. */
  readonly survey?: (tasks: readonly TensorTask[]) => readonly number[] | undefined;
  /** The merged tensor, block by block; a block is valid until the next is asked for. */
  readonly merge: (task: TensorTask, survey?: readonly number[]) => Iterable<Float32Array>;
  /** Share of the entries of task vectors that it keeps, in [0, 1], mean over the inputs. */
  readonly kept?: (task: TensorTask, survey?: readonly number[]) => number;
}

/** A number among settings. */
export function numberOf(settings: Settings, name: string): number {
  return settings[name] as number;
}

/** What a parameter accepts, for errors and help. */
export function acceptedText({ kind, range, choices }: ParameterSpec): string {
  if (kind === "boolean") return "true or false";
  if (kind === "choice") return `one of ${choices!.join(", ")}`;
  const word = kind === "integer" ? "a whole number" : "a number";
  const { least, most, aboveLeast = false, belowMost = false } = range ?? {};
  if (least === undefined && most === undefined) return word;
  if (most === undefined) return `${word} ${aboveLeast ? "above" : "of at least"} ${least}`;
  return `${word} in ${aboveLeast ? "(" : "["}${least}, ${most}${belowMost ? ")" : "]"}`;
}

/** Why a value is not one for a parameter: "got X, expected Y."; undefined where it is. */
export function valueProblem(spec: ParameterSpec, value: unknown): string | undefined {
  const fits = ((): boolean => {
    switch (spec.kind) {
      case "boolean":
        return typeof value === "boolean";
      case "choice":
        return spec.choices!.includes(value as string);
      default: {
        if (typeof value !== "number" || !Number.isFinite(value)) return false;
        if (spec.kind === "integer" && !Number.isInteger(value)) return false;
        const {
          least = -Infinity,
          most = Infinity,
          aboveLeast = false,
          belowMost = false,
        } = spec.range ?? {};
        return (aboveLeast ? value > least : value >= least) && (belowMost ? value < most : value <= most);
      }
    }
  })();
  if (fits) return undefined;
  const got = typeof value === "number" ? String(value) : quote(value ?? null);
  return `got ${got}, expected ${acceptedText(spec)}.`;
}

/** Weight of a model. */
export const WEIGHT: ParameterSpec = {
  name: "weight",
  kind: "number",
  scope: "model",
  description: "weight of the model",
};

/** A switch for the whole merge. */
export function flag(name: string, fallback: boolean, description: string): ParameterSpec {
  return { name, kind: "boolean", scope: "merge", default: fallback, description };
}
