import { resolve } from "node:path";

import { LawbookError } from "../core/errors.js";
import { exists } from "../core/files.js";

/** Flags of verbs that write a folder. */
type Flags = Readonly<Record<string, boolean | string | number | undefined>>;

/** The folder that `--out` names, which must not be there yet; undefined without the flag. */
export function outFolder({ out }: Flags, cwd: string): string | undefined {
  if (out === undefined) return undefined;
  const folder = resolve(cwd, out as string);
  if (exists(folder))
    throw new LawbookError("usage", `--out names a folder that is there already: ${String(out)}.`);
  return folder;
}

/** Refuses flags that say how a folder is written where none is. */
export function requireOut(flags: Flags, names: readonly string[]): void {
  const lonely = flags["out"] === undefined ? names.find((name) => flags[name] !== undefined) : undefined;
  if (lonely !== undefined) throw new LawbookError("usage", `--${lonely} needs --out: a folder to write to.`);
}

/** Says that `--merged` asks for what cannot be. */
export function mixtureCannotBeFolded(): LawbookError {
  return new LawbookError(
    "usage",
    "--merged cannot fold a mixture into weights: its update depends on the token.",
  );
}
