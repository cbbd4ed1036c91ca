import { join } from "node:path";
import { gunzipSync } from "node:zlib";

import { LawbookError } from "../core/errors.js";
import { readBytes } from "../core/files.js";

/** Unpacks a gzip file. Throws `bad-file` where it is damaged. */
export function readGzip(path: string): Uint8Array {
  const packed = readBytes(path);
  try {
    return gunzipSync(packed);
  } catch (cause) {
    throw new LawbookError("bad-file", `${path} cannot be unpacked: ${(cause as Error).message}.`, {
      cause,
      hint: "Restore the file from the repository.",
    });
  }
}

/** The passages of the base text, one a line of `datasets/text/base.txt.gz`. */
export function loadBaseText(root: string): readonly string[] {
  const text = new TextDecoder().decode(readGzip(join(root, "datasets/text/base.txt.gz")));
  return text.split("\n").filter((line) => line !== "");
}
