import { z } from "zod";

import { invalidRequest, nearest, type Problem, quote } from "../core/errors.js";
import { optionProblems } from "../merge/compose/check.js";
import { LEARNT_COMPOSITIONS } from "../merge/compose/frozen-experts.js";
import { COMPOSE_METHOD_NAMES, findComposeMethod } from "../merge/compose/list.js";
import { type SignRule, SIGN_RULES } from "../merge/compose/method.js";
import { DISCIPLINES, type FactsData } from "../runs/request.js";

/** One adapter of a composition. */
export interface ComposedAdapterRequest {
  /** `run:<id>`, or a folder that starts with `./`, `../` or `/`. */
  readonly adapter: string;
  /** w; left out: 1, where a learnt composition starts 1 / adapters. Not with a search or a gate. */
  readonly weight?: number;
}

/** Rows from facts of disciplines, as training draws them. */
export type ComposeData = Pick<FactsData, "facts" | "wordings">;

/** A search of the weights without gradients. */
export interface SearchRequest {
  /** Each fact in each of its wordings is one row. */
  readonly data: ComposeData;
  /** Evaluations of the loss, at least 1. */
  readonly steps: number;
  /** Factor of the mean |w|, >= 0. */
  readonly l1: number;
  /** Largest |w|, > 0. */
  readonly bound: number;
}

/** Weights or gates that are learnt by gradients, the adapters being frozen. */
export interface LearnRequest {
  /** `cat`: a weight for each layer and adapter. `gate`: a router for each layer. */
  readonly kind: "cat" | "gate";
  readonly data: ComposeData;
  /** Optimiser updates, at least 1. */
  readonly steps: number;
  /** Rows of an update. */
  readonly batch: number;
  /** Tokens of a packed line. */
  readonly tokens: number;
  /** Learning rate, > 0. */
  readonly lr: number;
}

/** One composition of adapters, every default filled in. */
export interface ComposeRequest {
  readonly kind: "compose";
  /** The model under the adapters, named as in a train request. */
  readonly base: string;
  readonly adapters: readonly ComposedAdapterRequest[];
  /** A name of PEFT's `combination_type`; a learnt composition has none. */
  readonly method?: string;
  /** Rank of a truncation; left out: the largest of the adapters. */
  readonly rank?: number;
  /** Share of entries that are kept, in (0, 1]. */
  readonly density?: number;
  readonly majority_sign_method?: SignRule;
  /** `peft`: as `add_weighted_adapter` does where that differs from the formulas. */
  readonly convention: "exact" | "peft";
  readonly search?: SearchRequest;
  readonly learn?: LearnRequest;
  readonly seed: number;
  readonly device: string;
}

/** A composition as a person writes it: everything with a default may be left out. */
export type ComposeInput = Omit<Partial<ComposeRequest>, "search" | "learn"> &
  Pick<ComposeRequest, "base" | "adapters"> & {
    readonly search?: Partial<SearchRequest> & { readonly data: DataInput };
    readonly learn?: Partial<LearnRequest> & Pick<LearnRequest, "kind"> & { readonly data: DataInput };
  };

type DataInput = Pick<ComposeData, "facts"> & Partial<ComposeData>;

const count = z.int().min(1);
const data = z.strictObject({
  facts: z
    .partialRecord(z.enum(DISCIPLINES), z.int().min(0).max(4000))
    .refine((facts) => Object.values(facts).some((n) => (n ?? 0) > 0), "names no fact of any discipline"),
  wordings: z.partialRecord(z.enum([...DISCIPLINES, "else"]), count).default({}),
});
const adapter = z.strictObject({
  adapter: z.string().regex(/^(run:|\.\.?\/|\/)/, "expected run:<id> or a folder such as ./adapter"),
  weight: z.number().optional(),
});
const search = z.strictObject({
  data,
  steps: count.max(100_000).default(40),
  l1: z.number().min(0).default(0.05),
  bound: z.number().positive().default(1.5),
});
const learn = z.strictObject({
  kind: z.enum(LEARNT_COMPOSITIONS),
  data,
  steps: count.max(1_000_000).default(100),
  batch: count.max(4096).default(16),
  tokens: z.int().min(8).max(256).default(96),
  lr: z.number().positive().default(0.02),
});
const schema = z.strictObject({
  kind: z.literal("compose").default("compose"),
  base: z.string().min(1),
  adapters: z.array(adapter).min(1),
  method: z.enum(COMPOSE_METHOD_NAMES as [string, ...string[]]).optional(),
  rank: z.number().optional(),
  density: z.number().optional(),
  majority_sign_method: z.enum(SIGN_RULES).optional(),
  convention: z.enum(["exact", "peft"]).default("exact"),
  search: search.optional(),
  learn: learn.optional(),
  seed: z.int().min(0).default(1),
  device: z.string().min(1).default("auto"),
});

