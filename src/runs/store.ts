import { join } from "node:path";

import { LawbookError, mismatch } from "../core/errors.js";
import {
  exists,
  listFolder,
  makeFolder,
  readJson,
  readJsonLines,
  remove,
  writeAtomic,
} from "../core/files.js";
import { checkRecord, recordLine, type RunRecord } from "./record.js";

/** What is known of a run but decides nothing: times, host, memory. Never compared. */
export interface Observed {
  readonly startedAt: string;
  readonly durationMs: number;
  readonly node: string;
  readonly platform: string;
  readonly peakMemoryMb: number;
}

/** The runs of a home, above the committed records of the project. */
export interface Store {
  readonly home: string;
  /** The record of an id or of a unique prefix of 8 or more digits. Throws where a prefix fits several. */
  find(idOrPrefix: string): RunRecord | undefined;
  /** All records, own ones first, each id once. */
  list(): RunRecord[];
  /** Folder of a run: record.json, observed.json, model/, adapter/, checkpoint/. */
  folder(id: string): string;
  /** Stores a finished run; its model folder is there already. */
  write(record: RunRecord, observed: Observed): void;
}

/** Where a store looks. */
export interface StoreOptions {
  readonly root: string;
  readonly home: string;
  /** Leaves out the committed records under `reports/`. */
  readonly ignoreCommitted?: boolean;
}

const SHORTEST_PREFIX = 8;

/** Opens the store of a home; nothing is created before the first write. */
export function openStore({ root, home, ignoreCommitted = false }: StoreOptions): Store {
  const runs = join(home, "runs");
  const folder = (id: string): string => join(runs, id);
  let committed: Map<string, RunRecord> | undefined;
  const committedRecords = (): Map<string, RunRecord> => {
    committed ??= ignoreCommitted ? new Map() : readCommitted(root);
    return committed;
  };
  const own = (id: string): RunRecord | undefined => {
    const path = join(folder(id), "record.json");
    return exists(path) ? checkRecord(readJson(path) as RunRecord, path) : undefined;
  };
  return {
    home,
    folder,
    find: (prefix) => {
      if (!/^[0-9a-f]+$/.test(prefix) || prefix.length < SHORTEST_PREFIX) {
        throw new LawbookError(
          "usage",
          mismatch("Run id", prefix, "at least 8 of its 64 hexadecimal digits"),
        );
      }
      const ids = new Set(
        [...listFolder(runs), ...committedRecords().keys()].filter((id) => id.startsWith(prefix)),
      );
      const found = [...ids].filter(
        (id) => committedRecords().has(id) || exists(join(folder(id), "record.json")),
      );
      if (found.length > 1) {
        throw new LawbookError("usage", `Several runs start with ${prefix}: ${found.join(", ")}.`, {
          hint: "Give more digits.",
        });
      }
      return found[0] === undefined ? undefined : (own(found[0]) ?? committedRecords().get(found[0]));
    },
    list: () => {
      const records = new Map<string, RunRecord>();
      for (const id of listFolder(runs)) {
        const record = own(id);
        if (record !== undefined) records.set(id, record);
      }
      for (const [id, record] of committedRecords()) if (!records.has(id)) records.set(id, record);
      return [...records.values()];
    },
    write: (record, observed) => {
      makeFolder(folder(record.id));
      writeAtomic(join(folder(record.id), "observed.json"), `${JSON.stringify(observed, null, 2)}\n`);
      writeAtomic(join(folder(record.id), "record.json"), `${recordLine(record)}\n`);
      remove(join(folder(record.id), "checkpoint"));
    },
  };
}

/** Committed records by id: `records.jsonl` of every law, of every pilot and of the models. */
export function readCommitted(root: string): Map<string, RunRecord> {
  const files = [
    join(root, "datasets/models/records.jsonl"),
    ...[join(root, "reports"), join(root, "reports/pilots")].flatMap((folder) =>
      listFolder(folder).map((law) => join(folder, law, "records.jsonl")),
    ),
  ];
  const records = new Map<string, RunRecord>();
  for (const path of files.filter(exists)) {
    readJsonLines(path).forEach((value, index) => {
      const record = checkRecord(value as RunRecord, `${path}, line ${index + 1}`);
      records.set(record.id, record);
    });
  }
  return records;
}
