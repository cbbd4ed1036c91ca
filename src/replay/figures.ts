import { join } from "node:path";

import { LawbookError } from "../core/errors.js";
import { exists, readBytes } from "../core/files.js";
import { OVERVIEW_FILES, overviewFiles, readStudies } from "../study/overview.js";
import { readStudy, STUDY_FILES, studyFiles, type Study } from "../study/study.js";
import { firstDifference } from "./compare.js";

/** Redraws a law from its committed records and compares each file, byte for byte, with `reports/<law>/`. */
export async function checkFigures(root: string, law: string): Promise<LawbookError[]> {
  const folder = join(root, "reports", law);
  const redrawn = await studyFiles(readSoundStudy(folder, `reports/${law}`));
  return STUDY_FILES.flatMap((file) => {
    const code = file === "verdict.json" ? "verdict-differs" : "figure-differs";
    return differences(code, file, join(folder, file), `reports/${law}/${file}`, redrawn[file]);
  });
}

function differences(
  code: "verdict-differs" | "figure-differs",
  file: string,
  path: string,
  name: string,
  after: Uint8Array,
): LawbookError[] {
  const differs = (message: string): LawbookError[] => [
    new LawbookError(code, message, {
      data: { file },
      hint: `Restore ${name}, or accept what the records give with lawbook law N --accept.`,
    }),
  ];
  if (!exists(path)) return differs(`${name} is missing, but its records give one.`);
  const before = readBytes(path);
  if (Buffer.compare(before, after) === 0) return [];
  return differs(`${name} is not what its records give:\n${describe(file, before, after)}`);
}

/** Redraws what all studies together give, and compares it, byte for byte, with `reports/`. */
export async function checkOverview(root: string): Promise<LawbookError[]> {
  const reports = join(root, "reports");
  const redrawn = await overviewFiles(readStudies(reports));
  return OVERVIEW_FILES.flatMap((file) =>
    differences("figure-differs", file, join(reports, file), `reports/${file}`, redrawn[file]),
  );
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

/** The first difference, `-` committed, `+` redrawn. */
function describe(file: string, before: Uint8Array, after: Uint8Array): string {
  if (file.endsWith(".png")) return `- ${before.length} bytes\n+ ${after.length} bytes`;
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
