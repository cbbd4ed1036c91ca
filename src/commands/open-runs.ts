import { join } from "node:path";

import { LawbookError, mismatch } from "../core/errors.js";
import { exists, listFolder, readJson, remove, writeAtomic } from "../core/files.js";
import type { ResolvedRun } from "../runs/record.js";
import type { TrainRequest } from "../runs/request.js";
import type { Store } from "../runs/store.js";

/** A training with every default filled in. */
export type ResolvedTraining = ResolvedRun<TrainRequest>;

const FILE = "request.json";
const SHORTEST_PREFIX = 8;

/** Keeps the request of a training while it is not finished, so that its id alone is enough to go on. */
export function keepRequest(store: Store, run: ResolvedTraining): void {
  writeAtomic(join(store.folder(run.id), FILE), `${JSON.stringify(run, null, 2)}\n`);
}

/** Forgets the request of a training that is finished. */
export function dropRequest(store: Store, run: ResolvedTraining): void {
  remove(join(store.folder(run.id), FILE));
}

/** Ids of the trainings that were begun and are not finished, sorted. */
export function openRunIds(store: Store): string[] {
  const runs = join(store.home, "runs");
  return listFolder(runs)
    .filter((id) => exists(join(runs, id, FILE)) && !exists(join(runs, id, "record.json")))
    .sort();
}

/** The training of an id or of a unique prefix of 8 or more digits that is not finished. */
export function findOpenRun(store: Store, prefix: string): ResolvedTraining {
  if (!/^[0-9a-f]+$/.test(prefix) || prefix.length < SHORTEST_PREFIX) {
    throw new LawbookError("usage", mismatch("Run id", prefix, "at least 8 of its 64 hexadecimal digits"));
  }
  const open = openRunIds(store);
  const found = open.filter((id) => id.startsWith(prefix));
  if (found.length > 1) {
    throw new LawbookError("usage", `Several runs start with ${prefix}: ${found.join(", ")}.`, {
      hint: "Give more digits.",
    });
  }
  if (found[0] === undefined) {
    throw new LawbookError("missing", `No training ${prefix} was begun and not finished.`, {
      hint:
        open.length === 0
          ? "There is none to go on with."
          : `Open: ${open.map((id) => id.slice(0, 12)).join(", ")}.`,
    });
  }
  const path = join(store.folder(found[0]), FILE);
  const run = readJson(path) as ResolvedTraining;
  if (run.id !== found[0]) throw new LawbookError("bad-file", mismatch(`${path}: id`, run.id, found[0]));
  return run;
}
