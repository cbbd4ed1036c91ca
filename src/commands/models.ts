import { committedModels } from "../runs/resolve.js";
import { openStore } from "../runs/store.js";
import type { CommandContext, PositionalSpec } from "./command.js";

/** The MODEL argument of verbs that take one. */
export const MODEL: PositionalSpec = {
  name: "MODEL",
  description: "xs-instruct, run:<id> or a path such as ./model",
  required: true,
  suggest: modelNames,
};

/** Names that it may have, for completion: committed models and runs of the store. */
function modelNames({ root, home }: CommandContext): string[] {
  const store = openStore({ root, home, ignoreCommitted: true });
  return [...committedModels(root), ...store.list().map(({ id }) => `run:${id.slice(0, 12)}`)];
}
