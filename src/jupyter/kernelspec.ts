import { join } from "node:path";

import { LawbookError, mismatch } from "../core/errors.js";
import { copy, exists, remove, writeAtomic, writeFolderAtomic } from "../core/files.js";

/** What decides where Jupyter keeps its data. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Home folder of the person. */
  readonly home: string;
}

/** Where a kernelspec goes: for the person (default), into the active Python environment, or below a folder. */
export type Place =
  | { readonly kind: "user" }
  | { readonly kind: "sys-prefix" }
  | { readonly kind: "prefix"; readonly folder: string };

/** Content of `kernel.json`. */
export interface KernelSpec {
  readonly argv: readonly string[];
  readonly display_name: string;
  readonly language: string;
  readonly interrupt_mode: "message" | "signal";
  readonly kernel_protocol_version?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/**
 * The folder of Jupyter's data for a person: `JUPYTER_DATA_DIR`, else `~/Library/Jupyter` on macOS,
 * `%APPDATA%\jupyter` on Windows, `$XDG_DATA_HOME/jupyter` or `~/.local/share/jupyter` elsewhere.
 */
export function userDataFolder({ platform, env, home }: Machine): string {
  const set = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  const chosen = set("JUPYTER_DATA_DIR");
  if (chosen !== undefined) return chosen;
  if (platform === "darwin") return join(home, "Library", "Jupyter");
  if (platform === "win32") return join(set("APPDATA") ?? join(home, "AppData", "Roaming"), "jupyter");
  return join(set("XDG_DATA_HOME") ?? join(home, ".local", "share"), "jupyter");
}

/** The folder that holds the kernelspecs of a place. */
export function kernelsFolder(place: Place, machine: Machine): string {
  switch (place.kind) {
    case "user":
      return join(userDataFolder(machine), "kernels");
    case "prefix":
      return join(place.folder, "share", "jupyter", "kernels");
    case "sys-prefix": {
      const prefix = machine.env["VIRTUAL_ENV"] ?? machine.env["CONDA_PREFIX"];
      if (prefix === undefined || prefix === "") {
        throw new LawbookError(
          "usage",
          "--sys-prefix needs an active Python environment: got neither VIRTUAL_ENV nor CONDA_PREFIX.",
          {
            hint: "Activate the environment, or name its folder with --prefix DIR.",
          },
        );
      }
      return join(prefix, "share", "jupyter", "kernels");
    }
  }
}

/** Writes `kernels/<name>/kernel.json` with the given further files (target name -> source path) in one move; returns the folder. */
export async function writeKernelSpec(
  kernels: string,
  name: string,
  spec: KernelSpec,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  checkName(name);
  const folder = join(kernels, name);
  await writeFolderAtomic(folder, (temporary) => {
    writeAtomic(join(temporary, "kernel.json"), `${JSON.stringify(spec, null, 2)}\n`);
    for (const [target, source] of Object.entries(files)) copy(source, join(temporary, target));
  });
  return folder;
}

/** Removes a kernelspec; throws `missing` where there is none. */
export function removeKernelSpec(kernels: string, name: string): string {
  checkName(name);
  const folder = join(kernels, name);
  if (!exists(join(folder, "kernel.json")))
    throw new LawbookError("missing", `There is no kernelspec ${folder}.`);
  remove(folder);
  return folder;
}

function checkName(name: string): void {
  if (!/^[a-z0-9._-]+$/.test(name) || /^\.+$/.test(name)) {
    throw new LawbookError(
      "usage",
      mismatch("Name of a kernelspec", name, "letters a-z, digits, dots, hyphens, underscores"),
    );
  }
}
