import { LawbookError, mismatch } from "../core/errors.js";
import { readText } from "../core/files.js";
import { checkRecord, recordLine, type RunRecord, sortRecords } from "../runs/record.js";

/** Text of a `records.jsonl`: one canonical record a line, sorted by id, each once. */
export function recordsText(records: readonly RunRecord[]): string {
  return sortRecords(records)
    .map((record) => `${recordLine(record)}\n`)
    .join("");
}

/**
 * Reads a `records.jsonl` and checks every line: canonical text, id and result digest that answer to the content,
 * order, and that no parent is missing. Throws `record-damaged`, naming the line.
 */
export function readRecords(path: string): RunRecord[] {
  const lines = readText(path).split("\n");
  if (lines.pop() !== "") throw damaged(path, lines.length + 1, "does not end with a line break");
  const records = lines.map((line, index) => readRecord(path, index + 1, line));
  records.forEach((record, index) => {
    const before = records[index - 1];
    if (before !== undefined && before.id >= record.id) {
      throw damaged(path, index + 1, mismatch("is out of order", record.id, `an id above ${before.id}`));
    }
  });
  const ids = new Set(records.map((record) => record.id));
  records.forEach((record, index) => {
    const missing = record.inputs.parents.find((id) => !ids.has(id));
    if (missing !== undefined)
      throw damaged(path, index + 1, `names a parent that is not in the file: ${missing}.`);
  });
  return records;
}

function readRecord(path: string, line: number, text: string): RunRecord {
  let record: RunRecord;
  try {
    record = JSON.parse(text) as RunRecord;
  } catch (cause) {
    throw damaged(path, line, `is not JSON: ${(cause as Error).message}.`, cause);
  }
  checkRecord(record, `${path}, line ${line}`);
  if (recordLine(record) !== text) throw damaged(path, line, "is not canonical JSON.");
  const { outcome } = record;
  if (outcome !== "finished" && outcome !== "diverged") {
    throw damaged(path, line, mismatch("has an unknown outcome", outcome, '"finished" or "diverged"'));
  }
  return record;
}

function damaged(path: string, line: number, what: string, cause?: unknown): LawbookError {
  return new LawbookError("record-damaged", `${path}, line ${line} ${what}`, {
    hint: "Restore the file from version control, or run the study again with --fresh --accept.",
    data: { path, line },
    ...(cause === undefined ? {} : { cause }),
  });
}
