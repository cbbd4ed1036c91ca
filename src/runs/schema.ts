import { z } from "zod";

import { invalidRequest, nearest, type Problem, quote } from "../core/errors.js";
import { DISCIPLINES, EVALUATION_SETS, type TrainRequest } from "./request.js";

/** A train request as a person writes it: everything with a default may be left out. */
export type TrainInput = Omit<
  Partial<TrainRequest>,
  "data" | "optimizer" | "schedule" | "evaluate" | "method"
> & {
  readonly model: string;
  readonly data:
    TrainRequest["data"] | { readonly facts: object; readonly wordings?: object; readonly sampler?: object };
  readonly method?: TrainRequest["method"] | { readonly kind: string; readonly rank?: number };
  readonly optimizer?: Partial<TrainRequest["optimizer"]>;
  readonly schedule?: Partial<TrainRequest["schedule"]>;
  readonly evaluate?: Partial<TrainRequest["evaluate"]>;
};

const count = z.int().min(1);
const perDiscipline = z.partialRecord(z.enum(DISCIPLINES), z.int().min(0).max(4000));

const sampler = z
  .strictObject({
    kind: z.enum(["proportional", "temperature", "balanced", "unimax"]).default("balanced"),
    temperature: z.number().min(1).optional(),
    cap: z.number().min(1).optional(),
    diversity: z.boolean().default(false),
  })
  .superRefine((value, context) => {
    const needs = { temperature: "temperature", unimax: "cap" } as const;
    for (const [kind, key] of Object.entries(needs) as ["temperature" | "unimax", "temperature" | "cap"][]) {
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
});
const textData = z.strictObject({ text: z.enum(["base", "instructions"]) });

const layerNames = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const method = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("full") }),
  z.strictObject({
    kind: z.literal("lora"),
    rank: count,
    alpha: z.number().positive(),
    targets: layerNames.default("all-linear"),
    exclude: layerNames.optional(),
    layers: z.array(z.int().min(0)).min(1).optional(),
    rankPattern: z.record(z.string(), count).optional(),
    alphaPattern: z.record(z.string(), z.number().positive()).optional(),
    rsLora: z.boolean().optional(),
    dora: z.boolean().optional(),
    modulesToSave: z.array(z.string().min(1)).min(1).optional(),
  }),
]);

const trainSchema = z.strictObject({
  kind: z.literal("train").default("train"),
  model: z.string().min(1),
  objective: z.enum(["cpt", "sft"]).default("sft"),
  method: method.default({ kind: "full" }),
  data: z.union([factsData, textData]),
  steps: z.int().min(0).max(1_000_000).default(400),
  batch: z.int().min(1).max(4096).default(32),
  tokens: z.int().min(8).max(256).default(96),
  optimizer: z
    .strictObject({
      lr: z.number().positive(),
      decay: z.number().min(0).default(0),
      clip: z.number().min(0).default(1),
    })
    .default({ lr: 0.003, decay: 0, clip: 1 }),
  schedule: z
    .strictObject({
      kind: z.enum(["cosine", "constant"]).default("cosine"),
      warmup: z.int().min(0).default(20),
      floor: z.number().min(0).max(1).default(0.1),
    })
    .prefault({}),
  evaluate: z.strictObject({ sets: z.array(z.enum(EVALUATION_SETS)).default(["t-recall"]) }).prefault({}),
  seed: z.int().min(0).default(1),
  device: z.string().min(1).default("auto"),
});

const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(trainSchema.shape),
  data: ["facts", "wordings", "sampler", "text"],
  "data.sampler": ["kind", "temperature", "cap", "diversity"],
  "data.facts": DISCIPLINES,
  "data.wordings": [...DISCIPLINES, "else"],
  method: [
    "kind",
    "rank",
    "alpha",
    "targets",
    "exclude",
    "layers",
    "rankPattern",
    "alphaPattern",
    "rsLora",
    "dora",
    "modulesToSave",
  ],
  optimizer: ["lr", "decay", "clip"],
  schedule: ["kind", "warmup", "floor"],
  evaluate: ["sets"],
};

/**
 * Checks a request and fills in what was left out. All problems come in one error, each with its path and, where
 * `lineOf` knows it, its line.
 */
export function parseTrainRequest(
  value: unknown,
  lineOf: (path: readonly (string | number)[]) => number | undefined = () => undefined,
): TrainRequest {
  const parsed = trainSchema.safeParse(value);
  const problems = parsed.success
    ? crossChecks(parsed.data as TrainRequest, lineOf)
    : problemsOf(parsed.error.issues, value, lineOf);
  if (problems.length > 0) {
    throw invalidRequest("The train request", problems, "`lawbook train --help` shows a complete request.");
  }
  return parsed.data as TrainRequest;
}

type Issue = z.core.$ZodIssue;

function problemsOf(
  issues: readonly Issue[],
  value: unknown,
  lineOf: (path: readonly (string | number)[]) => number | undefined,
): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const path = issue.path as (string | number)[];
    if (issue.code === "invalid_union") {
      const branches = issue.errors;
      if (branches.length === 0) return [problem(path, value, issue.message, lineOf)];
      // The branch that the person meant is the one with the keys that are there.
      const at = valueAt(value, path);
      const meantText = typeof at === "object" && at !== null && "text" in at;
      const chosen = (meantText ? branches.at(-1) : branches[0])!;
      return problemsOf(
        chosen.map((inner) => ({ ...inner, path: [...path, ...inner.path] })),
        value,
        lineOf,
      );
    }
    if (issue.code === "unrecognized_keys") {
      const known = KNOWN_KEYS[path.join(".")] ?? [];
      return issue.keys.map((key) => {
        const near = nearest(key, known);
        const message = `unknown field, expected one of ${known.join(", ")}${near === undefined ? "" : ` (did you mean ${quote(near)}?)`}.`;
        return withLine([...path, key], message, lineOf);
      });
    }
    return [problem(path, value, issue.message, lineOf)];
  });
}

function problem(
  path: (string | number)[],
  value: unknown,
  message: string,
  lineOf: (path: readonly (string | number)[]) => number | undefined,
): Problem {
  const got = valueAt(value, path);
  const text = message.replace(/^Invalid input: /, "").replace(/, received .*$/, "");
  return withLine(path, got === undefined ? `is missing: ${text}.` : `got ${quote(got)}: ${text}.`, lineOf);
}

function withLine(
  path: (string | number)[],
  message: string,
  lineOf: (path: readonly (string | number)[]) => number | undefined,
): Problem {
  const line = lineOf(path);
  return { path: path.join("."), message, ...(line === undefined ? {} : { line }) };
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (at as Record<string | number, unknown> | undefined)?.[key],
    value,
  );
}

function crossChecks(
  request: TrainRequest,
  lineOf: (path: readonly (string | number)[]) => number | undefined,
): Problem[] {
  const problems: Problem[] = [];
  const text = "text" in request.data ? request.data.text : undefined;
  if (request.objective === "cpt" && text !== "base") {
    problems.push(
      withLine(
        ["data"],
        `objective cpt reads plain text: got ${quote(request.data)}, expected {text: base}.`,
        lineOf,
      ),
    );
  }
  if (request.objective === "sft" && text === "base") {
    problems.push(
      withLine(["objective"], 'the base text has no answers: got "sft", expected "cpt".', lineOf),
    );
  }
  if (request.schedule.warmup > request.steps && request.steps > 0) {
    problems.push(
      withLine(
        ["schedule", "warmup"],
        `got ${request.schedule.warmup}, expected at most steps, ${request.steps}.`,
        lineOf,
      ),
    );
  }
  return problems;
}
