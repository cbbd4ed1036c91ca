import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createConnection, readConnection, writeConnection } from "../../../src/jupyter/connection.js";
import {
  kernelsFolder,
  type Machine,
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

describe("data folders", () => {
  it.each<[string, Machine, string]>([
    ["Linux", machine("linux"), "/home/ada/.local/share/jupyter"],
    ["Linux with XDG_DATA_HOME", machine("linux", { XDG_DATA_HOME: "/x" }), "/x/jupyter"],
    ["macOS", machine("darwin", { XDG_DATA_HOME: "/x" }), "/home/ada/Library/Jupyter"],
    ["Windows", machine("win32", { APPDATA: "/appdata" }), "/appdata/jupyter"],
    ["JUPYTER_DATA_DIR before all", machine("darwin", { JUPYTER_DATA_DIR: "/j" }), "/j"],
    [
      "an empty variable as none",
      machine("linux", { JUPYTER_DATA_DIR: "" }),
      "/home/ada/.local/share/jupyter",
    ],
  ])("%s", (_, given, expected) => {
    expect(userDataFolder(given)).toBe(expected);
  });

  it("knows prefixes and the active environment", () => {
    expect(kernelsFolder({ kind: "prefix", folder: "/p" }, machine("linux"))).toBe(
      "/p/share/jupyter/kernels",
    );
    expect(kernelsFolder({ kind: "sys-prefix" }, machine("linux", { VIRTUAL_ENV: "/v" }))).toBe(
      "/v/share/jupyter/kernels",
    );
    expect(() => kernelsFolder({ kind: "sys-prefix" }, machine("linux"))).toThrow(
      /needs an active Python environment/,
    );
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
    const target = await writeKernelSpec(kernels, "lawbook", spec, { "logo-svg.svg": logo });
    expect(JSON.parse(readFileSync(join(target, "kernel.json"), "utf8"))).toEqual(spec);
    expect(readFileSync(join(target, "logo-svg.svg"), "utf8")).toBe("<svg/>");
    await writeKernelSpec(kernels, "lawbook", { ...spec, display_name: "U" });
    expect(readdirSync(kernels)).toEqual(["lawbook"]);
    expect(readdirSync(target)).toEqual(["kernel.json"]);
    removeKernelSpec(kernels, "lawbook");
    expect(existsSync(target)).toBe(false);
    expect(() => removeKernelSpec(kernels, "lawbook")).toThrow(/There is no kernelspec/);
  });

  it("leaves nothing where a logo is missing", async () => {
    await expect(
      writeKernelSpec(folder, "lawbook", spec, { "a.svg": join(folder, "absent") }),
    ).rejects.toThrow();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(["", "..", "a/b", "A b"])("refuses the name %j", async (name) => {
    await expect(writeKernelSpec(folder, name, spec)).rejects.toThrow(/Name of a kernelspec/);
    expect(() => removeKernelSpec(folder, name)).toThrow(/Name of a kernelspec/);
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
