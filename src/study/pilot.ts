import { join } from "node:path";

import { canonicalJson } from "../core/canonical.js";
import { LawbookError } from "../core/errors.js";
import { exists, writeAtomic, writeFolderAtomic } from "../core/files.js";
import type { Law } from "../laws/law.js";
import { pilotArms, type PilotFindings, pilotFindings } from "../laws/pilot.js";
import { checkSeeds } from "../laws/seeds.js";
import type { RunRecord } from "../runs/record.js";
import { readRecords, recordsText } from "./records.js";
import { runArms, type StudyOptions } from "./run.js";

/** The records of a law's pilot with what they say. */
export interface PilotStudy {
  readonly findings: PilotFindings;
  readonly records: readonly RunRecord[];
}

/** Where the pilot of a law is kept, below the project's root. */
export const pilotFolder = (law: Law): string => join("reports/pilots", law.rule.law);

/** The files of a pilot's folder; the second follows from the first. */
export const PILOT_FILES = ["records.jsonl", "findings.json"] as const;

/** Runs the trials and the gate of a law on its pilot seeds. What the store has is not trained again. */
export async function runPilot(law: Law, options: StudyOptions): Promise<PilotStudy> {
  const { pilot, rule } = law;
  checkSeeds(rule, pilot.seeds, "pilot");
  return pilotStudy(law, await runArms((seed) => pilotArms(pilot, seed), pilot.seeds, options));
}

/** What the records of a pilot say. */
function pilotStudy({ rule, pilot }: Law, records: readonly RunRecord[]): PilotStudy {
  return { findings: pilotFindings(rule.law, pilot, records), records };
}

/** The bytes of the files of a pilot. */
export function pilotFiles({ findings, records }: PilotStudy): Record<(typeof PILOT_FILES)[number], string> {
  return { "records.jsonl": recordsText(records), "findings.json": `${canonicalJson(findings)}\n` };
}

/** Writes a pilot's folder, whole or not at all. */
export async function writePilot(folder: string, study: PilotStudy): Promise<void> {
  const files = pilotFiles(study);
  await writeFolderAtomic(folder, (temporary) => {
    for (const name of PILOT_FILES) writeAtomic(join(temporary, name), files[name]);
  });
}

/** Reads the committed records of a pilot and draws its findings anew. Throws `missing` or `record-damaged`. */
export function readPilot(root: string, law: Law): PilotStudy {
  const path = join(root, pilotFolder(law), "records.jsonl");
  if (!exists(path)) {
    throw new LawbookError("missing", `There is no pilot of ${law.rule.law}: got no file ${path}.`, {
      hint: `lawbook pilot ${law.rule.number} --fresh runs it.`,
      data: { path },
    });
  }
  return pilotStudy(law, readRecords(path));
}
