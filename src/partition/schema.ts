import { z } from "zod";

import { invalidRequest, nearest, type Problem, quote } from "../core/errors.js";
import { DISCREPANCY_NAMES } from "./discrepancy.js";
import type { PartitionRequest } from "./request.js";
import { SOLVER_NAMES, SOLVERS } from "./solve.js";
import { SYNERGY_NAMES } from "./synergy.js";

/** Most disciplines that the optimum is known for. */
const MOST_DISCIPLINES = 14;
/** Most documents of a discipline for a kernel over all pairs of documents. */
const MOST_KERNEL_FACTS = 500;

type Path = readonly (string | number)[];
type LineOf = (path: Path) => number | undefined;

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
    penalty: z.strictObject({ weights: price.default(0.1), adapters: price.default(0.1) }).prefault({}),
    radius: z.strictObject({ weights: norm.default(1), adapters: norm.default(1) }).prefault({}),
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
    : problemsOf(parsed.error.issues, given, known, lineOf);
  if (problems.length > 0) {
    const unique = problems.filter(
      ({ path, message }, place) =>
        problems.findIndex((other) => other.path === path && other.message === message) === place,
    );
    throw invalidRequest(
      "The partition request",
      unique,
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
    problems.push(withLine(path, message, lineOf));
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

function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  known: readonly string[],
  lineOf: LineOf,
): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const path = issue.path as Path;
    if (issue.code === "invalid_union") {
      const at = valueAt(value, path);
      const meant = issue.errors[typeof at === "object" && at !== null ? 1 : 0] ?? [];
      const inner = meant.map((one) => ({ ...one, path: [...path, ...one.path] }));
      return problemsOf(inner as z.core.$ZodIssue[], value, known, lineOf);
    }
    if (issue.code === "unrecognized_keys") {
      const keys = path.length === 0 ? Object.keys(schemaOf(known).shape) : (PARTS[path.join(".")] ?? known);
      return issue.keys.map((key) =>
        withLine(
          [...path, key],
          `unknown field, expected one of ${keys.join(", ")}${hint(key, keys)}.`,
          lineOf,
        ),
      );
    }
    const shown = shownPath(value, path);
    const got = valueAt(value, path);
    if (issue.code === "invalid_value" && issue.values.length > 1) {
      const names = issue.values.map(String);
      return [
        withLine(shown, `got ${show(got)}, expected one of ${names.join(", ")}${hint(got, names)}.`, lineOf),
      ];
    }
    const text = issue.message.replace(/^Invalid input: /, "").replace(/, received .*$/, "");
    return [
      withLine(shown, got === undefined ? `is missing: ${text}.` : `got ${show(got)}: ${text}.`, lineOf),
    ];
  });
}

function hint(got: unknown, names: readonly string[]): string {
  const near = typeof got === "string" ? nearest(got, names) : undefined;
  return near === undefined ? "" : ` (did you mean ${quote(near)}?)`;
}

/** JSON has neither NaN nor infinities. */
function show(value: unknown): string {
  return typeof value === "number" ? String(value) : quote(value);
}

/** The path as far as the person wrote it: a value alone that stands for a list has no place in one. */
function shownPath(value: unknown, path: Path): Path {
  const end = path.findIndex((_, length) => {
    const at = valueAt(value, path.slice(0, length));
    return typeof at !== "object" || at === null;
  });
  return end < 0 ? path : path.slice(0, end);
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? (at as Record<string | number, unknown>)[key] : at),
    value,
  );
}

function withLine(path: Path, message: string, lineOf: LineOf): Problem {
  const line = lineOf(path);
  return { path: path.join("."), message, ...(line === undefined ? {} : { line }) };
}
