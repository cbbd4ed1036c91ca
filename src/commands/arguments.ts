import { LawbookError, mismatch, nearest } from "../core/errors.js";
import type { Arguments, CommandSpec, FlagSpec, PositionalSpec } from "./command.js";

/** Flags that every verb takes beside its own. */
export const COMMON_FLAGS: readonly FlagSpec[] = [
  { name: "json", kind: "boolean", description: "show the result as JSON" },
  { name: "help", kind: "boolean", description: "show this text, also -h" },
];

/** Flags of a verb with those that all have. */
export function flagsOf(spec: CommandSpec): readonly FlagSpec[] {
  return [
    ...spec.flags,
    ...COMMON_FLAGS.filter(({ name }) => spec.flags.every((flag) => flag.name !== name)),
  ];
}

/** How a verb is called: the word that errors name it by, and the positional arguments that this form takes. */
export interface CallForm {
  /** For example `lawbook train`, `%train` or `%%train`. */
  readonly label: string;
  readonly positionals: readonly PositionalSpec[];
}

/** Parses words strictly: an unknown flag, a bad value or a wrong count is one clear error. */
export function parseArguments(
  spec: CommandSpec,
  { label, positionals: expected }: CallForm,
  words: readonly string[],
  body?: string,
): Arguments {
  const known = flagsOf(spec);
  const flags: Record<string, boolean | string | number | undefined> = {};
  const positionals: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (word === "--") {
      positionals.push(...words.slice(at + 1));
      break;
    }
    if (word === "-h") {
      flags["help"] = true;
      continue;
    }
    if (!word.startsWith("--")) {
      positionals.push(word);
      continue;
    }
    const [name = "", inline] = word.slice(2).split(/=(.*)/s);
    const flag = known.find((candidate) => candidate.name === name);
    if (flag === undefined) throw unknownFlag(label, name, known);
    if (flag.kind === "boolean") {
      if (inline !== undefined) throw usage(mismatch(`${label} --${name}`, inline, "no value"));
      flags[name] = true;
      continue;
    }
    const value = inline ?? words[++at];
    if (value === undefined) throw usage(`${label} --${name} needs a value: ${flag.description}.`);
    flags[name] = flagValue(label, flag, value);
  }
  if (flags["help"] !== true) checkCount(label, expected, positionals);
  return { flags, positionals, ...(body === undefined ? {} : { body }) };
}

function flagValue(label: string, flag: FlagSpec, value: string): string | number {
  if (flag.values !== undefined && !flag.values.includes(value)) {
    throw usage(
      mismatch(`${label} --${flag.name}`, value, `one of ${flag.values.join(", ")}`),
      nearest(value, flag.values),
    );
  }
  if (flag.kind === "string") return value;
  const number = Number(value);
  if (value.trim() === "" || !Number.isFinite(number))
    throw usage(mismatch(`${label} --${flag.name}`, value, "a number"));
  return number;
}

function checkCount(label: string, specs: readonly PositionalSpec[], given: readonly string[]): void {
  const missing = specs.slice(given.length).find(({ required }) => required);
  if (missing !== undefined) throw usage(`${label} needs ${missing.name}: ${missing.description}.`);
  const extra = given[specs.length];
  if (extra !== undefined && specs.at(-1)?.variadic !== true) {
    throw usage(
      mismatch(`${label}: argument`, extra, specs.length === 0 ? "no argument" : `at most ${specs.length}`),
    );
  }
}

function unknownFlag(label: string, name: string, known: readonly FlagSpec[]): LawbookError {
  const names = known.map((flag) => flag.name);
  const near = nearest(name, names);
  return usage(
    mismatch(`Unknown flag of ${label}`, `--${name}`, names.map((flag) => `--${flag}`).join(", ")),
    near === undefined ? undefined : `--${near}`,
  );
}

function usage(what: string, near?: string): LawbookError {
  return new LawbookError("usage", what, near === undefined ? {} : { hint: `Did you mean "${near}"?` });
}

/** Arguments, flags and examples of a verb, made from the spec that parses and completes it. */
export function describeArguments(spec: CommandSpec): string {
  const rows = [
    ...spec.positionals.map(({ name, description }) => [name, description] as const),
    ...flagsOf(spec).map((flag) => [usageFlag(flag), describeFlag(flag)] as const),
  ];
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const examples = spec.examples ?? [];
  return [
    ...rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`),
    ...(examples.length === 0 ? [] : ["", "Examples", ...examples.map((line) => `  ${line}`)]),
  ].join("\n");
}

/** A positional argument as usage lines show it. */
export function usagePositional({ name, required, variadic }: PositionalSpec): string {
  const text = variadic === true ? `${name}...` : name;
  return required ? text : `[${text}]`;
}

function usageFlag({ name, kind, placeholder }: FlagSpec): string {
  if (kind === "boolean") return `--${name}`;
  return `--${name} ${placeholder ?? (kind === "number" ? "N" : "TEXT")}`;
}

function describeFlag({ description, values }: FlagSpec): string {
  return values === undefined ? description : `${description} (one of ${values.join(", ")})`;
}
