import type { Json } from "../core/canonical.js";

/** One flag of a verb; its name is written `--name` on the command line and in a cell alike. */
export interface FlagSpec {
  readonly name: string;
  readonly kind: "boolean" | "string" | "number";
  /** What stands after the flag in help, for example `DIR`. */
  readonly placeholder?: string;
  readonly description: string;
  /** Closed list of values, for validation and completion. */
  readonly values?: readonly string[];
}

/** One positional argument of a verb. */
export interface PositionalSpec {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** Takes all that follows; only on the last one. */
  readonly variadic?: boolean;
  /** Values offered by completion; may read the store. */
  readonly suggest?: (context: CommandContext) => readonly string[];
}

/** Parsed arguments: flags by name, positionals in order, and the body of a cell magic. */
export interface Arguments {
  readonly flags: Readonly<Record<string, boolean | string | number | undefined>>;
  readonly positionals: readonly string[];
  /** Text under a `%%name` line. */
  readonly body?: string;
}

/** A step of long work. Sinks draw it; results never depend on it. */
export interface Progress {
  /** What is going on, for example "training" or "evaluating". */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  /** Numbers worth a curve, for example `{ loss: 2.31 }`. */
  readonly values?: Readonly<Record<string, number>>;
}

/** Where a verb runs and whom it tells. */
export interface CommandContext {
  /** Folder that relative paths start from. */
  readonly cwd: string;
  /** Root of the project: the folder with `datasets/`, `reports/`, `notebooks/`. */
  readonly root: string;
  /** Folder of the store. */
  readonly home: string;
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted when the person interrupts. */
  readonly signal: AbortSignal;
  readonly progress: (step: Progress) => void;
}

/** How a result is shown. The command line prints `text` (or `json` with `--json`), a cell displays the bundle. */
export interface Shown {
  /** Plain text, without a trailing newline. Holds no times, paths of this machine or process ids. */
  readonly text: string;
  /** Any value that JSON can carry. */
  readonly json: unknown;
  /** MIME bundle parts for a cell beside `text/plain`: `application/vnd.vegalite.v5+json` (object), `image/png` (base64). */
  readonly display?: Readonly<Record<string, Json>>;
  /** Rows for a table; a cell shows them as a danfojs DataFrame. */
  readonly table?: readonly object[];
  /** Exit code of the command line; 0 where absent. */
  readonly exitCode?: number;
}

/** A verb: one declarative object from which parsing, help, completion, validation and display follow. */
export interface CommandSpec<Result = unknown> {
  readonly name: string;
  /** One line, in the imperative, without a full stop. */
  readonly summary: string;
  readonly positionals: readonly PositionalSpec[];
  /** Beside these every verb takes `--json` and `--help`. */
  readonly flags: readonly FlagSpec[];
  /** Example lines for the help text. */
  readonly examples?: readonly string[];
  /** Which magics it has: `%name`, `%%name` (the body stands for the FILE argument). None: command line only. */
  readonly magics?: readonly ("line" | "cell")[];
  /** TypeScript type of the result as a cell sees it, for example `import("lawbook").TrainResult`. */
  readonly resultType?: string;
  run(args: Arguments, context: CommandContext): Promise<Result>;
  show(result: Result): Shown | Promise<Shown>;
}

/** Keeps the result type of a verb while checking its shape. */
export function command<Result>(spec: CommandSpec<Result>): CommandSpec<Result> {
  return spec;
}
