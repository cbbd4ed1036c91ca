import { join } from "node:path";

import { LawbookError, mismatch } from "../core/errors.js";
import { ENGINE } from "../compute/engine.js";
import { exists, remove } from "../core/files.js";
import { resolveCompose } from "./compose/resolve.js";
import { resolveMergeAgain } from "./merge.js";
import { resolvePartition } from "./partition.js";
import { type FindRecord, modelParameters, type ResolvedRun, type RunRecord } from "./record.js";
import { resolveTrain } from "./resolve.js";
import { openStore, type Store } from "./store.js";
import { type BatchProgress, executeInChild } from "./worker.js";

/** Digests of a record beside those of the same run trained again. */
export interface Retrained {
  readonly id: string;
  readonly expected: RunDigests;
  readonly got: RunDigests;
  readonly equal: boolean;
}

/** What two trainings of one run must share. */
export interface RunDigests {
  readonly weights: string;
  readonly resultSha256: string;
}

/** Where a run is trained again. */
export interface RetrainOptions {
  readonly root: string;
  /** The new run and its missing parents are trained below `retrain/` of this home. */
  readonly home: string;
  /** Folder that relative paths of models and adapters start from, default the root. */
  readonly cwd?: string;
  readonly signal?: AbortSignal;
  readonly progress?: (step: BatchProgress) => void;
}

/** Seconds of one token and parameter of training on the reference device; from test/bench, one core, Node 20. */
const SECONDS_PER_TOKEN_PARAMETER = 2.9e-10;
/** Seconds of start, packing and scoring. */
const FIXED_SECONDS = 12;

/** What training a record again should take on one core, parents left out; `find` answers their ids. */
export function plannedSeconds(record: RunRecord, find: FindRecord): number {
  return FIXED_SECONDS + record.result.tokens * modelParameters(record, find) * SECONDS_PER_TOKEN_PARAMETER;
}

/**
 * Trains the run of a record again and compares digests; parents whose models are missing come first. The store's own
 * copy is not used. Throws `engine` for a record of another engine and `data-differs` where an input has changed.
 */
export async function retrain(record: RunRecord, options: RetrainOptions): Promise<Retrained> {
  const { root } = options;
  const home = join(options.home, "retrain");
  if (record.engine !== ENGINE) {
    throw new LawbookError(
      "engine",
      mismatch(`Engine of record ${record.id.slice(0, 12)}`, record.engine, `${ENGINE}, this engine`),
      {
        hint: "Records of another engine cannot be compared: check out the version that made them.",
      },
    );
  }
  const known = openStore({ root, home: options.home });
  const fresh = openStore({ root, home, ignoreCommitted: true });
  await trainParents(record, known, fresh, options);
  remove(join(fresh.folder(record.id), "record.json"));
  const again = await trainAgain(record, fresh, options);
  const expected = digestsOf(record);
  const got = digestsOf(again);
  if (record.inputs.parents.length === 0) remove(fresh.folder(record.id));
  return {
    id: record.id,
    expected,
    got,
    equal: got.weights === expected.weights && got.resultSha256 === expected.resultSha256,
  };
}

/** Trains the runs that a record starts from, and theirs before them, where the fresh store has no model of them. */
async function trainParents(
  { id, inputs }: RunRecord,
  known: Store,
  fresh: Store,
  options: RetrainOptions,
): Promise<void> {
  for (const parentId of inputs.parents) {
    if (exists(join(fresh.folder(parentId), "model"))) continue;
    const parent = known.find(parentId);
    if (parent === undefined) {
      throw new LawbookError("missing", `Record ${id} starts from run ${parentId}, which is not known.`);
    }
    await trainParents(parent, known, fresh, options);
    await trainAgain(parent, fresh, options);
  }
}

async function trainAgain(
  record: RunRecord,
  fresh: Store,
  { root, cwd = root, signal, progress }: RetrainOptions,
): Promise<RunRecord> {
  const run = resolveAgain(record, { root, store: fresh, cwd });
  if (run.id !== record.id) {
    const changed = changedInputs(record, run.inputs);
    throw new LawbookError(
      "data-differs",
      mismatch(`Record ${record.id.slice(0, 12)} was made from other inputs`, changed, "those of its record"),
      {
        data: { id: record.id, changed },
      },
    );
  }
  const [again] = await executeInChild([run], {
    root,
    home: fresh.home,
    cwd,
    ignoreCommitted: true,
    ...(signal === undefined ? {} : { signal }),
    ...(progress === undefined ? {} : { progress }),
  });
  return again!;
}

/** Resolves a request that was resolved before, in whole ids, by what its models and data are now. */
export function resolveAgain(
  { request }: Pick<RunRecord, "request">,
  place: { readonly root: string; readonly store: Store; readonly cwd: string },
): ResolvedRun {
  const { root, store, cwd } = place;
  switch (request.kind) {
    case "train":
      return resolveTrain(request, root, store, { cwd });
    case "merge":
      return resolveMergeAgain(request, { root, store, folders: [cwd] }).run;
    case "compose":
      return resolveCompose(request, place).run;
    case "partition":
      return resolvePartition(request, place).run;
  }
}

function changedInputs({ inputs }: RunRecord, now: RunRecord["inputs"]): string[] {
  const files = new Set([...Object.keys(inputs.data), ...Object.keys(now.data)]);
  const others = Object.keys(inputs.others ?? {});
  return [
    ...(inputs.model.sha256 === now.model.sha256 ? [] : [inputs.model.name]),
    ...others.filter((name) => inputs.others![name] !== now.others?.[name]),
    ...[...files].filter((file) => inputs.data[file] !== now.data[file]).sort(),
  ];
}

function digestsOf({ outcome, result, resultSha256 }: RunRecord): RunDigests {
  return { weights: result.weights ?? (outcome === "diverged" ? "none, diverged" : "none"), resultSha256 };
}
