import { join, resolve } from "node:path";

import { monotonicMs } from "../../src/core/clock.js";
import { LawbookError } from "../../src/core/errors.js";
import { makeTemporaryFolder, readText, remove } from "../../src/core/files.js";
import { describeFiles, readManifest } from "../../src/data/manifest.js";
import { assembleDatasets } from "./assemble.js";
import { writeCard } from "./card.js";
import { writeManifest } from "./write-manifest.js";

/** Builds `datasets/`, or with `--check` builds it again in a temporary folder and compares. */
async function main(): Promise<number> {
  const root = resolve(import.meta.dirname, "../..");
  const cache = join(root, ".lawbook/sources");
  const start = monotonicMs();
  const say = (line: string): void =>
    console.log(`${((monotonicMs() - start) / 1000).toFixed(0).padStart(4)} s  ${line}`);
  if (!process.argv.includes("--check")) {
    await assembleDatasets(root, root, cache, say);
    writeCard(root, root);
    writeManifest(root);
    say("Wrote datasets/manifest.json and datasets/README.md.");
    return 0;
  }
  const out = makeTemporaryFolder("lawbook-datasets");
  try {
    await assembleDatasets(root, out, cache, say);
    writeCard(root, out);
    const { files } = readManifest(root);
    const rebuilt = describeFiles(out);
    const different = Object.keys(rebuilt).filter((path) => rebuilt[path]!.sha256 !== files[path]?.sha256);
    if (readText(join(out, "datasets/README.md")) !== readText(join(root, "datasets/README.md")))
      different.push("README.md");
    for (const path of different) say(`datasets/${path} differs from the committed one.`);
    say(
      different.length === 0
        ? `All ${Object.keys(rebuilt).length} rebuilt files have the committed sha256.`
        : "FAILED",
    );
    return different.length === 0 ? 0 : 30;
  } finally {
    remove(out);
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    console.error(error instanceof LawbookError ? error.message : error);
    process.exitCode = error instanceof LawbookError ? error.exitCode : 60;
  },
);
