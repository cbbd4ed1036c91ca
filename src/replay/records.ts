import { join } from "node:path";

import { LawbookError } from "../core/errors.js";
import { exists, isFolder, listFolder } from "../core/files.js";
import type { RunRecord } from "../runs/record.js";
import { readRecords } from "../study/records.js";
import { STUDY_FILES } from "../study/study.js";

/** The committed records of one law; none where they are damaged. */
export interface LawRecords {
  /** Folder below `reports/`. */
  readonly law: string;
  readonly records: readonly RunRecord[];
  readonly failure?: LawbookError;
}

/** Reads and checks the records of every study below `reports/`; a damaged file does not hide the next one. */
export function readAllRecords(root: string, engine: number): LawRecords[] {
  return listFolder(join(root, "reports"))
    .filter((law) => isStudy(join(root, "reports", law)))
    .map((law) => {
      const path = `reports/${law}/records.jsonl`;
      try {
        const records = readRecords(join(root, path));
        for (const record of records) checkEngine(record, path, engine);
        return { law, records };
      } catch (error) {
        return { law, records: [], failure: asFailure(error, path, join(root, path)) };
      }
    });
}

/** A rule alone is none yet: it is committed before its runs. */
function isStudy(folder: string): boolean {
  return isFolder(folder) && STUDY_FILES.some((file) => file !== "rule.json" && exists(join(folder, file)));
}

function checkEngine(record: RunRecord, path: string, engine: number): void {
  if (record.engine === engine) return;
  const what = `${path}: record ${record.id.slice(0, 12)}… is of engine ${record.engine}, this is engine ${engine}.`;
  throw new LawbookError("engine", what, {
    hint: "Make the records of this engine with lawbook law N --fresh --accept.",
    data: { record: record.id },
  });
}

/** Names the file by its path from the root; a study without records is a damaged one. */
function asFailure(error: unknown, path: string, absolute: string): LawbookError {
  if (!(error instanceof LawbookError)) {
    return new LawbookError("record-damaged", `${path} cannot be read: ${String(error)}`, { cause: error });
  }
  const code = error.code === "engine" ? "engine" : "record-damaged";
  return new LawbookError(code, error.message.replaceAll(absolute, path), { data: error.data, cause: error });
}
