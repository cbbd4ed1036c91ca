import { MessageChannel } from "node:worker_threads";

import type { Bundle, CellRuntime } from "./cell/api.js";
import { rewrite, type Strictness } from "./cell/rewrite.js";
import type { ChangedText } from "./cell/source-text.js";
import { type Cells, openCells, type Packages, redirectTslabDisplay } from "./cell/tslab.js";
import type { MagicRegistry } from "./magics/registry.js";
import type { Iopub } from "./output.js";
import {
  type CellError,
  type ErrorScene,
  KEYBOARD_INTERRUPT,
  presentDiagnostics,
  presentError,
  presentText,
  presentValue,
} from "./present.js";
import { Phase, type SharedState, Slot } from "./shared-state.js";

/** One request to run a cell. */
export interface CellRequest {
  readonly code: string;
  readonly silent: boolean;
  readonly storeHistory: boolean;
}

/** What became of it. */
export interface CellResult {
  readonly count: number;
  readonly error: CellError | undefined;
  /** Pages for the pager. */
  readonly payload: readonly Readonly<Record<string, unknown>>[];
}

/** One cell of the history: count, code, text of the result. */
export type HistoryEntry = readonly [count: number, code: string, output: string | null];

/** So long may a magic take to stop after an interrupt before the cell ends without it. */
const STOP_MS = 5000;

