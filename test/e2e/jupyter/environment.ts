import { createHash } from "node:crypto";
import { join } from "node:path";

import { exists, makeTemporaryFolder, readText, remove, writeAtomic } from "../../../src/core/files.js";
import { awaitProgram, type Finished } from "../../../src/core/process.js";

/** A Python environment with Jupyter's own programs, in which this tree's kernel is installed. */
export interface JupyterEnvironment {
  /** Folder of the environment. */
  readonly prefix: string;
  readonly python: string;
  /** Environment variables that keep all else that Jupyter may find on this machine out. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs Python with arguments in a folder. */
  run(args: readonly string[], cwd?: string, env?: NodeJS.ProcessEnv): Promise<Finished>;
  /** Removes what the runs left; the environment stays. */
  clean(): void;
}

export const ROOT: string = join(import.meta.dirname, "../../..");
const PREFIX = join(ROOT, ".lawbook/venv-jupyter");
const HERE = import.meta.dirname;
const SHIM = join(ROOT, "kernel-ext/python");

/** The Node that kernels run on. */
export const KERNEL_NODE: string = process.env["LAWBOOK_KERNEL_NODE"] ?? process.execPath;

/**
 * Sets the environment up where it is not yet, with pinned packages, and installs the kernel in it. Gives the reason
 * as text where there is no Python or its packages cannot be fetched; any later failure is an error.
 */
export async function jupyterEnvironment(
  requirements: readonly string[] = ["requirements.txt"],
): Promise<JupyterEnvironment | string> {
  const base = process.env["LAWBOOK_VENV_PYTHON"] ?? (process.platform === "win32" ? "python" : "python3");
  const version = await finished(base, ["-c", "import sys, ensurepip, venv; print(sys.version)"]);
  if (version.status !== 0)
    return `${base} with venv and ensurepip is missing; LAWBOOK_VENV_PYTHON names one`;
  const python =
    process.platform === "win32" ? join(PREFIX, "Scripts/python.exe") : join(PREFIX, "bin/python");
  for (const file of requirements) {
    const reason = await install(base, python, file, version.stdout);
    if (reason !== undefined) return reason;
  }
  const folder = makeTemporaryFolder("lawbook-jupyter");
  const env: NodeJS.ProcessEnv = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(JUPYTER|IPYTHON|PYTHON)/.test(name)),
    ),
    HOME: folder,
    JUPYTER_DATA_DIR: join(folder, "data"),
    JUPYTER_CONFIG_DIR: join(folder, "config"),
    JUPYTER_RUNTIME_DIR: join(folder, "runtime"),
    IPYTHONDIR: join(folder, "ipython"),
    LAWBOOK_HOME: join(folder, "home"),
    PYTHONWARNINGS: "ignore",
  };
  const cli = join(ROOT, "dist/cli.js");
  const spec = await awaitProgram(KERNEL_NODE, [cli, "kernel", "install", "--prefix", PREFIX, "--force"], {
    env,
  });
  if (spec.status !== 0) throw new Error(spec.stderr);
  return {
    prefix: PREFIX,
    python,
    env,
    run: (args, cwd = folder, more = {}) => awaitProgram(python, args, { cwd, env: { ...env, ...more } }),
    clean: () => remove(folder),
  };
}

/** Installs a file of requirements unless exactly that was done before; gives the reason where it fails. */
async function install(
  base: string,
  python: string,
  file: string,
  version: string,
): Promise<string | undefined> {
  const stamp = join(PREFIX, `${file}.installed`);
  const own = file === "requirements.txt" ? [SHIM] : [];
  const wanted = createHash("sha256")
    .update(version)
    .update(readText(join(HERE, file)))
    .update(
      own
        .map((path) => readText(join(path, "lawbook_papermill.py")) + readText(join(path, "pyproject.toml")))
        .join(),
    )
    .digest("hex");
  if (exists(stamp) && readText(stamp) === wanted) return undefined;
  if (!exists(python)) {
    const { status, stderr } = await finished(base, ["-m", "venv", "--clear", PREFIX]);
    if (status !== 0) return `no virtual environment: ${lastLine(stderr)}`;
  }
  const pip = [python, ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]] as const;
  const packages = await finished(pip[0], [...pip[1], "-r", join(HERE, file)]);
  if (packages.status !== 0) return `packages of ${file} cannot be fetched: ${lastLine(packages.stderr)}`;
  for (const path of own) {
    const rest = ["--no-deps", "--no-build-isolation", "--force-reinstall", path];
    const { status, stderr } = await finished(pip[0], [...pip[1], ...rest]);
    if (status !== 0) throw new Error(stderr);
  }
  writeAtomic(stamp, wanted);
  return undefined;
}

/** Runs a program; one that cannot be started has failed. */
async function finished(file: string, args: readonly string[]): Promise<Finished> {
  try {
    return await awaitProgram(file, args);
  } catch (error) {
    return { status: null, signal: null, stdout: "", stderr: (error as Error).message };
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
