import { join } from "node:path";

import { within } from "../core/clock.js";
import { LawbookError } from "../core/errors.js";
import { makeTemporaryFolder, remove } from "../core/files.js";
import { type Child, startProgram } from "../core/process.js";
import { KernelClient } from "./client.js";
import { createConnection, writeConnection } from "./connection.js";

/** How a kernel process is started. */
export interface LaunchOptions {
  /** Program and arguments; `{connection_file}` is replaced, as in a kernelspec. */
  readonly argv: readonly string[];
  /** Working directory of the kernel. */
  readonly cwd?: string;
  /** Environment of the kernel; default that of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Milliseconds until the first answer; default 60,000. */
  readonly startTimeoutMs?: number;
}

/** A kernel process that this process owns. */
export interface RunningKernel {
  readonly client: KernelClient;
  readonly process: Child;
  /** Content of the first `kernel_info_reply`. */
  readonly info: Readonly<Record<string, unknown>>;
  /** Last 8,192 characters that the process itself wrote, for reports of its death. */
  readonly log: () => string;
  /** Ends the kernel in good order, or kills it after `graceMs` (default 5,000). Cleans up. */
  readonly stop: (graceMs?: number) => Promise<void>;
}

/** Starts a kernel process and waits until it answers. A process that ends before is a `dead-kernel` error. */
export async function launchKernel(options: LaunchOptions): Promise<RunningKernel> {
  const folder = makeTemporaryFolder("lawbook-kernel");
  const file = join(folder, "connection.json");
  const connection = await createConnection();
  writeConnection(file, connection);
  const [program, ...args] = options.argv.map((part) => part.replaceAll("{connection_file}", file));
  if (program === undefined) throw new LawbookError("internal", "A kernel needs a program to start.");
  const child = startProgram(program, args, {
    env: { ...(options.env ?? process.env), JPY_PARENT_PID: String(process.pid) },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  let log = "";
  const keep = (chunk: Buffer): void => {
    log = (log + chunk.toString()).slice(-8192);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);

  const client = new KernelClient(connection);
  const exited = new Promise<LawbookError>((resolve) => {
    const report = (what: string): void =>
      resolve(
        new LawbookError(
          "dead-kernel",
          `The kernel process ended: ${what}.`,
          log === "" ? {} : { hint: log.trim() },
        ),
      );
    child.once("error", (error) => report(error.message));
    // "close", not "exit": the last words have been read by then.
    child.once("close", (status, signal) =>
      report(signal === null ? `exit status ${status}` : `signal ${signal}`),
    );
  });
  void exited.then((error) => client.markDead(error));

  const stop = async (graceMs: number = 5000): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) {
      await client.shutdown(graceMs).catch(() => {});
      await within(exited, graceMs);
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await exited;
      }
    }
    client.close();
    remove(folder);
  };
  try {
    const info = await client.ready(options.startTimeoutMs);
    return { client, process: child, info, log: () => log, stop };
  } catch (error) {
    child.kill("SIGKILL");
    client.close();
    remove(folder);
    throw error;
  }
}
