import { join } from "node:path";

import { LawbookError } from "../core/errors.js";
import { exists, readBytes } from "../core/files.js";
import { readStudy, STUDY_FILES, studyFiles, type Study, type StudyFile } from "../study/study.js";
import { firstDifference } from "./compare.js";

/** Redraws a law from its committed records and compares each file, byte for byte, with `reports/<law>/`. */
export async function checkFigures(root: string, law: string): Promise<LawbookError[]> {
  const folder = join(root, "reports", law);
  const redrawn = await studyFiles(readSoundStudy(folder, `reports/${law}`));
  return STUDY_FILES.flatMap((file) => {
    const name = `reports/${law}/${file}`;
    if (!exists(join(folder, file)))
      return [differs(file, name, `${name} is missing, but its records give one.`)];
    const before = readBytes(join(folder, file));
    const after = redrawn[file];
    if (Buffer.compare(before, after) === 0) return [];
    return [differs(file, name, `${name} is not what its records give:\n${describe(file, before, after)}`)];
  });
}

/** A study whose rule is missing or is none cannot be judged again: what it was judged by is damaged. */
function readSoundStudy(folder: string, name: string): Study {
  try {
    return readStudy(folder);
  } catch (error) {
    if (!(error instanceof LawbookError)) throw error;
    const code = error.code === "missing" || error.code === "bad-file" ? "record-damaged" : error.code;
    throw new LawbookError(code, error.message.replaceAll(folder, name), { data: error.data, cause: error });
  }
}

function differs(file: StudyFile, name: string, message: string): LawbookError {
  return new LawbookError(file === "verdict.json" ? "verdict-differs" : "figure-differs", message, {
    data: { file },
    hint: `Restore ${name}, or accept what the records give with lawbook law N --accept.`,
  });
}

/** The first difference, `-` committed, `+` redrawn. */
function describe(file: StudyFile, before: Uint8Array, after: Uint8Array): string {
  if (file === "figure.png") return `- ${before.length} bytes\n+ ${after.length} bytes`;
  const left = new TextDecoder().decode(before);
  const right = new TextDecoder().decode(after);
  const asValues = file.endsWith(".json") ? differenceOfJson(left, right) : undefined;
  return asValues ?? firstDifference(left, right) ?? "only bytes that are no UTF-8 differ";
}

/** Undefined where a text is no JSON, or where only its spelling differs. */
function differenceOfJson(before: string, after: string): string | undefined {
  try {
    return firstDifference(JSON.parse(before) as unknown, JSON.parse(after) as unknown);
  } catch {
    return undefined;
  }
}
