import type { z } from "zod";

import { nearest, type Problem, quote } from "./errors.js";

/** Where a part of a request stands: keys of objects and places in lists. */
export type Path = readonly (string | number)[];

/** The 1-based line of a path, where it is known. */
export type LineOf = (path: Path) => number | undefined;

/** What a schema does not tell of itself. */
export interface SchemaWords {
  /** Names that an object may have, by its path without places in lists. */
  readonly keys: (path: string) => readonly string[];
  /** What `kind` may be, by the path of its object. */
  readonly kinds?: Readonly<Record<string, readonly string[]>>;
  /** Which of the branches of a union a value is meant for, from 0; left out: the first. */
  readonly branch?: (value: unknown, branches: number) => number;
}

/** What is wrong with a request by the issues of its zod schema, each problem once, with its path and line. */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  words: SchemaWords,
  lineOf: LineOf,
): Problem[] {
  const problems = issues.flatMap((issue) => problemsOfIssue(issue, value, words, lineOf));
  const key = ({ path, message }: Problem): string => `${path} ${message}`;
  return problems.filter((one, place) => problems.findIndex((other) => key(other) === key(one)) === place);
}

/** A problem at a path, with the line where it is known. */
export function problemAt(path: Path, message: string, lineOf: LineOf): Problem {
  const line = lineOf(path);
  return { path: path.join("."), message, ...(line === undefined ? {} : { line }) };
}

function problemsOfIssue(
  issue: z.core.$ZodIssue,
  value: unknown,
  words: SchemaWords,
  lineOf: LineOf,
): Problem[] {
  const path = issue.path as Path;
  if (issue.code === "invalid_union") {
    if (issue.errors.length === 0) return [unknownKind(path, value, words, lineOf)];
    const chosen = words.branch?.(valueAt(value, path), issue.errors.length) ?? 0;
    const inner = (issue.errors[chosen] ?? []).map((one) => ({ ...one, path: [...path, ...one.path] }));
    return problemsOf(inner as z.core.$ZodIssue[], value, words, lineOf);
  }
  if (issue.code === "unrecognized_keys") {
    const known = words.keys(namesOf(path));
    return issue.keys.map((key) => {
      const message = `unknown field, expected one of ${known.join(", ")}${meant(key, known)}.`;
      return problemAt([...path, key], message, lineOf);
    });
  }
  const at = writtenPath(value, path);
  const got = valueAt(value, at);
  if (issue.code === "invalid_value" && issue.values.length > 1)
    return [problemAt(at, outside(got, issue.values.map(String)), lineOf)];
  const text = issue.message.replace(/^Invalid input: /, "").replace(/, received .*$/, "");
  const missing = text.startsWith("is missing") ? text : `is missing: ${text}`;
  return [problemAt(at, got === undefined ? `${missing}.` : `got ${shown(got)}: ${text}.`, lineOf)];
}

function unknownKind(path: Path, value: unknown, { kinds = {} }: SchemaWords, lineOf: LineOf): Problem {
  const parent = path.slice(0, -1);
  // A name alone stands for the object: then the problem is the name's.
  const at = typeof valueAt(value, parent) === "string" ? parent : path;
  return problemAt(at, outside(valueAt(value, at), kinds[namesOf(parent)] ?? []), lineOf);
}

/** "got X, expected one of A, B (did you mean A?)." */
function outside(got: unknown, known: readonly string[]): string {
  const expected = `expected one of ${known.join(", ")}${meant(got, known)}.`;
  return got === undefined ? `is missing: ${expected}` : `got ${shown(got)}, ${expected}`;
}

function meant(got: unknown, known: readonly string[]): string {
  const near = typeof got === "string" ? nearest(got, known) : undefined;
  return near === undefined ? "" : ` (did you mean ${quote(near)}?)`;
}

/** JSON has neither NaN nor infinities. */
function shown(value: unknown): string {
  return typeof value === "number" ? String(value) : quote(value);
}

/** The path without places in lists, joined by dots. */
function namesOf(path: Path): string {
  return path.filter((key) => typeof key === "string").join(".");
}

/** The path as far as the person wrote it: a value alone that stands for a list has no place in one. */
function writtenPath(value: unknown, path: Path): Path {
  const end = path.findIndex(
    (key, length) => typeof key === "number" && !Array.isArray(valueAt(value, path.slice(0, length))),
  );
  return end < 0 ? path : path.slice(0, end);
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null ? (at as Record<string | number, unknown>)[key] : undefined,
    value,
  );
}
