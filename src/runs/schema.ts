import { z } from "zod";

import { invalidRequest, type Problem, quote } from "../core/errors.js";
import { sum } from "../core/math.js";
import { type LineOf, problemAt, problemsOf, type SchemaWords } from "../core/problems.js";
import { DPO_LOSSES } from "../train/preference.js";
import { SCHEDULERS } from "../train/schedule.js";
import {
  DISCIPLINES,
  type EvaluateRequest,
  EVALUATION_SETS,
  type FactsData,
  type LoraRequest,
  type MixtureRequest,
  type ObjectiveRequest,
  type OptimizerRequest,
  type RoutingRequest,
  type SamplerRequest,
  type ScheduleRequest,
  type StageRequest,
  type TextData,
  type TrainRequest,
} from "./request.js";

/** A train request as a person writes it: everything with a default may be left out. */
export type TrainInput = Omit<
  Partial<TrainRequest>,
  "objective" | "data" | "optimizer" | "schedule" | "evaluate" | "method" | "stageOrder"
> & {
  readonly model: string;
  /** A name stands for the objective with its defaults. */
  readonly objective?:
    ObjectiveRequest["kind"] | (Partial<ObjectiveRequest> & Pick<ObjectiveRequest, "kind">);
  readonly data:
    | TextData
    | {
        readonly facts: FactsData["facts"];
        readonly wordings?: FactsData["wordings"];
        readonly sampler?: Partial<SamplerRequest>;
        readonly instructions?: number;
        readonly formatted?: number;
        readonly part?: FactsData["part"];
        readonly disjoint?: true;
      };
  readonly method?:
    | { readonly kind: "full" }
    | Optional<LoraRequest, "targets">
    | (Optional<Omit<MixtureRequest, "routing">, "targets"> & {
        readonly routing?: "dense" | "switch" | "labels" | RoutingRequest | { readonly kind: "labels" };
      });
  readonly stageOrder?: "given" | "drawn";
  readonly optimizer?: Partial<OptimizerRequest> & Pick<OptimizerRequest, "lr">;
  readonly schedule?: Partial<ScheduleRequest>;
  readonly evaluate?: Partial<EvaluateRequest>;
};

type Optional<Whole, Keys extends keyof Whole> = Omit<Whole, Keys> & Partial<Pick<Whole, Keys>>;

const count = z.int().min(1);
const perDiscipline = z.partialRecord(z.enum(DISCIPLINES), z.int().min(0).max(4000));

const sampler = z
  .strictObject({
    kind: z.enum(["proportional", "temperature", "balanced", "unimax", "weighted"]).default("balanced"),
    temperature: z.number().min(1).optional(),
    cap: z.number().min(1).optional(),
    weights: z.partialRecord(z.enum(DISCIPLINES), z.number().positive()).optional(),
    diversity: z.boolean().default(false),
  })
  .superRefine((value, context) => {
    const needs = { temperature: "temperature", unimax: "cap", weighted: "weights" } as const;
    for (const [kind, key] of Object.entries(needs)) {
      if ((value.kind === kind) !== (value[key] !== undefined)) {
        const message =
          value.kind === kind ? `is missing: ${kind} needs it` : `belongs to the sampler ${kind} only`;
        context.addIssue({ code: "custom", path: [key], message });
      }
    }
  });

const factsData = z.strictObject({
  facts: perDiscipline.refine(
    (facts) => Object.values(facts).some((n) => (n ?? 0) > 0),
    "names no fact of any discipline",
  ),
  wordings: z.partialRecord(z.enum([...DISCIPLINES, "else"]), count).default({}),
  sampler: sampler.prefault({}),
  instructions: z.number().gt(0).max(1).optional(),
  formatted: z.number().gt(0).max(1).optional(),
  part: z.strictObject({ number: count, of: z.int().min(2).max(100) }).optional(),
  disjoint: z.literal(true).optional(),
});
const textData = z.strictObject({ text: z.enum(["base", "instructions"]) });

