import type { ChildInfo } from "../cell/api.js";
import type { Iopub } from "../output.js";
import type { MagicRegistry } from "./registry.js";

/** What the magics of a cell need. */
export interface CellMagicsOptions {
  readonly iopub: Iopub;
  readonly children: () => readonly ChildInfo[];
  readonly kill: (pid: number) => void;
  /** Aborted when the cell is interrupted. */
  readonly signal: AbortSignal;
  /** Is the cell still being executed? */
  readonly isCurrent: () => boolean;
  /** Told how many run. */
  readonly onRunning: (count: number) => void;
}

/** The magics of one cell: how many run, what processes they have started, and whether an interrupt stopped one. */
export class CellMagics {
  #running = 0;
  #stopped = false;
  #before: ReadonlySet<number> = new Set();

  constructor(private readonly options: CellMagicsOptions) {}

  /** Does one run? */
  get isRunning(): boolean {
    return this.#running > 0;
  }

  /** Has an interrupt stopped one, which then gave what it had? */
  get wasStopped(): boolean {
    return this.#stopped;
  }

  /** Runs a magic of the cell and gives its result. */
  async run(registry: MagicRegistry, name: string, text: string, body: string | undefined): Promise<unknown> {
    const { iopub, signal, isCurrent } = this.options;
    if (signal.aborted) throw new Error("interrupted");
    if (!this.isRunning) this.#before = new Set(this.options.children().map(({ pid }) => pid));
    this.#count(1);
    try {
      return await registry.run(name, text, body, {
        signal,
        children: () => this.#children(),
        stopped: () => (this.#stopped = true),
        show: (bundle, { id, update = false, metadata = {} } = {}) => {
          // What a magic shows after its cell was given up has no place any more.
          if (!update && !isCurrent()) return;
          iopub.publish(update ? "update_display_data" : "display_data", {
            data: bundle,
            metadata,
            transient: id === undefined ? {} : { display_id: id },
          });
        },
      });
    } finally {
      this.#count(-1);
    }
  }

  /** Kills the processes that the magics have started. */
  killChildren(): void {
    for (const { pid } of this.#children()) this.options.kill(pid);
  }

  #count(change: number): void {
    this.#running += change;
    if (this.options.isCurrent()) this.options.onRunning(this.#running);
  }

  #children(): ChildInfo[] {
    if (!this.isRunning) return [];
    return this.options.children().filter(({ pid }) => !this.#before.has(pid));
  }
}
