import { dirname, join } from "node:path";

import { canonicalJson } from "../core/canonical.js";
import { exists, writeAtomic } from "../core/files.js";
import { darkSpec } from "../figures/chart.js";
import { renderPng, renderSvg } from "../figures/render.js";
import { LAWS, othersOfFamily } from "../laws/list.js";
import { forestSpec, pageHtml } from "./page.js";
import { readStudy, type Study, writeStudy } from "./study.js";

/** The files of `reports/` that all studies together give. */
export const OVERVIEW_FILES = [
  "index.html",
  "forest.json",
  "forest.svg",
  "forest.png",
  "forest-dark.svg",
  "forest-dark.png",
] as const;

/** One of them. */
export type OverviewFile = (typeof OVERVIEW_FILES)[number];

/** Every study that has committed records, by number of the law. */
export function readStudies(reports: string): Study[] {
  return LAWS.map(({ rule }) => join(reports, rule.law))
    .filter((folder) => exists(join(folder, "records.jsonl")))
    .map(readStudy);
}

/** The bytes of the files that studies together give: equal studies give equal bytes on every machine. */
export async function overviewFiles(studies: readonly Study[]): Promise<Record<OverviewFile, Uint8Array>> {
  const text = (content: string): Uint8Array => new TextEncoder().encode(`${content}\n`);
  const spec = forestSpec(studies);
  const [light, dark] = [await renderSvg(spec), await renderSvg(darkSpec(spec))];
  return {
    "index.html": text((await pageHtml(studies)).trimEnd()),
    "forest.json": text(canonicalJson(spec)),
    "forest.svg": text(light),
    "forest.png": await renderPng(light),
    "forest-dark.svg": text(dark),
    "forest-dark.png": await renderPng(dark),
  };
}

/**
 * Writes a study, and all that depends on it: adjusted p-values of the other laws of its family, the forest plot and the page.
 */
export async function acceptStudy(folder: string, study: Study): Promise<void> {
  await writeStudy(folder, study);
  const reports = dirname(folder);
  const studies = readStudies(reports);
  const others = othersOfFamily(study.law);
  for (const other of studies.filter(({ law }) => others.includes(law)))
    await writeStudy(join(reports, other.law.rule.law), other);
  const files = await overviewFiles(studies);
  for (const name of OVERVIEW_FILES) writeAtomic(join(reports, name), files[name]);
}
