import { MagicRegistry } from "./registry.js";

/** Loads the verbs behind the door and makes magics of them. */
export async function openRegistry(
  cwd: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<MagicRegistry> {
  const { COMMANDS, findHome, findRoot } = await import("lawbook");
  const root = findRoot(cwd);
  const home = findHome(cwd, env);
  return new MagicRegistry(COMMANDS, (signal, progress) => ({ cwd, root, home, env, signal, progress }));
}
