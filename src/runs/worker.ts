import { fileURLToPath } from "node:url";

import { LawbookError, type ErrorCode, type Problem } from "../core/errors.js";
import { type Child, startScript } from "../core/process.js";
import type { RunProgress } from "./execute.js";
import type { ResolvedRun, RunRecord } from "./record.js";
import type { RunRequest } from "./request.js";
import { openStore } from "./store.js";

/** An error as it crosses the process border. */
export interface ErrorMessage {
  readonly code: ErrorCode;
  readonly what: string;
  readonly hint?: string | undefined;
  readonly problems: readonly Problem[];
}

/** What the parent tells a child. */
export type ToChild =
  | {
      readonly kind: "execute";
      readonly run: ResolvedRun;
      readonly root: string;
      readonly home: string;
      readonly cwd?: string | undefined;
      readonly ignoreCommitted: boolean;
    }
  | { readonly kind: "interrupt" };

/** What a child tells its parent. */
export type FromChild =
  | { readonly kind: "progress"; readonly step: RunProgress }
  | { readonly kind: "record"; readonly record: RunRecord }
  | { readonly kind: "error"; readonly error: ErrorMessage };

/** Progress of one of several runs. */
export interface BatchProgress extends RunProgress {
  /** Index of the run in the list. */
  readonly run: number;
  readonly runs: number;
  readonly id: string;
}

/** How runs are executed. */
export interface ChildOptions {
  readonly root: string;
  readonly home: string;
  readonly cwd?: string;
  /** Child processes at a time, at least 1. */
  readonly jobs?: number;
  /** Leaves committed records out, so that everything is trained; the own store still answers. */
  readonly ignoreCommitted?: boolean;
  readonly signal?: AbortSignal;
  readonly progress?: (step: BatchProgress) => void;
  /** Told of each child, so that a kernel can name and kill it. */
  readonly onChild?: (child: Child) => void;
}

/** Milliseconds that an interrupted child has to reach its checkpoint. */
const GRACE_MS = 20_000;

/**
 * Executes runs in child processes: the store answers what it has, the rest is trained, each run in the next free child.
 * Results come in the order of the runs. An abort stops every child at a checkpoint and throws `interrupted`; children end
 * with this process. A child that dies is one error; finished runs are in the store.
 */
export async function executeInChild<Request extends RunRequest>(
  runs: readonly ResolvedRun<Request>[],
  options: ChildOptions,
): Promise<RunRecord<Request>[]> {
  const { root, home, jobs = 1, ignoreCommitted = false } = options;
  const store = openStore({ root, home, ignoreCommitted });
  const records: (RunRecord | undefined)[] = runs.map((run) => store.find(run.id));
  const open = [...runs.keys()].filter((index) => records[index] === undefined);
  let failure: unknown;
  const work = async (): Promise<void> => {
    if (open.length === 0) return;
    const child = new RunChild(options);
    try {
      for (let index = open.shift(); index !== undefined && failure === undefined; index = open.shift()) {
        const { id } = runs[index]!;
        const place = index;
        records[index] = await child.execute(runs[index]!, (step) =>
          options.progress?.({ ...step, run: place, runs: runs.length, id }),
        );
      }
    } catch (cause) {
      failure ??= cause;
    } finally {
      child.end();
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, open.length) }, work));
  if (failure !== undefined) throw failure as Error;
  return records as RunRecord<Request>[];
}

class RunChild {
  readonly #child: Child;
  readonly #options: ChildOptions;
  #stderr = "";

  constructor(options: ChildOptions) {
    this.#options = options;
    this.#child = startScript(fileURLToPath(new URL("./child.js", import.meta.url)), []);
    this.#child.stderr?.on(
      "data",
      (text: Buffer) => (this.#stderr = (this.#stderr + text.toString()).slice(-2000)),
    );
    this.#child.stdout?.resume();
    options.onChild?.(this.#child);
  }

  execute(run: ResolvedRun, progress: (step: RunProgress) => void): Promise<RunRecord> {
    const child = this.#child;
    const { root, home, cwd, ignoreCommitted = false, signal } = this.#options;
    return new Promise((resolve, reject) => {
      let grace: NodeJS.Timeout | undefined;
      const interrupt = (): void => {
        this.#send({ kind: "interrupt" });
        grace = setTimeout(() => child.kill("SIGKILL"), GRACE_MS);
      };
      const settle = (action: () => void): void => {
        clearTimeout(grace);
        signal?.removeEventListener("abort", interrupt);
        child.off("message", onMessage);
        child.off("exit", onExit);
        action();
      };
      const onMessage = (message: FromChild): void => {
        if (message.kind === "progress") progress(message.step);
        else if (message.kind === "record") settle(() => resolve(message.record));
        else settle(() => reject(fromMessage(message.error)));
      };
      const onExit = (status: number | null, killed: string | null): void =>
        settle(() => {
          const how = killed === null ? `exit status ${status}` : `signal ${killed}`;
          const stopped = signal?.aborted === true;
          reject(
            new LawbookError(
              stopped ? "interrupted" : "internal",
              stopped
                ? "The process of the run was ended."
                : `The process of the run died: got ${how}, expected a record.`,
              {
                hint: this.#stderr.trim() || "The same request goes on from its last checkpoint.",
                data: { id: run.id },
              },
            ),
          );
        });
      child.on("message", onMessage);
      child.on("exit", onExit);
      if (signal?.aborted === true) interrupt();
      signal?.addEventListener("abort", interrupt);
      this.#send({ kind: "execute", run, root, home, cwd, ignoreCommitted });
    });
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #send(message: ToChild): void {
    if (this.#child.connected) this.#child.send(message);
  }
}

/** Makes a message of whatever was thrown. */
export function toMessage(thrown: unknown): ErrorMessage {
  if (thrown instanceof LawbookError) {
    const what =
      thrown.hint === undefined ? thrown.message : thrown.message.slice(0, -thrown.hint.length - 1);
    return { code: thrown.code, what, hint: thrown.hint, problems: thrown.problems };
  }
  const error = thrown as Error;
  return { code: "internal", what: error.message ?? String(thrown), hint: error.stack, problems: [] };
}

function fromMessage({ code, what, hint, problems }: ErrorMessage): LawbookError {
  return new LawbookError(code, what, { problems, ...(hint === undefined ? {} : { hint }) });
}
