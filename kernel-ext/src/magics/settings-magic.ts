import type { CommandSpec } from "lawbook";
import { LawbookError, mismatch } from "lawbook/dist/jupyter/index.js";

import type { Settings, SettingsTarget } from "../settings.js";

/** `%settings`: shows and changes how this kernel treats cells. */
export function settingsMagic(target: SettingsTarget): CommandSpec<Settings> {
  return {
    name: "settings",
    summary: "Show or change how this kernel treats cells",
    positionals: [],
    flags: [
      {
        name: "strict",
        kind: "string",
        placeholder: "on|off",
        description: "compile the next cells with TypeScript's strict; off at the start",
        values: ["on", "off"],
      },
      {
        name: "output-limit",
        kind: "number",
        placeholder: "CHARACTERS",
        description: "characters that one of the next cells may put out, default 10000000",
      },
    ],
    examples: ["%settings --strict on", "%settings --output-limit 50000000"],
    magics: ["line"],
    resultType: "{ readonly strict: boolean; readonly outputLimit: number }",
    run: ({ flags: { strict, "output-limit": limit } }) => {
      if (limit !== undefined && !(Number.isSafeInteger(limit) && (limit as number) >= 1)) {
        throw new LawbookError("usage", mismatch("--output-limit", limit, "a whole number, at least 1"));
      }
      return target.change({
        ...(strict === undefined ? {} : { strict: strict === "on" }),
        ...(limit === undefined ? {} : { outputLimit: limit as number }),
      });
    },
    show: (settings) => ({
      text: `strict ${settings.strict ? "on" : "off"}, output limit ${settings.outputLimit} characters`,
      json: { strict: settings.strict, outputLimit: settings.outputLimit },
    }),
  };
}
