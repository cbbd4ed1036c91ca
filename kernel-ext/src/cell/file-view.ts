import { join } from "node:path";

import type * as TypeScript from "@tslab/typescript-for-tslab";

/** The compiler that tslab brings. */
export type Compiler = typeof TypeScript;

/** What cells may import from any folder: package name -> its folder. */
export type Packages = Readonly<Record<string, string>>;

/** Makes the compiler see `packages` from the working directory, wherever that is. */
export function resolvePackages(ts: Compiler, cwd: string, packages: Packages): void {
  const slashes = (path: string): string => path.replaceAll("\\", "/");
  const moves = Object.entries(packages).map(
    ([name, folder]) => [slashes(join(cwd, "node_modules", name)), slashes(folder)] as const,
  );
  const moved = (path: string): string => {
    for (const [from, to] of moves) {
      if (path === from || path.startsWith(`${from}/`)) return to + path.slice(from.length);
    }
    return path;
  };
  const sys = ts.sys as unknown as Record<
    string,
    ((path: string, ...rest: unknown[]) => unknown) | undefined
  >;
  for (const name of [
    "fileExists",
    "directoryExists",
    "readFile",
    "readDirectory",
    "getDirectories",
    "realpath",
    "getModifiedTime",
  ]) {
    const original = sys[name];
    if (original !== undefined) sys[name] = (path, ...rest) => original.call(ts.sys, moved(path), ...rest);
  }
}

/** Installed packages do not change under a kernel; a watcher for each of their files costs time and handles. */
export function leaveUnwatched(ts: Compiler): void {
  const sys = ts.sys as { watchFile?: (path: string, ...rest: unknown[]) => TypeScript.FileWatcher };
  const watch = sys.watchFile;
  if (watch === undefined) return;
  sys.watchFile = (path, ...rest) =>
    path.includes("/node_modules/") ? { close: () => {} } : watch.call(ts.sys, path, ...rest);
}