/** The state of one kernel: variables, count, history, and the cell that runs. */
export class Session {
  count = 0;
  readonly history: HistoryEntry[] = [];
  #opening: Promise<Cells> | undefined;
  #loading = false;
  #payload: Record<string, unknown>[] = [];
  #abort = new AbortController();
  #stop: (() => void) | undefined;
  #magicsRunning = 0;
  #stopTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly iopub: Iopub,
    private readonly state: SharedState,
    private readonly cwd: string,
    private readonly packages: Packages,
    private readonly own: readonly string[],
    private readonly openMagics: () => Promise<MagicRegistry>,
  ) {
    globalThis.__lawbook__ = this.#runtime();
  }

  /** The compiler and the variables; loaded once, in the background. */
  cells(): Promise<Cells> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** The magics; loaded when a text may hold one. */
  magics(): Promise<MagicRegistry> {
    return this.openMagics();
  }

  /** Replaces the magics of a text where there may be any. */
  async rewritten(code: string, strictness: Strictness): Promise<ChangedText> {
    if (!/%|\?\s*$/.test(code)) return { text: code, map: undefined };
    const [cells, magics] = await Promise.all([this.cells(), this.magics()]);
    const names = new Set(cells.names());
    return rewrite(
      cells.compiler,
      code,
      magics.names((name) => names.has(name)),
      strictness,
    );
  }

  /** Runs a cell; never throws. */
  async execute(request: CellRequest): Promise<CellResult> {
    const epoch = Atomics.add(this.state, Slot.epoch, 1) + 1;
    this.#setPhase("waiting");
    this.#payload = [];
    const abort = (this.#abort = new AbortController());
    if (request.storeHistory) this.count += 1;
    if (!request.silent)
      this.iopub.publish("execute_input", { code: request.code, execution_count: this.count });
    this.iopub.muted = request.silent;
    let error: CellError | undefined;
    let text: string | null = null;
    try {
      const interrupted = new Promise<never>((_, reject) => {
        this.#stop = () => reject(new Error("interrupted"));
      });
      interrupted.catch(() => {});
      const bundle = await Promise.race([this.#run(request.code, abort.signal), interrupted]);
      if ("ename" in bundle) error = bundle as unknown as CellError;
      else if (bundle["text/plain"] !== undefined) text = presentText(bundle["text/plain"]);
      if (error === undefined && Object.keys(bundle).length > 0) {
        this.iopub.publish("execute_result", { execution_count: this.count, data: bundle, metadata: {} });
      }
    } catch (thrown) {
      error = presentError(thrown, await this.#scene());
    }
    const stopped = Atomics.load(this.state, Slot.wanted) === epoch;
    if (error !== undefined && stopped) error = KEYBOARD_INTERRUPT;
    Atomics.add(this.state, Slot.epoch, 1);
    this.#setPhase("idle");
    this.#stop = undefined;
    clearTimeout(this.#stopTimer);
    this.#stopTimer = undefined;
    if (error !== undefined) this.iopub.publish("error", { ...error });
    this.iopub.flush();
    this.iopub.muted = false;
    if (request.storeHistory) this.history.push([this.count, request.code, text]);
    return { count: this.count, error, payload: this.#payload };
  }

  /** Stops the cell of this epoch. A magic gets time to stop by itself; a second interrupt does not wait for it. */
  interrupt(epoch: number): void {
    if (Atomics.load(this.state, Slot.epoch) !== epoch || epoch % 2 === 0) return;
    Atomics.store(this.state, Slot.wanted, epoch);
    const again = this.#abort.signal.aborted;
    this.#abort.abort();
    if (this.#magicsRunning > 0 && !again)
      this.#stopTimer = setTimeout(() => this.terminated(epoch), STOP_MS);
    else this.terminated(epoch);
  }

  /** Ends the cell of this epoch without waiting for it. */
  terminated(epoch: number): void {
    if (Atomics.load(this.state, Slot.epoch) !== epoch || epoch % 2 === 0) return;
    void this.#opening?.then((cells) => cells.abandon());
    this.#stop?.();
  }

  /** Tells running magics to stop. */
  close(): void {
    this.#abort.abort();
  }

  /** An error that no cell caught, as text for standard error. */
  async describe(error: unknown): Promise<string> {
    return presentError(error, await this.#scene()).traceback.join("\n");
  }

  /** The bundle of the cell's value (empty where it has none), or its error. */
  async #run(code: string, signal: AbortSignal): Promise<Bundle> {
    const cells = await this.cells();
    const source = await this.rewritten(code, "refuse");
    const outcome = await new Promise<Awaited<ReturnType<Cells["execute"]>>>((resolve, reject) => {
      // A fresh stack: termination unwinds all JavaScript below the cell, and nothing of the kernel may stand there.
      const { port1, port2 } = new MessageChannel();
      port2.once("message", () => {
        port1.close();
        if (signal.aborted) return reject(new Error("interrupted"));
        this.#setPhase("compiling");
        cells.execute(source, this.count, (phase) => this.#setPhase(phase)).then(resolve, reject);
      });
      port1.postMessage(undefined);
    });
    switch (outcome.kind) {
      case "value":
        return presentValue(outcome.value);
      case "done":
        return {};
      case "diagnostics":
        // A misspelt magic after a line without semicolon reads as a remainder; then this throws what helps more.
        await this.rewritten(code, "suspect");
        return { ...presentDiagnostics(outcome.diagnostics, code, this.count) };
      case "error":
        return { ...presentError(outcome.error, await this.#scene()) };
    }
  }

  async #open(): Promise<Cells> {
    // Loading blocks the thread for a while, which must not be taken for a loop without end.
    this.#setPhase("compiling");
    this.#loading = true;
    try {
      const cells = await openCells(this.cwd, this.packages);
      redirectTslabDisplay((data, id, update) =>
        globalThis.__lawbook__.display(data, { update, ...(id === undefined ? {} : { id }) }),
      );
      return cells;
    } finally {
      this.#loading = false;
      this.#setPhase(Atomics.load(this.state, Slot.epoch) % 2 === 0 ? "idle" : "waiting");
    }
  }

  #setPhase(phase: keyof typeof Phase): void {
    // While the compiler loads, that is what the thread does.
    if (!this.#loading || phase === "compiling") Atomics.store(this.state, Slot.phase, Phase[phase]);
  }

  async #scene(): Promise<ErrorScene> {
    const maps = (await this.#opening?.catch(() => undefined))?.maps ?? new Map();
    return { maps, cwd: this.cwd, own: this.own };
  }

  #runtime(): CellRuntime {
    const run = async (name: string, text: string, body?: string): Promise<unknown> => {
      const magics = await this.magics();
      const { signal } = this.#abort;
      this.#magicsRunning += 1;
      try {
        return await magics.run(name, text, body, {
          signal,
          show: (bundle, options) => globalThis.__lawbook__.display(bundle, options),
        });
      } finally {
        this.#magicsRunning -= 1;
      }
    };
    return {
      run: run as CellRuntime["run"],
      show: async (name, text, body) => void (await run(name, text, body)),
      help: async (name) => {
        const text = (await this.magics()).help(name) ?? (await this.cells()).inspect(name, name.length);
        if (text === undefined) throw new Error(`There is no help on ${name}.`);
        this.#payload.push({ source: "page", start: 0, data: { "text/plain": text } });
      },
      display: (bundle, { id, update = false, metadata = {} } = {}) =>
        this.iopub.publish(update ? "update_display_data" : "display_data", {
          data: bundle,
          metadata,
          transient: id === undefined ? {} : { display_id: id },
        }),
      clearOutput: (wait) => this.iopub.publish("clear_output", { wait }),
    };
  }
}
