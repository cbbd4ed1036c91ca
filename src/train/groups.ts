import { product } from "../core/math.js";
import { type AdapterConfig, adapterParameters, labelExperts } from "../model/adapted.js";
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
  /** The norm ball that they stay in together with others of the same name, see `appendUpdates`; MODEL_BALL for no adapter. */
  readonly ball: string;
  readonly parameters: readonly Parameter[];
}

/** Ball of the weights of a model itself. */
export const MODEL_BALL = "weights";

/** What decides the groups. */
export interface GroupOptions {
  readonly config: ModelConfig;
  readonly adapter?: AdapterConfig | undefined;
  /** Are the model's weights trained beside the adapter? */
  readonly joint?: boolean | undefined;
  readonly freeze?: readonly string[] | undefined;
  /** Weight decay of matrices, >= 0. */
  readonly decay: number;
  readonly rates?: Rates | undefined;
}

/**
 * Groups of trainable parameters: by kind where kinds have rates, and matrices apart from vectors, which do not decay,
 * where anything decays; where model and adapter are both trained, these apart, and experts apart that labels route to. One
 * group, `all`, where nothing tells them apart. `frozen`: adapter weights that are not trained.
 */
export function parameterGroups({ config, adapter, joint, freeze, decay, rates = {} }: GroupOptions): {
  readonly groups: readonly ParameterGroup[];
  readonly frozen: readonly Parameter[];
} {
  const ofAdapter = adapter === undefined ? [] : adapterParameters(config, adapter);
  const ofModel = adapter === undefined || joint === true ? parametersOf(config) : [];
  const all = [...ofModel, ...ofAdapter];
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
  const inModel = new Set(ofModel);
  const byLabel = joint === true && labelExperts(adapter) !== undefined;
  const ballOf = (parameter: Parameter): string =>
    inModel.has(parameter) ? MODEL_BALL : ((byLabel ? expertOf(parameter.name) : undefined) ?? "adapter");
  const balls = [...new Set(trained.map(ballOf))];
  const groups = balls.flatMap((ball) =>
    kinds.flatMap((kind) => {
      const own = trained.filter(
        (parameter) => kindOf(parameter.name) === kind && ballOf(parameter) === ball,
      );
      const rate = kind === "weights" ? undefined : rates[kind];
      const of = balls.length === 1 ? "" : `${ball}.`;
      const group = (name: string, share: number, parameters: readonly Parameter[]): ParameterGroup => ({
        name: `${of}${name}`,
        decay: share,
        rate,
        ball,
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
    }),
  );
  return { groups: groups.filter(({ parameters }) => parameters.length > 0).flatMap(segments), frozen };
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

/** The expert whose weight it is, `expert0`, or undefined where all share it. */
function expertOf(name: string): string | undefined {
  const found = /\.lora_[AB](\d+)\./.exec(name)?.[1];
  return found === undefined ? undefined : `expert${found}`;
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

/** Does a pattern hold: a part of the dotted name (`lora_A` fits `....lora_A.weight` and `....lora_A0.weight`, `lora_A0` the second)? */
function frozenTest(patterns: readonly string[]): (name: string) => boolean {
  return (name) =>
    patterns.some((pattern) =>
      name.split(".").some((part) => part === pattern || part.replace(/\d+$/, "") === pattern),
    );
}
