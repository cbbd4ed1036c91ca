import { type CommandSpec, describeArguments, usagePositional } from "lawbook";

import { bodyPositional, positionalsOf, signed } from "./arguments.js";

/** A listing of magics: forms and summaries, one line each. */
export function summaryLines(specs: readonly CommandSpec[]): string {
  const forms = specs.map(({ name, magics = [] }) => magics.map((form) => signed(name, form)).join(", "));
  const width = Math.max(20, ...forms.map(({ length }) => length));
  return specs.map(({ summary }, index) => `${forms[index]?.padEnd(width)} ${summary}`).join("\n");
}

/** Help on a magic, made from the spec that parses and completes it. */
export function helpText(spec: CommandSpec): string {
  const usage = (spec.magics ?? []).map((form) => {
    const words = [...positionalsOf(spec, form).map(usagePositional), "[flags]"].join(" ");
    return form === "cell"
      ? `%%${spec.name} [NAME] ${words}      NAME takes the result; the body stands for ${bodyPositional(spec)?.name ?? "FILE"}`
      : `%${spec.name} ${words}`;
  });
  // Examples are those of the command line, where the verb has another name before it.
  const details = describeArguments(spec).replace(/^( *)lawbook (?=[\w-])/gm, "$1%");
  return [...usage, "", spec.summary, "", details].join("\n");
}