/** A name alone stands for `{kind: name}`. */
const named = (value: unknown): unknown => (typeof value === "string" ? { kind: value } : value);

const objectives = [
  z.strictObject({ kind: z.literal("cpt") }),
  z.strictObject({ kind: z.literal("sft"), on: z.enum(["completion", "full"]).default("completion") }),
  z.strictObject({
    kind: z.literal("dpo"),
    loss: z.enum(DPO_LOSSES).default("sigmoid"),
    beta: z.number().positive().default(0.1),
    smoothing: z.number().min(0).lt(0.5).default(0),
    convention: z.enum(["paper", "trl"]).default("paper"),
  }),
  z.strictObject({
    kind: z.literal("orpo"),
    beta: z.number().positive().default(0.1),
    nll: z.enum(["full", "completion"]).default("completion"),
  }),
] as const;
const objective = z.preprocess(named, z.discriminatedUnion("kind", objectives));

const layerNames = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const adapter = {
  rank: count,
  alpha: z.number().positive(),
  targets: layerNames.default("all-linear"),
  exclude: layerNames.optional(),
  layers: z.array(z.int().min(0)).min(1).optional(),
  rankPattern: z.record(z.string(), count).optional(),
  alphaPattern: z.record(z.string(), z.number().positive()).optional(),
  rsLora: z.boolean().optional(),
  dropout: z.number().gt(0).lt(1).optional(),
  start: z.string().startsWith("run:").optional(),
  freeze: z.array(z.string().min(1)).min(1).optional(),
};
const lora = z.strictObject({
  kind: z.literal("lora"),
  ...adapter,
  dora: z.boolean().optional(),
  modulesToSave: z.array(z.string().min(1)).min(1).optional(),
});

const routings = [
  z.strictObject({ kind: z.literal("dense") }),
  z.strictObject({ kind: z.literal("top-k"), k: count }),
  z.strictObject({ kind: z.literal("top-p"), p: z.number().gt(0).max(1) }),
  z.strictObject({ kind: z.literal("switch"), capacity: count.optional() }),
  z.strictObject({
    kind: z.literal("labels"),
    experts: z.partialRecord(z.enum(DISCIPLINES), z.int().min(0)).default({}),
  }),
] as const;
const weight = z.number().min(0);
const balance = z.strictObject({
  auxiliary: weight.optional(),
  squaredVariation: weight.optional(),
  routerZ: weight.optional(),
  localised: z
    .strictObject({
      weight,
      delta: z.number().min(0).max(1),
      first: z.array(z.enum(DISCIPLINES)).min(1),
    })
    .optional(),
});
const MIXTURES = ["lora-moe", "shared-a", "shared-b", "mixlora"] as const;
const mixture = z.strictObject({
  kind: z.enum(MIXTURES),
  ...adapter,
  experts: z.union([z.int().min(2).max(64), z.literal("elbow")]),
  routing: z.preprocess(named, z.discriminatedUnion("kind", routings)).prefault({ kind: "dense" }),
  balance: balance.optional(),
});
const method = z.discriminatedUnion("kind", [z.strictObject({ kind: z.literal("full") }), lora, mixture]);

const rate = z.number().positive().optional();
const optimizer = z.strictObject({
  lr: z.number().positive(),
  decay: z.number().min(0).default(0),
  clip: z.number().min(0).default(1),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)]).default([0.9, 0.95]),
  epsilon: z.number().positive().default(1e-8),
  rates: z.strictObject({ adapters: rate, routers: rate, embeddings: rate }).optional(),
  radius: z.strictObject({ weights: rate, adapters: rate }).optional(),
});

/** Steps of warm-up where none are asked for: 20, in a short run a quarter of it. */
const warmupOf = (steps: number): number => Math.min(20, Math.floor(steps / 4));

