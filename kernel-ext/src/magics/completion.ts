import { type CommandContext, type CommandSpec, flagsOf } from "lawbook";

import { type MagicForm, positionalsOf, tokenize } from "./arguments.js";

/** Completions and the length of the text before the cursor that they replace. */
export interface MagicCompletion {
  readonly matches: readonly string[];
  readonly replaces: number;
  /** What they are, for the sign that a front end shows beside them. */
  readonly kind: "magic" | "flag" | "value" | "keyword";
}

/** Completes the name of a magic after `%` or `%%`. */
export function completeName(
  specs: readonly CommandSpec[],
  form: MagicForm | "either",
  typed: string,
): MagicCompletion {
  const fits = (spec: CommandSpec): boolean =>
    spec.name.startsWith(typed) && (form === "either" || spec.magics?.includes(form) === true);
  return { matches: specs.filter(fits).map(({ name }) => name), replaces: typed.length, kind: "magic" };
}

/** Completes flags, their values and positional arguments of a magic; `typed` is the text from its name to the cursor. */
export function completeArguments(
  spec: CommandSpec,
  form: MagicForm,
  typed: string,
  context: CommandContext,
): MagicCompletion {
  const word = /\S*$/.exec(typed)?.[0] ?? "";
  const before = tokenize(typed.slice(0, typed.length - word.length));
  const flags = flagsOf(spec);
  const offer = (
    values: readonly string[],
    text = word,
    kind: MagicCompletion["kind"] = "value",
  ): MagicCompletion => ({
    matches: values.filter((value) => value.startsWith(text)),
    replaces: text.length,
    kind,
  });
  const assigned = /^--([^=]+)=(.*)$/.exec(word);
  if (assigned !== null) {
    return offer(flags.find(({ name }) => name === assigned[1])?.values ?? [], assigned[2] ?? "");
  }
  const last = before.at(-1);
  const open = flags.find(({ name, kind }) => kind !== "boolean" && `--${name}` === last);
  if (open !== undefined) return offer(open.values ?? []);
  if (word.startsWith("-")) {
    const left = flags.map(({ name }) => `--${name}`).filter((flag) => !before.includes(flag));
    return offer(left, word, "flag");
  }
  const positionals = positionalsOf(spec, form);
  // Before the positionals of a cell magic there may be the name that takes its result.
  const place = Math.max(0, countPositionals(spec, before) - (form === "cell" ? 1 : 0));
  const positional =
    positionals[place] ?? (positionals.at(-1)?.variadic === true ? positionals.at(-1) : undefined);
  return offer(positional?.suggest?.(context) ?? []);
}

function countPositionals(spec: CommandSpec, tokens: readonly string[]): number {
  const takesValue = new Set(
    flagsOf(spec)
      .filter(({ kind }) => kind !== "boolean")
      .map(({ name }) => `--${name}`),
  );
  return tokens.filter((token, at) => !token.startsWith("-") && !takesValue.has(tokens[at - 1] ?? "")).length;
}
