import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import type { CommandContext } from "../../../src/commands/command.js";
import { parseArguments } from "../../../src/commands/arguments.js";
import { installedKernels, isNodeEnough } from "../../../src/commands/kernel-check.js";
import { type KernelChange, kernelCommand } from "../../../src/commands/kernel.js";
import {
  copy,
  exists,
  listFolder,
  makeTemporaryFolder,
  remove,
  writeAtomic,
} from "../../../src/core/files.js";
import { readKernelSpec } from "../../../src/jupyter/kernelspec.js";

let work: string;
let env: Record<string, string>;
beforeEach(() => {
  work = makeTemporaryFolder("lawbook-kernelspec");
  env = { JUPYTER_DATA_DIR: join(work, "data") };
});
afterEach(() => remove(work));

function kernel(...words: string[]): Promise<KernelChange> {
  const call = { label: "lawbook kernel", positionals: kernelCommand.positionals };
  const context: CommandContext = {
    cwd: work,
    root: work,
    home: work,
    env,
    signal: new AbortController().signal,
    progress: () => {},
  };
  return kernelCommand.run(parseArguments(kernelCommand as never, call, words), context);
}

describe("lawbook kernel", () => {
  it("installs with absolute paths and logos, refuses to replace, and uninstalls", async () => {
    const { folder, spec } = await kernel("install");
    expect(folder).toBe(join(work, "data/kernels/lawbook"));
    expect(listFolder(folder)).toEqual(["kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg"]);
    expect(readKernelSpec(folder)).toEqual(spec);
    expect(spec).toMatchObject({
      display_name: "TypeScript (Lawbook)",
      language: "typescript",
      interrupt_mode: "message",
      metadata: { debugger: false },
    });
    expect(spec?.argv[0]).toBe(process.execPath);
    expect(spec?.argv.at(-1)).toBe("{connection_file}");
    await expect(kernel("install")).rejects.toThrow(/There is already a kernelspec .*\n--force replaces it/);
    await kernel("install", "--force", "--display-name", "Other");
    expect(readKernelSpec(folder).display_name).toBe("Other");
    await kernel("uninstall");
    expect(exists(folder)).toBe(false);
    await expect(kernel("uninstall")).rejects.toMatchObject({ code: "missing" });
  });

  it("installs under another name, below a folder, and into the active environment", async () => {
    env["VIRTUAL_ENV"] = join(work, "venv");
    expect((await kernel("install", "--name", "lawbook-next")).folder).toBe(
      join(work, "data/kernels/lawbook-next"),
    );
    expect((await kernel("install", "--prefix", "env")).folder).toBe(
      join(work, "env/share/jupyter/kernels/lawbook"),
    );
    expect((await kernel("install", "--sys-prefix")).folder).toBe(
      join(work, "venv/share/jupyter/kernels/lawbook"),
    );
  });

  it.each([
    [["instal"], /Unknown action of kernel: got "instal".*\nDid you mean "install"/],
    [["install", "--user", "--sys-prefix"], /Place of the kernelspec: got "--user --sys-prefix"/],
    [["install", "--prefix", ""], /--prefix: got "", expected a folder/],
    [["install", "--name", "../escape"], /Name of a kernelspec: got "..\/escape"/],
    [["install", "--display-name", " "], /Name that notebooks show: got " "/],
    [["install", "--sys-prefix"], /needs an active Python environment/],
  ])("refuses %j", async (words, reason) => {
    await expect(kernel(...words)).rejects.toThrow(reason);
    expect(listFolder(work)).toEqual([]);
  });

  it("leaves the kernels of others alone", async () => {
    const other = join(work, "data/kernels/python3");
    const spec = {
      argv: ["python", "-m", "ipykernel_launcher"],
      display_name: "Python 3",
      language: "python",
    };
    writeAtomic(join(other, "kernel.json"), JSON.stringify(spec));
    await expect(kernel("uninstall", "--name", "python3")).rejects.toThrow(
      /\("Python 3"\) is no kernelspec of Lawbook.\n--force/,
    );
    expect(exists(other)).toBe(true);
    await kernel("uninstall", "--name", "python3", "--force");
    expect(exists(other)).toBe(false);
  });
});