const trainShape = z.strictObject({
  kind: z.literal("train").default("train"),
  model: z.string().min(1),
  objective: objective.prefault("sft"),
  method: method.default({ kind: "full" }),
  data: z.union([factsData, textData]),
  stages: z
    .array(z.strictObject({ disciplines: z.array(z.enum(DISCIPLINES)).min(1), steps: count }))
    .min(1)
    .optional(),
  stageOrder: z.enum(["given", "drawn"]).optional(),
  steps: z.int().min(0).max(1_000_000).optional(),
  batch: z.int().min(1).max(4096).default(32),
  microBatches: z.int().min(1).max(4096).default(1),
  tokens: z.int().min(8).max(256).default(96),
  optimizer: optimizer.prefault({ lr: 0.003 }),
  schedule: z
    .strictObject({
      kind: z.enum(SCHEDULERS).default("cosine"),
      warmup: z.int().min(0).optional(),
      floor: z.number().min(0).max(1).optional(),
      decay: count.optional(),
    })
    .transform((value) => ({
      ...value,
      floor: value.floor ?? (value.kind === "cosine" || value.kind === "wsd" ? 0.1 : 0),
    }))
    .prefault({}),
  evaluate: z
    .strictObject({
      sets: z.array(z.enum(EVALUATION_SETS)).default(["t-recall"]),
      parts: z.int().min(2).max(100).optional(),
    })
    .prefault({}),
  seed: z.int().min(0).default(1),
  device: z.string().min(1).default("auto"),
});
const trainSchema = trainShape.transform(({ schedule, stageOrder, ...request }) => {
  const stages = request.stages ?? [];
  const steps = request.steps ?? (stages.length === 0 ? 400 : sum(stages.map((stage) => stage.steps)));
  const shortest = Math.min(steps, ...stages.map((stage) => stage.steps));
  const drawn = stageOrder === "drawn" ? { stageOrder } : {};
  return {
    ...request,
    ...drawn,
    steps,
    schedule: { ...schedule, warmup: schedule.warmup ?? warmupOf(shortest) },
  };
});

/** Keys of all members of a union, for "did you mean". */
const keysOf = (...shapes: readonly { readonly shape: object }[]): string[] => [
  ...new Set(shapes.flatMap(({ shape }) => Object.keys(shape))),
];

/** Names that an object of a train request may have, by its path. */
export const REQUEST_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(trainShape.shape),
  data: [...Object.keys(factsData.shape), "text"],
  "data.sampler": ["kind", "temperature", "cap", "weights", "diversity"],
  "data.sampler.weights": DISCIPLINES,
  stages: ["disciplines", "steps"],
  "data.facts": DISCIPLINES,
  "data.part": ["number", "of"],
  "data.wordings": [...DISCIPLINES, "else"],
  objective: keysOf(...objectives),
  method: keysOf(lora, mixture),
  "method.routing": keysOf(...routings),
  "method.routing.experts": DISCIPLINES,
  "method.balance": keysOf(balance),
  "method.balance.localised": ["weight", "delta", "first"],
  optimizer: keysOf(optimizer),
  "optimizer.rates": ["adapters", "routers", "embeddings"],
  "optimizer.radius": ["weights", "adapters"],
  schedule: ["kind", "warmup", "floor", "decay"],
  evaluate: ["sets", "parts"],
};

/**
 * Checks a request and fills in what was left out. All problems come in one error, each with its path and, where
 * `lineOf` knows it, its line.
 */
export function parseTrainRequest(value: unknown, lineOf: LineOf = () => undefined): TrainRequest {
  const parsed = trainSchema.safeParse(value);
  const problems = parsed.success
    ? crossChecks(parsed.data as unknown as TrainRequest, lineOf)
    : problemsOf(parsed.error.issues, value, WORDS, lineOf);
  if (problems.length > 0) {
    throw invalidRequest("The train request", problems, "`lawbook train --help` shows a complete request.");
  }
  return parsed.data as unknown as TrainRequest;
}

/** What `kind` may be, by the path of its object. */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  objective: objectives.map(({ shape }) => shape.kind.value),
  method: ["full", "lora", ...MIXTURES],
  "method.routing": routings.map(({ shape }) => shape.kind.value),
};

