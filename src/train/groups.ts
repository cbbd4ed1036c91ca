import { product } from "../core/math.js";
import { type AdapterConfig, adapterParameters } from "../model/adapted.js";
import { type ModelConfig, type Parameter, parametersOf } from "../model/config.js";
import { LawbookError, mismatch } from "../core/errors.js";

/** Kinds of parameters that may learn at a rate of their own. */
export const PARAMETER_KINDS = ["adapters", "routers", "embeddings"] as const;

/** Peak learning rates by kind, > 0; a kind that is left out learns at the common rate. */
export type Rates = Readonly<Partial<Record<(typeof PARAMETER_KINDS)[number], number>>>;

/** Parameters that share decay and learning rate, as one flat vector. */
export interface ParameterGroup {
  readonly name: string;
  readonly decay: number;
  /** Its own peak learning rate; undefined: the common one. */
  readonly rate?: number | undefined;
  /** Are these weights of an adapter? */
  readonly adapter: boolean;
  readonly parameters: readonly Parameter[];
}

/** What decides the groups. */
export interface GroupOptions {
  readonly config: ModelConfig;
  readonly adapter?: AdapterConfig | undefined;
  readonly freeze?: readonly string[] | undefined;
  /** Weight decay of matrices, >= 0. */
  readonly decay: number;
  readonly rates?: Rates | undefined;
}

/**
 * Groups of trainable parameters: by kind where kinds have rates, and matrices apart from vectors, which do not decay,
 * where anything decays. One group, `all`, where neither tells them apart. `frozen`: adapter weights that are not trained.
 */
export function parameterGroups({ config, adapter, freeze, decay, rates = {} }: GroupOptions): {
  readonly groups: readonly ParameterGroup[];
  readonly frozen: readonly Parameter[];
} {
  const all = adapter === undefined ? parametersOf(config) : adapterParameters(config, adapter);
  const isFrozen = frozenTest(freeze ?? []);
  const frozen = all.filter(({ name }) => isFrozen(name));
  const trained = all.filter(({ name }) => !isFrozen(name));
  for (const pattern of freeze ?? []) {
    const fits = frozenTest([pattern]);
    if (!all.some(({ name }) => fits(name))) {
      throw new LawbookError(
        "request",
        mismatch("freeze", pattern, "part of the name of an adapter's weight"),
      );
    }
  }
  if (trained.length === 0)
    throw new LawbookError("request", "Every weight is frozen: nothing is left to train.");
  const kinds = ["weights", ...PARAMETER_KINDS] as const;
  const kindOf = (name: string): (typeof kinds)[number] => {
    const kind = parameterKind(name);
    return kind !== "weights" && rates[kind] !== undefined ? kind : "weights";
  };
  for (const kind of PARAMETER_KINDS) {
    if (rates[kind] !== undefined && !trained.some(({ name }) => parameterKind(name) === kind)) {
      throw new LawbookError(
        "request",
        mismatch("A learning rate of its own", kind, "a kind of parameter that the method trains"),
      );
    }
  }
  const groups = kinds.flatMap((kind) => {
    const own = trained.filter(({ name }) => kindOf(name) === kind);
    const rate = kind === "weights" ? undefined : rates[kind];
    const group = (name: string, share: number, parameters: readonly Parameter[]): ParameterGroup => ({
      name,
      decay: share,
      rate,
      adapter: adapter !== undefined,
      parameters,
    });
    if (decay === 0) return [group(kind === "weights" ? "all" : kind, 0, own)];
    const prefix = kind === "weights" ? "" : `${kind}.`;
    return [
      group(
        `${prefix}matrices`,
        decay,
        own.filter(({ shape }) => shape.length > 1),
      ),
      group(
        `${prefix}vectors`,
        0,
        own.filter(({ shape }) => shape.length === 1),
      ),
    ];
  });
  return { groups: groups.flatMap(segments), frozen };
}

/** Most elements of a vector, 16 MiB: each intermediate value of an update takes as much memory as its vector. */
const SEGMENT = 4_194_304;

/** A group cut into vectors of at most SEGMENT elements, `name.0`, `name.1`, ...; a larger parameter stays whole. */
function segments(group: ParameterGroup): ParameterGroup[] {
  const parts: Parameter[][] = [];
  let size = SEGMENT;
  for (const parameter of group.parameters) {
    const own = product(parameter.shape);
    if (size + own > SEGMENT) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)!.push(parameter);
    size += own;
  }
  if (parts.length === 1) return [group];
  return parts.map((parameters, index) => ({ ...group, name: `${group.name}.${index}`, parameters }));
}

/** Elements of parameters that stand behind one another in one vector. */
export function flatSize(parameters: readonly Parameter[]): number {
  return parameters.reduce((total, { shape }) => total + product(shape), 0);
}

function parameterKind(name: string): "weights" | (typeof PARAMETER_KINDS)[number] {
  if (/\.(lora_route|moe_gate)\./.test(name)) return "routers";
  if (/\.lora_/.test(name)) return "adapters";
  return /(embed_tokens|lm_head)\.weight$/.test(name) ? "embeddings" : "weights";
}

/** Does a pattern hold: a part of the dotted name (`lora_A` fits `....lora_A.weight` and `....lora_A0.weight`)? */
function frozenTest(patterns: readonly string[]): (name: string) => boolean {
  return (name) =>
    patterns.some((pattern) => name.split(".").some((part) => part.replace(/\d+$/, "") === pattern));
}
