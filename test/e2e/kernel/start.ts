import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  type Execution,
  launchKernel,
  type LaunchOptions,
  type RunningKernel,
} from "../../../src/jupyter/index.js";
import { kernelArgv } from "../../../src/replay/client.js";

/** Program and arguments of the built kernel, as a kernelspec and a replay have them. */
export const KERNEL_ARGV: readonly string[] = kernelArgv();

/** A fresh kernel in an empty folder outside the project. */
export function startKernel(options: Partial<LaunchOptions> = {}): Promise<RunningKernel> {
  const cwd = mkdtempSync(join(tmpdir(), "lawbook-e2e-"));
  return launchKernel({
    argv: KERNEL_ARGV,
    cwd,
    env: { ...process.env, LAWBOOK_HOME: join(cwd, "home") },
    ...options,
  });
}

/** Text of all streams of a cell. */
export function streamed({ outputs }: Execution): string {
  return outputs.map((output) => (output.output_type === "stream" ? output.text : "")).join("");
}

/** Plain text of the value of a cell. */
export function valueOf({ outputs, reply }: Execution): unknown {
  const result = outputs.find((output) => output.output_type === "execute_result");
  if (result === undefined) throw new Error(`no result: ${JSON.stringify({ reply, outputs })}`);
  return result.data["text/plain"];
}

/** Is a process alive? */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Waits until a condition holds, for at most `limitMs`. */
export async function until(condition: () => boolean, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return true;
}