/** What the schema does not tell of itself; the branch of data that the person meant is the one with the keys that are there. */
const WORDS: SchemaWords = {
  keys: (path) => REQUEST_KEYS[path] ?? [],
  kinds: KINDS,
  branch: (value, branches) =>
    typeof value === "object" && value !== null && "text" in value ? branches - 1 : 0,
};

function crossChecks(request: TrainRequest, lineOf: LineOf): Problem[] {
  const problems: Problem[] = [];
  const say = (path: string, message: string): void => {
    problems.push(problemAt(path.split("."), message, lineOf));
  };
  const { objective, method, data, optimizer, schedule } = request;
  const text = "text" in data ? data.text : undefined;
  if (objective.kind === "cpt" && text !== "base")
    say("data", `objective cpt reads plain text: got ${quote(data)}, expected {text: base}.`);
  if (objective.kind !== "cpt" && text === "base")
    say("objective", `the base text has no answers: got ${quote(objective.kind)}, expected "cpt".`);
  if (objective.kind === "dpo" && objective.smoothing > 0 && objective.convention === "paper") {
    if (objective.loss === "hinge" || objective.loss === "ipo")
      say(
        "objective.smoothing",
        `got ${objective.smoothing}, expected 0: ${objective.loss} has no smoothed form.`,
      );
  }
  const { stages } = request;
  // The schedule runs over each stage.
  const steps = Math.min(request.steps, ...(stages ?? []).map((stage) => stage.steps));
  if (schedule.warmup > steps && steps > 0)
    say("schedule.warmup", `got ${schedule.warmup}, expected at most steps, ${steps}.`);
  const floored = schedule.kind === "cosine" || schedule.kind === "wsd";
  if (!floored && schedule.floor > 0)
    say("schedule.floor", `got ${schedule.floor}, expected none: ${schedule.kind} has no floor.`);
  if ((schedule.kind === "wsd") !== (schedule.decay !== undefined)) {
    const expected =
      schedule.kind === "wsd"
        ? "is missing: wsd needs its steps of decay."
        : "belongs to the schedule wsd only.";
    say("schedule.decay", expected);
  } else if (schedule.decay !== undefined && schedule.warmup + schedule.decay > steps)
    say(
      "schedule.decay",
      `got ${schedule.decay}, expected at most steps less warm-up, ${steps - schedule.warmup}.`,
    );
  if (request.batch % request.microBatches !== 0)
    say("microBatches", `got ${request.microBatches}, expected a divisor of batch, ${request.batch}.`);
  if (method.kind === "full") {
    if (optimizer.radius?.adapters !== undefined)
      say("optimizer.radius.adapters", "belongs to methods with an adapter only.");
  } else if (optimizer.radius?.weights !== undefined && stages === undefined)
    say(
      "optimizer.radius.weights",
      "belongs to the method full and to stages only: an adapter leaves the weights as they are.",
    );
  if (!("text" in data)) problems.push(...dataProblems(request, data, lineOf));
  if (stages !== undefined) problems.push(...stageProblems(request, stages, lineOf));
  else if (request.stageOrder !== undefined) say("stageOrder", "belongs to stages only.");
  if ("experts" in method) {
    const needsFacts = (path: string): void => {
      if (text !== undefined) say(path, "needs facts of disciplines: expected data with facts.");
    };
    if (method.experts === "elbow") needsFacts("method.experts");
    if (method.routing.kind === "labels") needsFacts("method.routing");
    if (method.balance?.localised !== undefined) needsFacts("method.balance.localised");
  }
  return problems;
}

/** Sets of plain questions about facts. */
const PLAIN_SETS: readonly string[] = ["t-recall", "t-trained", "t-infer", "validation"];

