import { subscribe } from "node:diagnostics_channel";

import type { ChildInfo } from "./cell/api.js";
import type { StreamName } from "./output.js";

/** What the guard knows of a child process. */
interface Child {
  readonly pid?: number;
  readonly spawnargs: readonly string[];
  kill(signal: string): boolean;
  once(event: "exit", listener: () => void): void;
}

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
  /** Child processes that are alive. */
  children(): readonly ChildInfo[];
  /** Kills one of them. */
  kill(pid: number): void;
  /** Kills every child process that is still alive, and ends what they have started. */
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

  const children = new Set<Child>();
  subscribe("child_process", (message) => {
    const { process: child } = message as { readonly process: Child };
    children.add(child);
    child.once("exit", () => children.delete(child));
  });
  return {
    log: (text) => void writeError(`${text}\n`),
    listen,
    children: () =>
      [...children].flatMap(({ pid, spawnargs }) =>
        pid === undefined ? [] : [{ pid, command: spawnargs.join(" ") }],
      ),
    kill: (pid) => {
      for (const child of children) if (child.pid === pid) child.kill("SIGKILL");
    },
    killChildren: () => {
      for (const child of children) child.kill("SIGKILL");
      endGroup();
    },
    exit,
  };
}

/** Ends what children have started themselves, where the kernel leads a process group, as Jupyter starts it. */
function endGroup(): void {
  if (process.platform === "win32") return;
  try {
    process.kill(-process.pid, "SIGTERM");
  } catch {
    // There is no group of this name: the kernel was started by a program that shares its own with it.
  }
}
