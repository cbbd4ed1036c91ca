import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createConnection, readConnection, writeConnection } from "../../../src/jupyter/connection.js";
import {
  kernelsFolder,
  kernelsFolders,
  type Machine,
  readKernelSpec,
  removeKernelSpec,
  userDataFolder,
  writeKernelSpec,
} from "../../../src/jupyter/kernelspec.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lawbook-spec-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const machine = (platform: NodeJS.Platform, env: Record<string, string> = {}): Machine => ({
  platform,
  env,
  home: "/home/ada",
});

const windows = (env: Record<string, string> = {}): Machine => ({
  platform: "win32",
  env,
  home: "C:\\Users\\ada",
});

describe("data folders", () => {
  it.each<[string, Machine, string]>([
    ["Linux", machine("linux"), "/home/ada/.local/share/jupyter"],
    ["Linux with XDG_DATA_HOME", machine("linux", { XDG_DATA_HOME: "/x" }), "/x/jupyter"],
    [
      "Linux with JUPYTER_PLATFORM_DIRS",
      machine("linux", { JUPYTER_PLATFORM_DIRS: "1" }),
      "/home/ada/.local/share/jupyter",
    ],
    ["macOS", machine("darwin", { XDG_DATA_HOME: "/x" }), "/home/ada/Library/Jupyter"],
    [
      "macOS with JUPYTER_PLATFORM_DIRS",
      machine("darwin", { JUPYTER_PLATFORM_DIRS: "1" }),
      "/home/ada/Library/Application Support/jupyter",
    ],
    [
      "macOS with JUPYTER_PLATFORM_DIRS off",
      machine("darwin", { JUPYTER_PLATFORM_DIRS: "False" }),
      "/home/ada/Library/Jupyter",
    ],
    ["Windows", windows({ APPDATA: "C:\\Users\\ada\\Roaming" }), "C:\\Users\\ada\\Roaming\\jupyter"],
    ["Windows without APPDATA", windows(), "C:\\Users\\ada\\.jupyter\\data"],
    [
      "Windows with JUPYTER_PLATFORM_DIRS",
      windows({ JUPYTER_PLATFORM_DIRS: "1", LOCALAPPDATA: "D:\\local" }),
      "D:\\local\\jupyter",
    ],
    ["JUPYTER_DATA_DIR before all", machine("darwin", { JUPYTER_DATA_DIR: "/j" }), "/j"],
    [
      "an empty variable as none",
      machine("linux", { JUPYTER_DATA_DIR: "" }),
      "/home/ada/.local/share/jupyter",
    ],
  ])("%s", (_, given, expected) => {
    expect(userDataFolder(given)).toBe(expected);
  });

  it.each<[string, Machine, string, string]>([
    [
      "Linux",
      machine("linux", { VIRTUAL_ENV: "/v" }),
      "/p/share/jupyter/kernels",
      "/v/share/jupyter/kernels",
    ],
    [
      "macOS",
      machine("darwin", { CONDA_PREFIX: "/c" }),
      "/p/share/jupyter/kernels",
      "/c/share/jupyter/kernels",
    ],
    [
      "Windows",
      windows({ VIRTUAL_ENV: "C:\\v" }),
      "\\p\\share\\jupyter\\kernels",
      "C:\\v\\share\\jupyter\\kernels",
    ],
  ])("knows prefixes and the active environment on %s", (_, given, prefix, environment) => {
    expect(kernelsFolder({ kind: "prefix", folder: "/p" }, given)).toBe(prefix);
    expect(kernelsFolder({ kind: "sys-prefix" }, given)).toBe(environment);
  });

  it("has no environment where none is active", () => {
    expect(() => kernelsFolder({ kind: "sys-prefix" }, machine("linux", { VIRTUAL_ENV: "" }))).toThrow(
      /needs an active Python environment/,
    );
  });

  it("searches in Jupyter's order", () => {
    const user = "/home/ada/.local/share/jupyter/kernels";
    const system = ["/usr/local/share/jupyter/kernels", "/usr/share/jupyter/kernels"];
    const own = "/v/share/jupyter/kernels";
    expect(kernelsFolders(machine("linux"))).toEqual([user, ...system]);
    expect(kernelsFolders(machine("linux", { JUPYTER_PATH: "/a:/b", VIRTUAL_ENV: "/v" }))).toEqual([
      "/a/kernels",
      "/b/kernels",
      own,
      user,
      ...system,
    ]);
    expect(
      kernelsFolders(machine("linux", { VIRTUAL_ENV: "/v", JUPYTER_PREFER_ENV_PATH: "0" })).slice(0, 2),
    ).toEqual([user, own]);
    expect(kernelsFolders(windows({ JUPYTER_PATH: "C:\\a;D:\\b", APPDATA: "C:\\r" }))).toEqual([
      "C:\\a\\kernels",
      "D:\\b\\kernels",
      "C:\\r\\jupyter\\kernels",
    ]);
  });
});

