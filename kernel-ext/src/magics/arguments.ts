import { type Arguments, type CommandSpec, parseArguments, type PositionalSpec } from "lawbook";
import { parseArgsStringToArgv } from "string-argv";

/** How a magic is used: `%name args`, or `%%name args` with a body that stands for its FILE. */
export type MagicForm = "line" | "cell";

/** Name of a magic with its sign. */
export function signed(name: string, form: MagicForm): string {
  return `${form === "cell" ? "%%" : "%"}${name}`;
}

/** The positional argument that a body stands for: the first that is not the name of a model. */
export function bodyPositional(spec: CommandSpec): PositionalSpec | undefined {
  return spec.positionals.find(({ name }) => name !== "MODEL");
}

/** Positional arguments of a magic in a form: under `%%name` without the one that the body stands for. */
export function positionalsOf(spec: CommandSpec, form: MagicForm): readonly PositionalSpec[] {
  const body = bodyPositional(spec);
  return form === "cell" ? spec.positionals.filter((positional) => positional !== body) : spec.positionals;
}

/** Splits the text after a magic's name as a shell would: white space separates, quotes join. */
export function tokenize(text: string): string[] {
  return parseArgsStringToArgv(text);
}

/** Parses the arguments of a magic as strictly as those of its verb. */
export function parseMagic(spec: CommandSpec, form: MagicForm, text: string, body?: string): Arguments {
  const call = { label: signed(spec.name, form), positionals: positionalsOf(spec, form) };
  return parseArguments(spec, call, tokenize(text), body);
}
