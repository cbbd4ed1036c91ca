import { z } from "zod";

import { invalidRequest, type Problem } from "../../core/errors.js";
import { type LineOf, problemsOf } from "../../core/problems.js";
import { optionProblems } from "../../merge/compose/check.js";
import { LEARNT_COMPOSITIONS } from "../../merge/compose/frozen-experts.js";
import { COMPOSE_METHOD_NAMES, findComposeMethod } from "../../merge/compose/list.js";
import { SIGN_RULES } from "../../merge/compose/method.js";
import { DISCIPLINES } from "../request.js";
import type { ComposeRequest } from "./request.js";

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

/** Names that an object of the request may have, by the last key of its path. */
const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(schema.shape),
  adapters: Object.keys(adapter.shape),
  search: Object.keys(search.shape),
  learn: Object.keys(learn.shape),
  data: Object.keys(data.shape),
  facts: DISCIPLINES,
  wordings: [...DISCIPLINES, "else"],
};
const WORDS = { keys: (path: string) => KNOWN_KEYS[path.split(".").at(-1)!] ?? [] };

/** Checks a composition and fills in what was left out. All problems come in one error, with paths and lines. */
export function parseComposeRequest(value: unknown, lineOf: LineOf = () => undefined): ComposeRequest {
  const parsed = schema.safeParse(value);
  const problems = parsed.success
    ? crossChecks(parsed.data as unknown as ComposeRequest)
    : problemsOf(parsed.error.issues, value, WORDS, lineOf);
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
