// Writes the README's table of laws from the committed records. Usage: npm run docs:laws
import { join, resolve } from "node:path";

import { readStudies } from "../../src/study/overview.js";
import { lawsTable } from "../../src/study/page-table.js";
import { readSection, writeSection } from "./page-section.js";

const ROOT = resolve(import.meta.dirname, "../..");
const PAGE = join(ROOT, "README.md");

/** The table that the committed records give. */
export const lawsReference = (): string => lawsTable(readStudies(join(ROOT, "reports")));

/** The table that stands in the README. */
export const writtenLaws = (): string => readSection(PAGE, "laws");

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename)
  writeSection(PAGE, "laws", lawsReference());
