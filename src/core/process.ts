import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";

/** A running child process. */
export type Child = ChildProcess;

/** What a finished command left. */
export interface Finished {
  /** Exit status; null where a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface StartOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** "pipe" (default) collects stdout and stderr, "inherit" shows them. */
  readonly output?: "pipe" | "inherit";
  /** Ends the program with SIGKILL after this time; of `runProgram` alone. */
  readonly timeoutMs?: number;
}

/** Starts a Node script as a child with a message channel (structured clone, so typed arrays travel). */
export function startScript(script: string, args: readonly string[], options: StartOptions = {}): Child {
  return fork(script, [...args], {
    serialization: "advanced",
    silent: options.output !== "inherit",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
}

/** Starts any program without a message channel. */
export function startProgram(file: string, args: readonly string[], options: StartOptions = {}): Child {
  return spawn(file, [...args], {
    stdio: options.output === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
}

/** Runs a program to its end. */
export function runProgram(file: string, args: readonly string[], options: StartOptions = {}): Finished {
  const { status, signal, stdout, stderr } = spawnSync(file, [...args], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: "SIGKILL" }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  return { status, signal, stdout: stdout ?? "", stderr: stderr ?? "" };
}

/** Runs a program to its end while this process goes on; ends it when the signal aborts. Throws where it cannot be started. */
export function awaitProgram(
  file: string,
  args: readonly string[],
  { signal, ...options }: StartOptions & { readonly signal?: AbortSignal } = {},
): Promise<Finished> {
  const child = startProgram(file, args, options);
  const texts = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const)
    child[stream]?.setEncoding("utf8").on("data", (text: string) => (texts[stream] += text));
  const stop = (): void => void child.kill();
  signal?.addEventListener("abort", stop, { once: true });
  return new Promise<Finished>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, ended) => resolve({ status, signal: ended, ...texts }));
  }).finally(() => signal?.removeEventListener("abort", stop));
}
