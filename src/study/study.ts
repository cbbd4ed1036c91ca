import { dirname, join } from "node:path";

import { canonicalJson, contentId, sha256 } from "../core/canonical.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { exists, readText, writeAtomic, writeFolderAtomic } from "../core/files.js";
import { chartSpec, darkSpec, type VegaLiteSpec } from "../figures/chart.js";
import { renderPng, renderSvg } from "../figures/render.js";
import type { Evidence } from "../laws/evidence.js";
import { FEWEST_PAIRS, judge, type Verdict } from "../laws/judge.js";
import type { Law } from "../laws/law.js";
import { LAWS, othersOfFamily } from "../laws/list.js";
import { type RunRecord, sortRecords } from "../runs/record.js";
import { readRecords, recordsText } from "./records.js";

/** A law with its records and all that follows from them. */
export interface Study {
  readonly law: Law;
  /** Sorted by id, closed under parents. */
  readonly records: readonly RunRecord[];
  readonly evidence: Evidence;
  readonly verdict: Verdict;
  readonly figure: VegaLiteSpec;
}

/** The files of a study folder. Each is a pure function of `rule.json` and `records.jsonl`. */
export const STUDY_FILES = [
  "rule.json",
  "records.jsonl",
  "figure.json",
  "figure.svg",
  "figure.png",
  "figure-dark.svg",
  "figure-dark.png",
  "verdict.json",
] as const;

/** One file of a study folder. */
export type StudyFile = (typeof STUDY_FILES)[number];

/** Is a study one of all laws in order (the recipe), and not of a law or claim of its own? */
export function isOfAllLaws(law: string): boolean {
  return LAWS.some(({ rule }) => rule.law === law && rule.number > 4);
}

/**
 * Evidence, verdict and figure of a law's records. Trains nothing.
 * `others`: p-values of the other claims of the law's family, as far as they are known.
 */
export function conclude(law: Law, records: readonly RunRecord[], others: readonly number[] = []): Study {
  const sorted = sortRecords(records);
  const evidence = law.evidence(sorted);
  const verdict = judge(law.rule, evidence, others);
  return { law, records: sorted, evidence, verdict, figure: chartSpec(law.chart(evidence, verdict)) };
}

/** The bytes of every file of a study folder: equal studies give equal bytes on every machine. */
export async function studyFiles(study: Study): Promise<Record<StudyFile, Uint8Array>> {
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const json = (value: unknown): Uint8Array => text(`${canonicalJson(value)}\n`);
  const svg = await renderSvg(study.figure);
  const dark = await renderSvg(darkSpec(study.figure));
  return {
    "rule.json": json(study.law.rule),
    "records.jsonl": text(recordsText(study.records)),
    "figure.json": json(study.figure),
    "figure.svg": text(`${svg}\n`),
    "figure.png": await renderPng(svg),
    "figure-dark.svg": text(`${dark}\n`),
    "figure-dark.png": await renderPng(dark),
    "verdict.json": json({ verdict: study.verdict, evidence: study.evidence }),
  };
}

/** Writes a study as a folder, whole or not at all; an existing folder is replaced. */
export async function writeStudy(folder: string, study: Study): Promise<void> {
  const files = await studyFiles(study);
  await writeFolderAtomic(folder, (temporary) => {
    for (const name of STUDY_FILES) writeAtomic(join(temporary, name), files[name]);
  });
}

/**
 * Reads `rule.json` and `records.jsonl` of a study folder, checks both, and draws every conclusion anew.
 * Throws `missing`, or `record-damaged` naming the file and line.
 */
export function readStudy(folder: string): Study {
  const rulePath = join(folder, "rule.json");
  const recordsPath = join(folder, "records.jsonl");
  for (const path of [rulePath, recordsPath]) {
    if (!exists(path)) {
      throw new LawbookError("missing", `There is no file ${path}.`, {
        hint: "Run the study first, for example: lawbook law 1 --fresh --accept",
        data: { path },
      });
    }
  }
  const law = lawOf(rulePath);
  return conclude(law, readRecords(recordsPath), familyPs(dirname(folder), law));
}

/**
 * p-values of the other laws of a family that were decided on law seeds, from their committed records: the Holm-adjusted p of
 * one depends on all.
 */
export function familyPs(reports: string, law: Law): number[] {
  return othersOfFamily(law).flatMap((other) => {
    const path = join(reports, other.rule.law, "records.jsonl");
    if (!exists(path)) return [];
    const { purpose, primary } = other.evidence(readRecords(path));
    return purpose === "law" && primary.values.length >= FEWEST_PAIRS ? [primary.p] : [];
  });
}

/** The law whose rule stands in a file: the canonical rule of the source, to the byte. */
function lawOf(path: string): Law {
  const text = readText(path);
  const law = LAWS.find(({ rule }) => `${canonicalJson(rule)}\n` === text);
  if (law === undefined) {
    const known = LAWS.map(({ rule }) => contentId(rule).slice(0, 12)).join(", ");
    throw new LawbookError(
      "record-damaged",
      mismatch(`${path} holds no rule of the source`, sha256(text.trimEnd()).slice(0, 12), `sha256 ${known}`),
      {
        hint: "A rule is fixed before its runs. Restore the file, or run the study again under the new rule.",
        data: { path },
      },
    );
  }
  return law;
}
