import type { CommandSpec } from "lawbook";

import { helpText, summaryLines } from "./help.js";
import type { MagicRegistry } from "./registry.js";

/** The magics that only a kernel has, in the same form as the verbs. */
export function kernelMagics(registry: MagicRegistry): CommandSpec[] {
  const lsmagic: CommandSpec<CommandSpec[]> = {
    name: "lsmagic",
    summary: "List the magics",
    positionals: [],
    flags: [],
    magics: ["line"],
    resultType: "readonly { readonly name: string; readonly summary: string }[]",
    run: () => Promise.resolve(registry.list()),
    show: (specs) => ({
      text: summaryLines(specs),
      json: specs.map(({ name, summary, magics = [] }) => ({ name, summary, forms: [...magics] })),
    }),
  };
  const help: CommandSpec<string> = {
    name: "help",
    summary: "Show help on a magic",
    positionals: [
      {
        name: "MAGIC",
        description: "name of the magic, with or without %",
        required: false,
        suggest: () => registry.list().map(({ name }) => name),
      },
    ],
    flags: [],
    magics: ["line"],
    resultType: "string",
    run: ({ positionals: [name] }) =>
      Promise.resolve(
        name === undefined ? summaryLines(registry.list()) : helpText(registry.find(name.replace(/^%+/, ""))),
      ),
    show: (text) => ({ text, json: text }),
  };
  return [lsmagic as CommandSpec, help as CommandSpec];
}
