import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Names of the operations that a source text declares. */
export function declaredOperations(text: string): string[] {
  return [...text.matchAll(/(?:\boperation(?:<[^()]*?>)?|= binary)\(\s*"(\w+)"/g)].map(([, name]) => name!);
}

/** Names of all operations of src/compute/ops, in no particular order. */
export function allOperations(): string[] {
  const folder = fileURLToPath(new URL("../../src/compute/ops/", import.meta.url));
  return readdirSync(folder).flatMap((file) => declaredOperations(readFileSync(`${folder}${file}`, "utf8")));
}