describe("kernelspecs", () => {
  const spec = {
    argv: ["node", "kernel.js"],
    display_name: "T",
    language: "typescript",
    interrupt_mode: "message",
  } as const;

  it("writes, replaces and removes one", async () => {
    const logo = join(folder, "logo.svg");
    writeFileSync(logo, "<svg/>");
    const kernels = join(folder, "kernels");
    const target = await writeKernelSpec(kernels, "lawbook", { spec, files: { "logo-svg.svg": logo } });
    expect(readKernelSpec(target)).toEqual(spec);
    expect(readFileSync(join(target, "logo-svg.svg"), "utf8")).toBe("<svg/>");
    const other = { ...spec, display_name: "U" };
    await expect(writeKernelSpec(kernels, "lawbook", { spec: other })).rejects.toMatchObject({
      code: "usage",
      message: `There is already a kernelspec ${target}.\n--force replaces it, --name NAME installs another beside it.`,
    });
    expect(readKernelSpec(target)).toEqual(spec);
    await writeKernelSpec(kernels, "lawbook", { spec: other, replace: true });
    expect(readKernelSpec(target)).toEqual(other);
    expect(readdirSync(kernels)).toEqual(["lawbook"]);
    expect(readdirSync(target)).toEqual(["kernel.json"]);
    removeKernelSpec(kernels, "lawbook");
    expect(existsSync(target)).toBe(false);
    expect(() => removeKernelSpec(kernels, "lawbook")).toThrow(/There is no kernelspec/);
  });

  it("leaves nothing where a logo is missing", async () => {
    const files = { "a.svg": join(folder, "absent") };
    await expect(writeKernelSpec(folder, "lawbook", { spec, files })).rejects.toThrow();
    expect(readdirSync(folder)).toEqual([]);
  });

  it("says where it cannot be written", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    await expect(writeKernelSpec(join(file, "kernels"), "lawbook", { spec })).rejects.toMatchObject({
      code: "bad-file",
      message: expect.stringMatching(/cannot be written: .*\n--user needs no rights/) as string,
    });
  });

  it.each(["", "..", "a/b", "A b", "é", "a".repeat(101)])("refuses the name %j", async (name) => {
    await expect(writeKernelSpec(folder, name, { spec })).rejects.toThrow(/Name of a kernelspec/);
    expect(() => removeKernelSpec(folder, name)).toThrow(/Name of a kernelspec/);
  });

  it.each(["", " ", "two\nlines", "\u0007", "x".repeat(101)])("refuses to show the name %j", async (name) => {
    await expect(
      writeKernelSpec(folder, "lawbook", { spec: { ...spec, display_name: name } }),
    ).rejects.toThrow(/Name that notebooks show/);
  });

  it.each<[string, RegExp]>([
    ["{", /kernel.json is not JSON/],
    ["null", /argv: got undefined, expected a program and its arguments/],
    ['{"argv": [], "display_name": "T"}', /argv: got \[\]/],
    ['{"argv": ["node", 5], "display_name": "T"}', /argv: got \["node",5\]/],
    ['{"argv": ["node"]}', /display_name: got undefined, expected text/],
  ])("does not read %s", (text, reason) => {
    writeFileSync(join(folder, "kernel.json"), text);
    expect(() => readKernelSpec(folder)).toThrow(reason);
  });
});

describe("connection files", () => {
  it("has five different ports on loopback and a key of 256 bits, for the owner only", async () => {
    const connection = await createConnection();
    const ports = Object.entries(connection)
      .filter(([name]) => name.endsWith("_port"))
      .map(([, port]) => port);
    expect(new Set(ports).size).toBe(5);
    expect(connection.ip).toBe("127.0.0.1");
    expect(connection.key).toMatch(/^[0-9a-f]{64}$/);
    const path = join(folder, "c.json");
    writeConnection(path, connection);
    expect(readConnection(path)).toEqual(connection);
    expect(statSync(path).mode & 0o077).toBe(0);
  });

  it.each<[object, RegExp]>([
    [{ shell_port: 0 }, /shell_port: got 0, expected a port/],
    [{ key: 5 }, /key: got 5, expected text/],
    [{ signature_scheme: "hmac-md5" }, /signature_scheme: got "hmac-md5"/],
  ])("refuses %j", async (change, reason) => {
    const path = join(folder, "c.json");
    writeFileSync(path, JSON.stringify({ ...(await createConnection()), ...change }));
    expect(() => readConnection(path)).toThrow(reason);
  });
});
