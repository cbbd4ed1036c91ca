// Writes the README's table of laws from the committed records. Usage: npm run docs:laws
import { join, resolve } from "node:path";

import { readText, writeAtomic } from "../../src/core/files.js";
import { readStudies } from "../../src/study/overview.js";
import { lawsTable } from "../../src/study/page-table.js";

const ROOT = resolve(import.meta.dirname, "../..");
const PAGE = join(ROOT, "README.md");
const [START, END] = ["<!-- laws -->\n\n", "\n\n<!-- /laws -->"] as const;

/** The table that the committed records give. */
export function lawsReference(): string {
  return lawsTable(readStudies(join(ROOT, "reports")));
}

/** The table that stands in the README. */
export function writtenLaws(): string {
  const text = readText(PAGE);
  return text.slice(text.indexOf(START) + START.length, text.indexOf(END));
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename) {
  const text = readText(PAGE);
  writeAtomic(
    PAGE,
    text.replace(START + writtenLaws() + END, () => START + lawsReference() + END),
  );
}
