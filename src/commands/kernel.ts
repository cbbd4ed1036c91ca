import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { LawbookError, mismatch, unknownName } from "../core/errors.js";
import { exists } from "../core/files.js";
import {
  type KernelSpec,
  kernelsFolder,
  type Machine,
  type Place,
  readKernelSpec,
  removeKernelSpec,
  writeKernelSpec,
} from "../jupyter/index.js";
import { kernelArgv } from "../replay/client.js";
import { type Arguments, command, type CommandContext, type CommandSpec } from "./command.js";

/** What `lawbook kernel` did. */
export interface KernelChange {
  readonly action: "install" | "uninstall";
  /** Folder of the kernelspec. */
  readonly folder: string;
  /** Content of kernel.json, where it was written. */
  readonly spec?: KernelSpec;
}

/** Name of the kernelspec that is installed where none is given; the notebooks of this project ask for it. */
export const KERNEL_NAME = "lawbook";

const ACTIONS = ["install", "uninstall"];
const LOGOS = ["logo-svg.svg", "logo-64x64.png", "logo-32x32.png"];

/** `lawbook kernel install` and `uninstall`: the kernelspec by which Jupyter finds the kernel; needs no Python. */
export const kernelCommand: CommandSpec<KernelChange> = command({
  name: "kernel",
  summary: "Install the kernel for Jupyter, or remove it",
  positionals: [
    { name: "ACTION", description: "install or uninstall", required: true, suggest: () => ACTIONS },
  ],
  flags: [
    { name: "user", kind: "boolean", description: "for this person (default)" },
    { name: "sys-prefix", kind: "boolean", description: "into the active Python environment" },
    { name: "prefix", kind: "string", placeholder: "DIR", description: "below DIR/share/jupyter" },
    {
      name: "name",
      kind: "string",
      placeholder: "NAME",
      description: "name of the kernelspec, default lawbook",
    },
    {
      name: "display-name",
      kind: "string",
      placeholder: "TEXT",
      description: "name that notebooks show, default TypeScript (Lawbook)",
    },
    { name: "force", kind: "boolean", description: "replace or remove what is there, whosever it is" },
  ],
  examples: [
    "lawbook kernel install",
    "lawbook kernel install --prefix ./env",
    "lawbook kernel install --name lawbook-next --display-name 'TypeScript (Lawbook, next)'",
    "lawbook kernel uninstall",
  ],
  run: changeKernel,
  show: ({ action, folder, spec }) => ({
    text:
      action === "install"
        ? `Installed the kernel "${spec?.display_name ?? ""}" in ${folder}\nChoose it in Jupyter's launcher.`
        : `Removed ${folder}`,
    json: { action, folder, ...(spec === undefined ? {} : { spec: JSON.parse(JSON.stringify(spec)) }) },
  }),
});

async function changeKernel(args: Arguments, context: CommandContext): Promise<KernelChange> {
  const [action = ""] = args.positionals;
  const machine: Machine = { platform: process.platform, env: context.env, home: homedir() };
  const kernels = kernelsFolder(chosenPlace(args, context.cwd), machine);
  const name = text(args, "name") ?? KERNEL_NAME;
  const force = args.flags["force"] === true;
  switch (action) {
    case "install": {
      const spec = kernelSpec(text(args, "display-name") ?? "TypeScript (Lawbook)");
      return {
        action,
        folder: await writeKernelSpec(kernels, name, { spec, files: logos(), replace: force }),
        spec,
      };
    }
    case "uninstall":
      if (!force) refuseForeign(join(kernels, name));
      return { action, folder: removeKernelSpec(kernels, name) };
    default:
      throw unknownName("action of kernel", action, ACTIONS);
  }
}

/** The kernelspec of this installation; absolute paths, so that it works from every folder and front end. */
export function kernelSpec(displayName: string): KernelSpec {
  return {
    argv: kernelArgv(),
    display_name: displayName,
    language: "typescript",
    interrupt_mode: "message",
    kernel_protocol_version: "5.4",
    metadata: { debugger: false },
  };
}

/** Is it a kernelspec that `lawbook kernel install` wrote, from this installation or another? */
export function isOwnSpec({ argv }: Pick<KernelSpec, "argv">): boolean {
  return argv.some((part) => /[\\/](kernel-ext|lawbook-kernel)[\\/]dist[\\/]kernel\.js$/.test(part));
}

/** Keeps `uninstall --name` from the kernels of others. */
function refuseForeign(folder: string): void {
  if (!exists(join(folder, "kernel.json"))) return;
  const spec = readKernelSpec(folder);
  if (isOwnSpec(spec)) return;
  throw new LawbookError("usage", `${folder} ("${spec.display_name}") is no kernelspec of Lawbook.`, {
    hint: "--force removes it all the same.",
  });
}

function logos(): Record<string, string> {
  const folder = join(dirname(dirname(kernelArgv().find((part) => part.endsWith(".js")) ?? "")), "logos");
  return Object.fromEntries(LOGOS.map((name) => [name, join(folder, name)]));
}

function chosenPlace(args: Arguments, cwd: string): Place {
  const given = ["user", "sys-prefix", "prefix"].filter(
    (name) => args.flags[name] !== undefined && args.flags[name] !== false,
  );
  if (given.length > 1) {
    throw new LawbookError(
      "usage",
      mismatch("Place of the kernelspec", given.map((name) => `--${name}`).join(" "), "one of them"),
    );
  }
  const prefix = text(args, "prefix");
  if (prefix?.trim() === "") throw new LawbookError("usage", mismatch("--prefix", prefix, "a folder"));
  if (prefix !== undefined) return { kind: "prefix", folder: resolve(cwd, prefix) };
  return { kind: args.flags["sys-prefix"] === true ? "sys-prefix" : "user" };
}

function text(args: Arguments, name: string): string | undefined {
  const value = args.flags[name];
  return typeof value === "string" ? value : undefined;
}