function dataProblems(
  { objective, evaluate }: TrainRequest,
  { facts, sampler: { weights }, instructions = 0, formatted = 0, part, disjoint }: FactsData,
  lineOf: LineOf,
): Problem[] {
  const problems: Problem[] = [];
  const say = (path: string, message: string): void => {
    problems.push(problemAt(path.split("."), message, lineOf));
  };
  const used = DISCIPLINES.filter((discipline) => (facts[discipline] ?? 0) > 0);
  if (weights !== undefined) {
    const lacking = used.filter((discipline) => weights[discipline] === undefined);
    if (lacking.length > 0) say("data.sampler.weights", `has none for ${lacking.join(", ")}.`);
  }
  if (instructions + formatted > 1)
    say(
      "data.formatted",
      `got ${formatted}, expected at most ${1 - instructions}: the rest are instructions.`,
    );
  if (part !== undefined && part.number > part.of)
    say("data.part.number", `got ${part.number}, expected at most ${part.of}, the number of parts.`);
  const { parts } = evaluate;
  if (parts !== undefined) {
    const whole = evaluate.sets.filter((set) => !PLAIN_SETS.includes(set));
    if (whole.length > 0)
      say(
        "evaluate.parts",
        `got sets ${whole.join(", ")}, expected sets of plain questions: ${PLAIN_SETS.join(", ")}.`,
      );
    const small = used.filter((discipline) => facts[discipline]! < parts);
    if (small.length > 0)
      say("evaluate.parts", `got ${parts}, expected at most the facts of ${small.join(", ")}.`);
  }
  const few = part === undefined ? [] : used.filter((discipline) => facts[discipline]! < part.of);
  if (few.length > 0)
    say("data.part.of", `got ${part!.of}, expected at most the facts of ${few.join(", ")}.`);
  if (disjoint === true) {
    const other = evaluate.sets.filter((set) => !PLAIN_SETS.includes(set));
    if (other.length > 0)
      say(
        "evaluate.sets",
        `got ${other.join(", ")}, expected sets of plain questions: data.disjoint spells no other.`,
      );
    if (objective.kind !== "sft")
      say("objective", `got ${quote(objective.kind)}, expected sft: data.disjoint spells no pairs.`);
    if (instructions + formatted > 0)
      say("data.disjoint", "spells plain facts alone: leave instructions and formatted out.");
  }
  return problems;
}

function stageProblems(
  { method, data, objective, steps }: TrainRequest,
  stages: readonly StageRequest[],
  lineOf: LineOf,
): Problem[] {
  const problems: Problem[] = [];
  const say = (path: readonly (string | number)[], message: string): void => {
    problems.push(problemAt(path, message, lineOf));
  };
  if (!("experts" in method) || method.routing.kind !== "labels" || method.kind === "mixlora")
    say(["method"], "stages need an adapter for each discipline: expected lora-moe with routing: labels.");
  if (objective.kind !== "sft") say(["objective"], `got ${quote(objective.kind)}, expected sft for stages.`);
  if ("text" in data) {
    say(["stages"], "need facts of disciplines: expected data with facts.");
    return problems;
  }
  if (data.instructions !== undefined) say(["data", "instructions"], "have no stage: leave them out.");
  if (data.formatted !== undefined) say(["data", "formatted"], "has no stage: leave it out.");
  const total = sum(stages.map((stage) => stage.steps));
  if (steps !== total) say(["steps"], `got ${steps}, expected ${total}, those of all stages.`);
  const used = DISCIPLINES.filter((discipline) => (data.facts[discipline] ?? 0) > 0);
  const listed = stages.flatMap(({ disciplines }) => disciplines);
  const twice = used.filter((discipline) => listed.filter((one) => one === discipline).length > 1);
  if (twice.length > 0) say(["stages"], `name ${twice.join(", ")} more than once.`);
  const missing = used.filter((discipline) => !listed.includes(discipline));
  if (missing.length > 0) say(["stages"], `leave out ${missing.join(", ")}, which have facts.`);
  const extra = listed.filter((discipline) => !used.includes(discipline));
  if (extra.length > 0) say(["stages"], `name ${extra.join(", ")}, of which there are no facts.`);
  return problems;
}
