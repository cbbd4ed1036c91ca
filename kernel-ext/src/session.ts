import { MessageChannel } from "node:worker_threads";

import type { Fields } from "lawbook/dist/jupyter/index.js";

import { type Bundle, type ChildInfo, installGlobals, type MagicSpec } from "./cell/api.js";
import { rewrite, type Strictness } from "./cell/rewrite.js";
import type { ChangedText } from "./cell/source-text.js";
import { type CellOutcome, type Cells, keepCompiler, openCells, redirectTslabDisplay } from "./cell/tslab.js";
import type { Packages } from "./cell/file-view.js";
import type { CellRequest, CellResult } from "./cell-request.js";
import { CommManager } from "./comms.js";
import { type HistoryEntry, keptText } from "./history.js";
import { CellMagics } from "./magics/cell-magics.js";
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
import { createRuntime } from "./runtime.js";
import type { Settings, SettingsTarget } from "./settings.js";
import { Phase, type SharedState, Slot } from "./shared-state.js";
import type { Asked, Stdin } from "./stdin.js";

/** What a session needs of the kernel around it. */
export interface SessionOptions {
  readonly iopub: Iopub;
  readonly state: SharedState;
  readonly stdin: Stdin;
  readonly cwd: string;
  readonly packages: Packages;
  /** Folders whose frames are left out of tracebacks. */
  readonly own: readonly string[];
  readonly openMagics: () => Promise<MagicRegistry>;
  readonly children: () => readonly ChildInfo[];
  readonly kill: (pid: number) => void;
}

/**
 * So long may a magic take to stop after an interrupt before the cell ends without it: a training goes to its next
 * checkpoint first.
 */
const STOP_MS = 25_000;
/** So long after the compiler is loaded, a kernel that is still there keeps its code for the next one. */
const KEEP_MS = 1500;

/** The state of one kernel: variables, count, history, and the cell that runs. */
export class Session implements SettingsTarget {
  count = 0;
  readonly history: HistoryEntry[] = [];
  readonly comms: CommManager;
  readonly #options: SessionOptions;
  readonly #ownMagics: MagicSpec[] = [];
  #opening: Promise<Cells> | undefined;
  #openingMagics: Promise<MagicRegistry> | undefined;
  #loading = false;
  #strict = false;
  #uncounted = 0;
  #payload: Record<string, unknown>[] = [];
  #abort = new AbortController();
  #asked: Asked | undefined;
  #stop: (() => void) | undefined;
  #stopTimer: NodeJS.Timeout | undefined;
  #magics: CellMagics;

  constructor(options: SessionOptions) {
    this.#options = options;
    const { iopub, stdin, children } = options;
    this.#magics = this.#magicsOf(0);
    this.comms = new CommManager(
      (type, content, extras) => iopub.publish(type, content, extras),
      (error) => void this.describe(error).then((text) => iopub.write("stderr", `${text}\n`)),
    );
    globalThis.__lawbook__ = createRuntime({
      iopub,
      comms: this.comms,
      children,
      ask: (prompt, password) => {
        iopub.flush();
        return stdin.ask(this.#asked, prompt, password);
      },
      page: (text) => this.#payload.push({ source: "page", start: 0, data: { "text/plain": text } }),
      help: async (name) =>
        (await this.magics()).help(name) ?? (await this.cells()).inspect(name, name.length),
      runMagic: async (name, text, body) => {
        const magics = this.#magics;
        return magics.run(await this.magics(), name, text, body);
      },
      registerMagic: (spec) => {
        this.#ownMagics.push(spec);
        void this.#openingMagics?.then((registry) => registry.registerOwn(spec));
      },
    });
    installGlobals();
  }

  /** The compiler and the variables; loaded once, in the background. */
  cells(): Promise<Cells> {
    this.#opening ??= this.#open();
    return this.#opening;
  }

  /** The magics; loaded when a text may hold one. */
  magics(): Promise<MagicRegistry> {
    this.#openingMagics ??= this.#options.openMagics().then((registry) => {
      registry.registerSettings(this);
      for (const spec of this.#ownMagics) registry.registerOwn(spec);
      return registry;
    });
    return this.#openingMagics;
  }

