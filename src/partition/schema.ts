import { z } from "zod";

import { invalidRequest, type Problem, quote } from "../core/errors.js";
import { type LineOf, type Path, problemAt, problemsOf, type SchemaWords } from "../core/problems.js";
import { DISCREPANCY_NAMES } from "./discrepancy.js";
import type { StageRadius } from "./objective.js";
import type { PartitionRequest } from "./request.js";
import { SOLVER_NAMES, SOLVERS } from "./solve.js";
import { SYNERGY_NAMES } from "./synergy.js";

/** Most disciplines that the optimum is known for. */
const MOST_DISCIPLINES = 14;
/** Most documents of a discipline for a kernel over all pairs of documents. */
const MOST_KERNEL_FACTS = 500;

/**
 * Norm balls where none are asked for. Measured on size XS, all-linear adapters of rank 8, learning rate 0.003, stages of 200
 * steps: without balls the weights move by 27 to 30 in a stage and pass 10 near step 25; adapters start at 9.7 (with one
 * block more, 10.6) and pass 12 near step 100 where two disciplines share a stage.
 */
const RADIUS: StageRadius = { weights: 10, adapters: 12 };
/** With these balls a stage costs 0.1, and so does an adapter. */
const PENALTY = { weights: 0.001, adapters: 0.0007 };

/** A value alone stands for a list of it. */
const listed = (value: unknown): unknown => (Array.isArray(value) || value === undefined ? value : [value]);

function schemaOf(known: readonly string[]) {
  const facts = z.int().min(2).max(4000);
  const price = z.number().min(0);
  const norm = z.number().positive();
  return z.strictObject({
    kind: z.literal("partition").default("partition"),
    disciplines: z
      .array(z.enum(known))
      .min(2)
      .max(MOST_DISCIPLINES)
      .default([...known]),
    corpus: z
      .strictObject({
        facts: z.union([facts, z.partialRecord(z.enum(known), facts)]).default(200),
        wordings: z.int().min(1).default(1),
      })
      .prefault({}),
    model: z.string().min(1).optional(),
    discrepancy: z.enum(DISCREPANCY_NAMES).default("jensen-shannon"),
    synergy: z.enum(SYNERGY_NAMES).default("mean"),
    smoothing: z.number().min(0).default(0.5),
    lambda: z.preprocess(listed, z.array(z.number().min(0)).min(1).max(1000).default([1, 0, 0.5, 1.5, 2, 3])),
    penalty: z
      .strictObject({ weights: price.default(PENALTY.weights), adapters: price.default(PENALTY.adapters) })
      .prefault({}),
    radius: z
      .strictObject({ weights: norm.default(RADIUS.weights), adapters: norm.default(RADIUS.adapters) })
      .prefault({}),
    solver: z.preprocess(
      (value) => (value === undefined || value === "all" ? ["all"] : listed(value)),
      z.array(z.enum(["all", ...SOLVER_NAMES])).min(1),
    ),
    stages: z.int().min(1).max(MOST_DISCIPLINES).default(MOST_DISCIPLINES),
    steps: z.int().min(1).max(1_000_000).default(200),
    bootstrap: z.int().min(0).max(10_000).default(200),
    control: z.int().min(0).max(1000).default(20),
    seed: z.int().min(0).default(1),
  });
}

/** Keys of the parts of a request, for "did you mean"; the disciplines are those of any other part. */
const PARTS: Readonly<Record<string, readonly string[]>> = {
  corpus: ["facts", "wordings"],
  penalty: ["weights", "adapters"],
  radius: ["weights", "adapters"],
};

/** What the schema does not tell of itself; facts are a number, or numbers by discipline. */
function wordsOf(known: readonly string[]): SchemaWords {
  return {
    keys: (path) => (path === "" ? Object.keys(schemaOf(known).shape) : (PARTS[path] ?? known)),
    branch: (value) => (typeof value === "object" && value !== null ? 1 : 0),
  };
}

/**
 * Checks a partition request and fills in what was left out. `known`: the disciplines that there are. All problems come in
 * one error, each with its path and, where `lineOf` knows it, its line.
 */
export function parsePartitionRequest(
  value: unknown,
  known: readonly string[],
  lineOf: LineOf = () => undefined,
): PartitionRequest {
  const given = value ?? {};
  const parsed = schemaOf(known).safeParse(given);
  const request = parsed.success ? completed(parsed.data as Parsed) : undefined;
  const problems = parsed.success
    ? crossChecks(request!, lineOf)
    : problemsOf(parsed.error.issues, given, wordsOf(known), lineOf);
  if (problems.length > 0) {
    throw invalidRequest(
      "The partition request",
      problems,
      "`lawbook partition --help` shows a complete request.",
    );
  }
  return request!;
}

type Parsed = Omit<PartitionRequest, "corpus" | "solver"> & {
  readonly corpus: { readonly facts: number | Readonly<Record<string, number>>; readonly wordings: number };
  readonly solver: readonly string[];
};

function completed(parsed: Parsed): PartitionRequest {
  const { disciplines, corpus, solver, stages, lambda, ...rest } = parsed;
  const { facts } = corpus;
  const k = disciplines.length;
  const applicable = SOLVERS.filter(({ most }) => k <= most).map(({ name }) => name);
  return {
    ...rest,
    disciplines,
    corpus: {
      ...corpus,
      facts: typeof facts === "number" ? Object.fromEntries(disciplines.map((name) => [name, facts])) : facts,
    },
    lambda: [...new Set(lambda)],
    solver: SOLVER_NAMES.filter(
      (name) => solver.includes(name) || (solver.includes("all") && applicable.includes(name)),
    ),
    stages: Math.min(stages, k),
  };
}

function crossChecks(request: PartitionRequest, lineOf: LineOf): Problem[] {
  const problems: Problem[] = [];
  const say = (path: Path, message: string): void => {
    problems.push(problemAt(path, message, lineOf));
  };
  const { disciplines, corpus, discrepancy, smoothing } = request;
  const twice = disciplines.findIndex((name, place) => disciplines.indexOf(name) !== place);
  if (twice >= 0)
    say(["disciplines", twice], `got ${quote(disciplines[twice])} a second time, expected each once.`);
  for (const name of disciplines)
    if (corpus.facts[name] === undefined)
      say(["corpus", "facts", name], `is missing: expected a number of facts, as of each discipline.`);
  for (const name of Object.keys(corpus.facts))
    if (!disciplines.includes(name))
      say(["corpus", "facts", name], `is none of the disciplines: expected ${disciplines.join(", ")}.`);
  if (discrepancy === "kullback-leibler" && smoothing === 0)
    say(
      ["smoothing"],
      "got 0, expected more: kullback-leibler is infinite for a token that one corpus lacks.",
    );
  if (discrepancy === "mmd")
    for (const [name, count] of Object.entries(corpus.facts))
      if (count > MOST_KERNEL_FACTS)
        say(
          ["corpus", "facts", name],
          `got ${count}, expected at most ${MOST_KERNEL_FACTS}: mmd compares all documents in pairs.`,
        );
  return problems;
}
