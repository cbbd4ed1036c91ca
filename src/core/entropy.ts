import { randomBytes, randomInt, randomUUID } from "node:crypto";

/** A random identifier from the operating system. For names of temporary files and messages, never for a result. */
export function uniqueId(): string {
  return randomUUID();
}

/** `bytes` random bytes as hex digits. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

/** A random integer in [0, n), for example to choose the record that a replay re-trains. */
export function randomIndex(n: number): number {
  return randomInt(n);
}