  /** Is a cell being executed? */
  get isRunning(): boolean {
    return Atomics.load(this.#options.state, Slot.epoch) % 2 === 1;
  }

  read(): Settings {
    return { strict: this.#strict, outputLimit: this.#options.iopub.limit };
  }

  async change({ strict, outputLimit }: Partial<Settings>): Promise<Settings> {
    if (strict !== undefined) {
      (await this.cells()).setStrict(strict);
      this.#strict = strict;
    }
    if (outputLimit !== undefined) this.#options.iopub.limit = outputLimit;
    return this.read();
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
    const { iopub, state } = this.#options;
    const epoch = Atomics.add(state, Slot.epoch, 1) + 1;
    this.#setPhase("waiting");
    this.#payload = [];
    const { signal } = (this.#abort = new AbortController());
    this.#magics = this.#magicsOf(epoch);
    this.#asked = { request: request.message, allowed: request.allowStdin, signal };
    if (request.storeHistory) this.count += 1;
    const label = request.storeHistory ? String(this.count) : `u${++this.#uncounted}`;
    if (!request.silent) iopub.publish("execute_input", { code: request.code, execution_count: this.count });
    iopub.muted = request.silent;
    let error: CellError | undefined;
    let text: string | null = null;
    let userExpressions: Fields = {};
    try {
      const interrupted = new Promise<never>((_, reject) => {
        this.#stop = () => reject(new Error("interrupted"));
      });
      interrupted.catch(() => {});
      const ended = await Promise.race([this.#run(request.code, label, signal), interrupted]);
      error = ended.error;
      const { bundle } = ended;
      if (bundle !== undefined) {
        if (bundle["text/plain"] !== undefined) text = keptText(presentText(bundle["text/plain"]));
        iopub.publish("execute_result", { execution_count: this.count, data: bundle, metadata: {} });
      }
      if (error === undefined)
        userExpressions = await Promise.race([this.#evaluate(request.userExpressions, signal), interrupted]);
    } catch (thrown) {
      error = presentError(thrown, await this.#scene());
    }
    const stopped = Atomics.load(state, Slot.wanted) === epoch;
    if (stopped && (error !== undefined || this.#magics.wasStopped)) error = KEYBOARD_INTERRUPT;
    Atomics.add(state, Slot.epoch, 1);
    this.#setPhase("idle");
    this.#stop = undefined;
    this.#asked = undefined;
    clearTimeout(this.#stopTimer);
    this.#stopTimer = undefined;
    if (error !== undefined) iopub.publish("error", { ...error });
    iopub.flush();
    iopub.muted = false;
    if (request.storeHistory) this.history.push([this.count, request.code, text]);
    return { count: this.count, error, payload: this.#payload, userExpressions };
  }

  /**
   * Stops the cell of this epoch. A magic gets time to stop by itself; a second interrupt does not wait for it and kills
   * the processes that it has started.
   */
  interrupt(epoch: number): void {
    const { state } = this.#options;
    if (Atomics.load(state, Slot.epoch) !== epoch || epoch % 2 === 0) return;
    Atomics.store(state, Slot.wanted, epoch);
    const again = this.#abort.signal.aborted;
    this.#abort.abort();
    if (this.#magics.isRunning && !again) {
      this.#stopTimer = setTimeout(() => this.interrupt(epoch), STOP_MS);
      return;
    }
    this.#magics.killChildren();
    this.terminated(epoch);
  }

  /** Ends the cell of this epoch without waiting for it. */
  terminated(epoch: number): void {
    if (Atomics.load(this.#options.state, Slot.epoch) !== epoch || epoch % 2 === 0) return;
    this.#abort.abort();
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

  /** The bundle of the value of a text (none where it has none), or its error. */
  async #run(
    code: string,
    label: string,
    signal: AbortSignal,
  ): Promise<{ readonly bundle?: Bundle; readonly error?: CellError }> {
    const cells = await this.cells();
    const source = await this.rewritten(code, "refuse");
    const outcome = await new Promise<CellOutcome>((resolve, reject) => {
      // A fresh stack: termination unwinds all JavaScript below the cell, and nothing of the kernel may stand there.
      const { port1, port2 } = new MessageChannel();
      const checkpoint = (): void => {
        if (signal.aborted || this.#isWanted()) throw new Error("interrupted");
      };
      port2.once("message", () => {
        port1.close();
        if (signal.aborted) return reject(new Error("interrupted"));
        this.#setPhase("compiling");
        cells
          .execute(source, label, (phase) => {
            if (phase === "waiting") this.#leaveSynchronousPart();
            else this.#setPhase(phase);
            // An interrupt that came while the cell was compiled.
            if (phase === "running") checkpoint();
          })
          .then(resolve, reject);
      });
      port1.postMessage(undefined);
    });
    switch (outcome.kind) {
      case "value":
        return {
          bundle: await presentValue(outcome.value, (text) => this.#options.iopub.write("stderr", text)),
        };
      case "done":
        return {};
      case "diagnostics":
        // A misspelt magic after a line without semicolon reads as a remainder; then this throws what helps more.
        await this.rewritten(code, "suspect");
        return { error: presentDiagnostics(outcome.diagnostics, code, label) };
      case "error":
        return { error: presentError(outcome.error, await this.#scene()) };
    }
  }

  /** Values of `user_expressions`; a fault in one is its own and not the cell's. */
  async #evaluate(expressions: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<Fields> {
    const values: Fields = {};
    for (const [name, code] of Object.entries(expressions)) {
      let found: { readonly bundle?: Bundle; readonly error?: CellError };
      try {
        found = await this.#run(String(code), `u${++this.#uncounted}`, signal);
      } catch (thrown) {
        found = { error: presentError(thrown, await this.#scene()) };
      }
      values[name] =
        found.error === undefined
          ? { status: "ok", data: found.bundle ?? { "text/plain": "undefined" }, metadata: {} }
          : { status: "error", ...found.error };
    }
    return values;
  }

  #magicsOf(epoch: number): CellMagics {
    const { iopub, children, kill, state } = this.#options;
    const { signal } = this.#abort;
    const isCurrent = (): boolean => Atomics.load(state, Slot.epoch) === epoch;
    const onRunning = (count: number): void => void Atomics.store(state, Slot.magics, count);
    onRunning(0);
    return new CellMagics({ iopub, children, kill, signal, isCurrent, onRunning });
  }

  async #open(): Promise<Cells> {
    // Loading blocks the thread for a while, which must not be taken for a loop without end.
    this.#setPhase("compiling");
    this.#loading = true;
    try {
      const cells = await openCells(this.#options.cwd, this.#options.packages, () => this.isRunning);
      redirectTslabDisplay((data, id, update) =>
        globalThis.__lawbook__.display(data, { update, ...(id === undefined ? {} : { id }) }),
      );
      setTimeout(keepCompiler, KEEP_MS).unref();
      return cells;
    } finally {
      this.#loading = false;
      this.#setPhase(this.isRunning ? "waiting" : "idle");
    }
  }

  /** Ends the phase "running"; where the control thread is terminating it, waits to be terminated. */
  #leaveSynchronousPart(): void {
    const { state } = this.#options;
    Atomics.compareExchange(state, Slot.phase, Phase.running, Phase.waiting);
    while (Atomics.load(state, Slot.phase) === Phase.ending);
    this.#setPhase("waiting");
  }

  #setPhase(phase: keyof typeof Phase): void {
    // While the compiler loads, that is what the thread does.
    if (!this.#loading || phase === "compiling") Atomics.store(this.#options.state, Slot.phase, Phase[phase]);
  }

  #isWanted(): boolean {
    const { state } = this.#options;
    return Atomics.load(state, Slot.wanted) === Atomics.load(state, Slot.epoch);
  }

  async #scene(): Promise<ErrorScene> {
    const { cwd, own } = this.#options;
    const maps = (await this.#opening?.catch(() => undefined))?.maps ?? new Map();
    return { maps, cwd, own };
  }
}
