import { join, type PlatformPath, posix, win32 } from "node:path";

import { LawbookError, mismatch } from "../core/errors.js";
import { copy, exists, readJson, remove, writeAtomic, writeFolderAtomic } from "../core/files.js";

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
 * `%APPDATA%\jupyter` on Windows, `$XDG_DATA_HOME/jupyter` or `~/.local/share/jupyter` elsewhere. With
 * `JUPYTER_PLATFORM_DIRS` macOS and Windows keep it in `~/Library/Application Support` and `%LOCALAPPDATA%`.
 */
export function userDataFolder(machine: Machine): string {
  const { platform, home } = machine;
  const { join } = pathOf(machine);
  const chosen = variable(machine, "JUPYTER_DATA_DIR");
  if (chosen !== undefined) return chosen;
  const asPlatform = isSet(machine, "JUPYTER_PLATFORM_DIRS");
  if (platform === "darwin") {
    return asPlatform
      ? join(home, "Library", "Application Support", "jupyter")
      : join(home, "Library", "Jupyter");
  }
  if (platform === "win32") {
    if (asPlatform)
      return join(variable(machine, "LOCALAPPDATA") ?? join(home, "AppData", "Local"), "jupyter");
    const appData = variable(machine, "APPDATA");
    if (appData !== undefined) return join(appData, "jupyter");
    return join(variable(machine, "JUPYTER_CONFIG_DIR") ?? join(home, ".jupyter"), "data");
  }
  return join(variable(machine, "XDG_DATA_HOME") ?? join(home, ".local", "share"), "jupyter");
}

/** The folder that holds the kernelspecs of a place. */
export function kernelsFolder(place: Place, machine: Machine): string {
  const { join } = pathOf(machine);
  switch (place.kind) {
    case "user":
      return join(userDataFolder(machine), "kernels");
    case "prefix":
      return join(place.folder, "share", "jupyter", "kernels");
    case "sys-prefix": {
      const prefix = activeEnvironment(machine);
      if (prefix === undefined) {
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

/** The folders in which Jupyter looks for kernelspecs, in its order; the first spec of a name is taken. */
export function kernelsFolders(machine: Machine): string[] {
  const { join, delimiter } = pathOf(machine);
  const environment = activeEnvironment(machine);
  const own = environment === undefined ? [] : [join(environment, "share", "jupyter")];
  const user = [userDataFolder(machine)];
  const preferred = variable(machine, "JUPYTER_PREFER_ENV_PATH");
  const environmentFirst =
    preferred === undefined ? environment !== undefined : isSet(machine, "JUPYTER_PREFER_ENV_PATH");
  const system = machine.platform === "win32" ? [] : ["/usr/local/share/jupyter", "/usr/share/jupyter"];
  return [
    ...(variable(machine, "JUPYTER_PATH") ?? "").split(delimiter).filter((folder) => folder !== ""),
    ...(environmentFirst ? [...own, ...user] : [...user, ...own]),
    ...system,
  ].map((folder) => join(folder, "kernels"));
}

/** Reads and checks `kernel.json` of a kernelspec. */
export function readKernelSpec(folder: string): KernelSpec {
  const path = join(folder, "kernel.json");
  const spec = readJson(path) as Partial<KernelSpec> | null;
  const { argv, display_name } = spec ?? {};
  if (!Array.isArray(argv) || argv.length === 0 || argv.some((part) => typeof part !== "string"))
    throw new LawbookError("bad-file", mismatch(`${path}: argv`, argv, "a program and its arguments"));
  if (typeof display_name !== "string")
    throw new LawbookError("bad-file", mismatch(`${path}: display_name`, display_name, "text"));
  return spec as KernelSpec;
}

/** What a kernelspec is made of, and whether one of its name may be replaced. */
export interface KernelSpecFiles {
  readonly spec: KernelSpec;
  /** Further files: name in the folder -> source. */
  readonly files?: Readonly<Record<string, string>>;
  /** Replaces what is there; else that is an error. */
  readonly replace?: boolean;
}

/** Writes the folder `kernels/<name>` in one move and returns it. */
export async function writeKernelSpec(
  kernels: string,
  name: string,
  { spec, files = {}, replace = false }: KernelSpecFiles,
): Promise<string> {
  checkName(name);
  checkDisplayName(spec.display_name);
  const folder = join(kernels, name);
  if (!replace && exists(folder)) {
    throw new LawbookError("usage", `There is already a kernelspec ${folder}.`, {
      hint: "--force replaces it, --name NAME installs another beside it.",
    });
  }
  try {
    await writeFolderAtomic(folder, (temporary) => {
      writeAtomic(join(temporary, "kernel.json"), `${JSON.stringify(spec, null, 2)}\n`);
      for (const [target, source] of Object.entries(files)) copy(source, join(temporary, target));
    });
  } catch (cause) {
    const system = cause instanceof LawbookError ? (cause.cause ?? cause) : cause;
    const { code, message } = system as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM" && code !== "EROFS" && code !== "ENOTDIR") throw cause;
    throw new LawbookError("bad-file", `${folder} cannot be written: ${message}.`, {
      hint: "--user needs no rights of an administrator; --prefix DIR takes any other folder.",
      cause,
    });
  }
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
  if (!/^[a-z0-9._-]{1,100}$/.test(name) || /^\.+$/.test(name)) {
    throw new LawbookError(
      "usage",
      mismatch("Name of a kernelspec", name, "letters a-z, digits, dots, hyphens, underscores"),
    );
  }
}

function checkDisplayName(name: string): void {
  if (name.trim() === "" || name.length > 100 || /\p{Cc}/u.test(name))
    throw new LawbookError(
      "usage",
      mismatch("Name that notebooks show", name, "one line of 1 to 100 characters"),
    );
}

function pathOf({ platform }: Machine): PlatformPath {
  return platform === "win32" ? win32 : posix;
}

/** Value of an environment variable; an empty one counts as none. */
function variable({ env }: Machine, name: string): string | undefined {
  return env[name] === "" ? undefined : env[name];
}

/** Jupyter takes these values of a switch as no. */
function isSet(machine: Machine, name: string): boolean {
  return !["no", "n", "false", "off", "0", "0.0"].includes((variable(machine, name) ?? "no").toLowerCase());
}

function activeEnvironment(machine: Machine): string | undefined {
  return variable(machine, "VIRTUAL_ENV") ?? variable(machine, "CONDA_PREFIX");
}
