import { join } from "node:path";

import { exists, listFolder } from "../core/files.js";
import { openStore } from "../runs/store.js";
import type { CommandContext } from "./command.js";

/** Names that a MODEL argument may have, for completion: committed models and runs of the store. */
export function modelNames({ root, home }: CommandContext): string[] {
  const folder = join(root, "datasets/models");
  const committed = listFolder(folder).filter((name) => exists(join(folder, name, "config.json")));
  const store = openStore({ root, home, ignoreCommitted: true });
  return [...committed, ...store.list().map(({ id }) => `run:${id.slice(0, 12)}`)];
}
