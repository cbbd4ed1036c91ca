import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

import type { LawbookError } from "../core/errors.js";
import { exists, makeTemporaryFolder, remove } from "../core/files.js";
import { runProgram } from "../core/process.js";
import { type KernelSpec, kernelsFolders, launchKernel, readKernelSpec } from "../jupyter/index.js";
import type { CommandContext } from "./command.js";
import { isOwnSpec, KERNEL_NAME } from "./kernel.js";

/** A kernelspec of Lawbook that Jupyter finds, and what keeps the kernel from starting by it. */
export interface InstalledKernel {
  /** Folder of the kernelspec. */
  readonly folder: string;
  /** What is wrong and the way out; undefined where nothing is. */
  readonly fault?: string;
}

/** The oldest Node that the kernel runs on. */
export const OLDEST_NODE = "20.19";

const START_MS = 60_000;
const PROBE_MS = 30_000;
const AGAIN = "`lawbook kernel install --force` writes it anew";

/** Is a version of Node, for example `20.20.2`, new enough? */
export function isNodeEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 20 || (major === 20 && minor >= 19);
}

/** Looks at every kernelspec of Lawbook in Jupyter's folders and starts each kernel once. */
export async function installedKernels({ env }: Pick<CommandContext, "env">): Promise<InstalledKernel[]> {
  const folders = kernelsFolders({ platform: process.platform, env, home: homedir() })
    .map((kernels) => join(kernels, KERNEL_NAME))
    .filter((folder, at, all) => all.indexOf(folder) === at && exists(folder));
  const found: InstalledKernel[] = [];
  for (const folder of folders) {
    const fault = await faultOf(folder, env);
    found.push({ folder, ...(fault === undefined ? {} : { fault }) });
  }
  return found;
}

/** The most basic thing that is wrong with a kernelspec. */
async function faultOf(folder: string, env: CommandContext["env"]): Promise<string | undefined> {
  let spec: KernelSpec;
  try {
    spec = readKernelSpec(folder);
  } catch (error) {
    return `${(error as LawbookError).message} ${AGAIN}`;
  }
  return nodeFault(spec) ?? scriptFault(spec) ?? nativeFault(spec) ?? (await startFault(spec, env));
}

function nodeFault({ argv: [node = ""] }: KernelSpec): string | undefined {
  if (isAbsolute(node) && !exists(node)) return `its Node is gone: there is no ${node}. ${AGAIN}`;
  const { status, stdout, stderr } = runProgram(node, ["-p", "process.versions.node"], {
    timeoutMs: PROBE_MS,
  });
  if (status !== 0) {
    const reason = firstLine(stderr);
    return `its Node does not start: ${node}${reason === "" ? "" : `: ${reason}`}. ${AGAIN}`;
  }
  const version = stdout.trim();
  if (isNodeEnough(version)) return undefined;
  return `its Node is too old: ${node} is ${version}, expected at least ${OLDEST_NODE}. Install with a newer Node: ${AGAIN}`;
}

function scriptFault(spec: KernelSpec): string | undefined {
  const script = scriptOf(spec);
  if (script === undefined || !isOwnSpec(spec))
    return `it starts another kernel than Lawbook's: ${spec.argv.join(" ")}. ${AGAIN}`;
  if (exists(script)) return undefined;
  return `it points to a file that was moved or not built: there is no ${script}. \`npm run build\`, or in its new place ${AGAIN}`;
}

/** Loads what is compiled for one kind of machine, in the Node that would start the kernel. */
function nativeFault(spec: KernelSpec): string | undefined {
  const [node = ""] = spec.argv;
  const probe = `try { require("node:module").createRequire(process.argv[1])("zeromq"); }
    catch (error) { console.log(\`\${process.version} on \${process.platform} \${process.arch}: \${error.message}\`); }`;
  const { status, stdout, signal } = runProgram(node, ["-e", probe, scriptOf(spec) ?? ""], {
    timeoutMs: PROBE_MS,
  });
  if (status === 0 && stdout === "") return undefined;
  const reason = stdout === "" ? `the process ended with ${signal ?? `status ${status}`}` : firstLine(stdout);
  return `zeromq does not load in Node ${reason}. Packages of another machine or Node: remove node_modules, run \`npm ci\``;
}

async function startFault({ argv }: KernelSpec, env: CommandContext["env"]): Promise<string | undefined> {
  const home = makeTemporaryFolder("lawbook-doctor");
  try {
    const kernel = await launchKernel({
      argv,
      cwd: home,
      env: { ...env, LAWBOOK_HOME: home },
      startTimeoutMs: START_MS,
    });
    try {
      const { reply, outputs } = await kernel.client.execute("6 * 7", { timeoutMs: START_MS });
      const [output] = outputs;
      const answer = output?.output_type === "execute_result" ? output.data["text/plain"] : undefined;
      if (answer !== "42") return `it starts, but a cell with 6 * 7 gives ${JSON.stringify(answer ?? reply)}`;
    } finally {
      await kernel.stop();
    }
    return undefined;
  } catch (error) {
    return `it does not start: ${(error as Error).message}`;
  } finally {
    remove(home);
  }
}

function scriptOf({ argv }: KernelSpec): string | undefined {
  return argv.find((part) => part.endsWith(".js"));
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0]?.replace(/\.$/, "") ?? "";
}
