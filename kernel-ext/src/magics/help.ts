import { type CommandSpec, describeArguments, usagePositional } from "lawbook";

import { positionalsOf, signed } from "./arguments.js";

/** One line for a listing: forms and summary. */
export function summaryLine(spec: CommandSpec): string {
  const forms = (spec.magics ?? []).map((form) => signed(spec.name, form)).join(", ");
  return `${forms.padEnd(20)} ${spec.summary}`;
}

/** Help on a magic, made from the spec that parses and completes it. */
export function helpText(spec: CommandSpec): string {
  const usage = (spec.magics ?? []).map((form) => {
    const words = [...positionalsOf(spec, form).map(usagePositional), "[flags]"].join(" ");
    return form === "cell"
      ? `%%${spec.name} [NAME] ${words}      NAME takes the result; the body stands for ${spec.positionals[0]?.name ?? "FILE"}`
      : `%${spec.name} ${words}`;
  });
  return [...usage, "", spec.summary, "", describeArguments(spec)].join("\n");
}