describe("what doctor says of kernelspecs", () => {
  const put = (text: string): void => writeAtomic(join(work, "data/kernels/lawbook/kernel.json"), text);
  const spec = (...argv: string[]): string =>
    JSON.stringify({ argv, display_name: "T", language: "typescript" });
  const fault = async (): Promise<string | undefined> => {
    const found = (await installedKernels({ env })).filter(({ folder }) => folder.startsWith(work));
    expect(found).toHaveLength(1);
    return found[0]?.fault;
  };

  it("finds none where none is installed", async () => {
    expect((await installedKernels({ env })).filter(({ folder }) => folder.startsWith(work))).toEqual([]);
  });

  it("looks wherever Jupyter looks", async () => {
    env["JUPYTER_PATH"] = join(work, "elsewhere");
    writeAtomic(join(work, "elsewhere/kernels/lawbook/kernel.json"), "{");
    expect(await fault()).toMatch(/is not JSON/);
  });

  it.each<[string, () => string, RegExp]>([
    ["a damaged file", () => '{"argv": 5}', /argv: got 5, expected a program.*--force` writes it anew/],
    [
      "a Node that is gone",
      () => spec(join(work, "node"), "kernel-ext/dist/kernel.js"),
      /its Node is gone: there is no .*node\. `lawbook kernel install --force`/,
    ],
    [
      "a Node that is not on the path",
      () => spec("no-such-node", "kernel-ext/dist/kernel.js"),
      /its Node does not start: no-such-node/,
    ],
    [
      "a file that was moved",
      () => spec(process.execPath, join(work, "kernel-ext/dist/kernel.js")),
      /points to a file that was moved or not built: there is no .*kernel\.js/,
    ],
    [
      "another kernel",
      () => spec(process.execPath, join(work, "main.js")),
      /starts another kernel than Lawbook's/,
    ],
  ])("explains %s", async (_, text, reason) => {
    put(text());
    expect(await fault()).toMatch(reason);
  });

  it.skipIf(process.platform === "win32")("explains a Node that is too old, or that is none", async () => {
    const node = join(work, "node");
    writeAtomic(node, "#!/bin/sh\necho 18.20.4\n", 0o755);
    put(spec(node, "kernel-ext/dist/kernel.js"));
    expect(await fault()).toMatch(/its Node is too old: .*node is 18\.20\.4, expected at least 20\.19\./);
    writeAtomic(node, "#!/bin/sh\necho broken >&2; exit 3\n", 0o755);
    expect(await fault()).toMatch(/its Node does not start: .*node: broken\./);
  });

  it("explains native modules of another machine", async () => {
    const script = join(work, "kernel-ext/dist/kernel.js");
    const zeromq = join(work, "kernel-ext/node_modules/zeromq");
    writeAtomic(script, "");
    put(spec(process.execPath, script));
    expect(await fault()).toMatch(/zeromq does not load in Node v.*: Cannot find module 'zeromq'.*`npm ci`/);
    const other = process.platform === "darwin" ? "linux/x64/node/115" : "darwin/arm64/node/115";
    const builds = join(import.meta.dirname, "../../../node_modules/zeromq/build");
    copy(join(builds, other, "addon.node"), join(zeromq, "addon.node"));
    writeAtomic(join(zeromq, "package.json"), '{"name":"zeromq","main":"index.js"}');
    writeAtomic(join(zeromq, "index.js"), 'module.exports = require("./addon.node");');
    expect(await fault()).toMatch(
      new RegExp(`zeromq does not load in Node v.* on ${process.platform} ${process.arch}: .*addon\\.node`),
    );
  });

  it("explains a kernel that ends at once", async () => {
    const script = join(work, "kernel-ext/dist/kernel.js");
    writeAtomic(script, 'console.error("no such option"); process.exitCode = 2;');
    writeAtomic(join(work, "kernel-ext/node_modules/zeromq/index.js"), "");
    put(spec(process.execPath, script, "{connection_file}"));
    expect(await fault()).toMatch(
      /does not start: The kernel process ended: exit status 2\.\s*no such option/,
    );
  });

  it("compares versions of Node by number", () => {
    expect(["20.19.0", "20.20.2", "22.0.0", "26.1.0"].map(isNodeEnough)).toEqual([true, true, true, true]);
    expect(["18.20.4", "20.9.0", "20.18.3", "v20", ""].map(isNodeEnough)).toEqual(Array(5).fill(false));
  });
});
