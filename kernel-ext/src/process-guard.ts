import { subscribe } from "node:diagnostics_channel";

import type { StreamName } from "./output.js";

/** What the guard tells the kernel. */
export interface GuardEvents {
  write(name: StreamName, chunk: string | Uint8Array): void;
  /** An error that nobody caught, from a timer or a forgotten promise. */
  uncaught(error: unknown): void;
  /** SIGINT from outside, for example Ctrl-C in a terminal. */
  interrupt(): void;
}

/** The process as the kernel itself uses it, behind the guard. */
export interface GuardedProcess {
  /** Writes to the real standard error. */
  log(text: string): void;
  /** Listens to SIGINT again where a terminated cell has left no listener. */
  listen(): void;
  /** Kills every child process that is still alive. */
  killChildren(): void;
  exit(status: number): never;
}

/** Thrown where a cell calls `process.exit`. */
export class ExitError extends Error {
  override readonly name = "ExitError";
  constructor(status: unknown) {
    super(
      `process.exit(${status === undefined ? "" : String(status)}) in a cell: the kernel goes on. Restart it from the notebook.`,
    );
  }
}

/**
 * Stands between cells and the process: what they write becomes outputs, `process.exit` becomes an error, uncaught
 * errors are reported, and child processes are known so that none outlives the kernel.
 */
export function guardProcess(events: GuardEvents): GuardedProcess {
  const writeError = process.stderr.write.bind(process.stderr);
  const exit = process.exit.bind(process);
  const hook =
    (name: StreamName) =>
    (chunk: string | Uint8Array, encoding?: unknown, done?: unknown): boolean => {
      events.write(name, chunk);
      const callback = typeof encoding === "function" ? encoding : done;
      if (typeof callback === "function") process.nextTick(callback as () => void);
      return true;
    };
  process.stdout.write = hook("stdout");
  process.stderr.write = hook("stderr");
  process.exit = (status?: unknown): never => {
    throw new ExitError(status);
  };
  process.on("uncaughtException", (error) => events.uncaught(error));
  process.on("unhandledRejection", (error) => events.uncaught(error));
  const listen = (): void => {
    if (process.listenerCount("SIGINT") === 0) process.on("SIGINT", () => events.interrupt());
  };
  listen();

  const children = new Set<{ kill(signal: string): boolean }>();
  subscribe("child_process", (message) => {
    const { process: child } = message as {
      process: { kill(signal: string): boolean; once(event: string, listener: () => void): void };
    };
    children.add(child);
    child.once("exit", () => children.delete(child));
  });
  return {
    log: (text) => void writeError(`${text}\n`),
    listen,
    killChildren: () => {
      for (const child of children) child.kill("SIGKILL");
    },
    exit,
  };
}
