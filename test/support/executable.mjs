// The compiler writes programs without the run bit; `npx lawbook` then says "Permission denied".
import { chmodSync, existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
for (const program of ["dist/cli.js", "kernel-ext/dist/kernel.js"]) {
  if (existsSync(root + program)) chmodSync(root + program, 0o755);
}