const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(schema.shape),
  adapters: Object.keys(adapter.shape),
  search: Object.keys(search.shape),
  learn: Object.keys(learn.shape),
  data: Object.keys(data.shape),
  facts: DISCIPLINES,
  wordings: [...DISCIPLINES, "else"],
};

/** The 1-based line of a path, where it is known. */
export type LineOf = (path: readonly (string | number)[]) => number | undefined;

/** Checks a composition and fills in what was left out. All problems come in one error, with paths and lines. */
export function parseComposeRequest(value: unknown, lineOf: LineOf = () => undefined): ComposeRequest {
  const parsed = schema.safeParse(value);
  const problems = parsed.success
    ? crossChecks(parsed.data as unknown as ComposeRequest)
    : parsed.error.issues.flatMap((issue) => problemsOf(issue, value));
  if (problems.length > 0) throw composeProblems(problems, lineOf);
  const request = parsed.data as unknown as ComposeRequest;
  return request.learn === undefined && request.method === undefined
    ? { ...request, method: "cat" }
    : request;
}

/** One error of a compose request, with the lines of its problems. */
export function composeProblems(
  problems: readonly Problem[],
  lineOf: LineOf,
  hint = "`lawbook compose --help` shows a complete request.",
): Error {
  const located = problems.map((problem): Problem => {
    const path = (problem.path ?? "").split(".").map((key) => (/^\d+$/.test(key) ? Number(key) : key));
    const line = problem.line ?? lineOf(path);
    return line === undefined ? problem : { ...problem, line };
  });
  located.sort((a, b) => (a.line ?? Infinity) - (b.line ?? Infinity) || 0);
  return invalidRequest("The compose request", located, hint);
}

function problemsOf(issue: z.core.$ZodIssue, value: unknown): Problem[] {
  const path = issue.path as (string | number)[];
  if (issue.code === "unrecognized_keys") {
    const last = path.findLast((key) => typeof key === "string") ?? "";
    const known = KNOWN_KEYS[last] ?? [];
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      const hint = near === undefined ? "" : ` (did you mean ${quote(near)}?)`;
      return {
        path: [...path, key].join("."),
        message: `unknown field, expected one of ${known.join(", ")}${hint}.`,
      };
    });
  }
  const got = path.reduce<unknown>(
    (at, key) => (at as Record<string | number, unknown> | undefined)?.[key],
    value,
  );
  const text = issue.message.replace(/^Invalid (input|option): /, "").replace(/, received .*$/, "");
  const near =
    issue.code === "invalid_value" && typeof got === "string"
      ? nearest(got, issue.values.map(String))
      : undefined;
  const hint = near === undefined ? "" : ` (did you mean ${quote(near)}?)`;
  return [
    {
      path: path.join("."),
      message:
        got === undefined
          ? `is missing: ${text}.`
          : `got ${typeof got === "number" ? String(got) : quote(got)}: ${text}${hint}.`,
    },
  ];
}

function crossChecks(request: ComposeRequest): Problem[] {
  const problems: Problem[] = [];
  const say = (path: string, message: string): void => void problems.push({ path, message });
  const {
    adapters,
    method,
    search: searched,
    learn: learnt,
    rank,
    density,
    majority_sign_method: sign,
  } = request;
  if (learnt === undefined)
    problems.push(...optionProblems(findComposeMethod(method ?? "cat"), { rank, density, sign }));
  else {
    if (searched !== undefined) say("search", "cannot stand beside learn: expected one of them.");
    for (const key of ["method", "rank", "density", "majority_sign_method"] as const) {
      if (request[key] !== undefined) say(key, `is not read where a ${learnt.kind} is learnt: leave it out.`);
    }
    if (request.convention === "peft") say("convention", "peft learns no compositions: expected exact.");
    if (adapters.length < 2) say("adapters", `got ${adapters.length}, expected at least 2 to weigh.`);
  }
  const weightless = searched !== undefined ? "a search finds the weights" : "a gate weighs the adapters";
  if (searched !== undefined || learnt?.kind === "gate") {
    adapters.forEach(({ weight }, index) => {
      if (weight !== undefined) say(`adapters.${index}.weight`, `${weightless}: leave it out.`);
    });
  }
  return problems;
}
