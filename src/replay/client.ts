import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { LawbookError } from "../core/errors.js";
import { exists, makeFolder, readJson } from "../core/files.js";
import { type Execution, launchKernel, type Output, type RunningKernel } from "../jupyter/index.js";
import { type Cell, type Notebook, type NotebookOutput, notebookText, parseNotebook } from "./notebook.js";

/** How a notebook is run. */
export interface RunNotebookOptions {
  /** Working directory of the cells. */
  readonly cwd: string;
  /** An empty folder of this run alone; it becomes `LAWBOOK_HOME` and `HOME` of the kernel. */
  readonly home: string;
  /** Environment to take the few machine-bound variables from. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Longest time of one cell, milliseconds. */
  readonly cellTimeoutMs: number;
  readonly signal: AbortSignal;
  /** Called before each code cell with the number of code cells done and in all. */
  readonly progress?: (done: number, total: number) => void;
  /** Program and arguments of the kernel; default the kernel of this installation. */
  readonly argv?: readonly string[];
}

/** What a run of a notebook gave. */
export interface NotebookRun {
  /** The notebook with the outputs of this run; cells that were not reached have none. */
  readonly notebook: Notebook;
  /** Number of cells, from the top, that ran to their end. */
  readonly reached: number;
  /** Why the run stopped before the last cell. */
  readonly failure?: LawbookError;
}

/** Variables of the machine that a kernel needs; all others would make outputs depend on the person. */
const KEPT_VARIABLES = ["PATH", "TMPDIR", "TEMP", "TMP", "SystemRoot", "LD_LIBRARY_PATH"];

/** What every replay sees, whoever runs it. */
const FIXED_VARIABLES = {
  TZ: "UTC",
  LANG: "C.UTF-8",
  LC_ALL: "C.UTF-8",
  COLUMNS: "110",
  LINES: "40",
  FORCE_COLOR: "0",
  NO_COLOR: "1",
  NODE_NO_WARNINGS: "1",
};

const STOP_MS = 2000;
const WARM_UP_MS = 60_000;
const LOG_LINES = 20;

/** The environment of a replayed kernel: a few variables of the machine, fixed ones, and a private home. */
export function kernelEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  home: string,
): Record<string, string> {
  const kept = KEPT_VARIABLES.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(kept), ...FIXED_VARIABLES, HOME: home, LAWBOOK_HOME: home };
}

/** Program and arguments that start the kernel of this installation. Throws `environment` where it is not built. */
export function kernelArgv(): string[] {
  const require = createRequire(import.meta.url);
  let manifest: string;
  try {
    manifest = require.resolve("lawbook-kernel/package.json");
  } catch (cause) {
    throw new LawbookError("environment", "The package lawbook-kernel is not installed.", {
      hint: "Run npm ci.",
      cause,
    });
  }
  const { bin } = readJson(manifest) as { readonly bin: Readonly<Record<string, string>> };
  const script = join(dirname(manifest), bin["lawbook-kernel"] ?? "");
  if (!exists(script)) {
    throw new LawbookError(
      "environment",
      "The kernel is not built: dist/kernel.js of lawbook-kernel is missing.",
      {
        hint: "Run npm run build.",
      },
    );
  }
  // The kernel stops a cell by terminating its JavaScript, which these checks answer with an abort.
  return [
    process.execPath,
    "--no-force-async-hooks-checks",
    script,
    "--connection-file",
    "{connection_file}",
  ];
}

/**
 * Runs a notebook from its first to its last cell in a fresh kernel process over the Jupyter wire protocol.
 * Stops at the first cell that fails, unless it is tagged `raises-exception`, as nbclient does.
 */
export async function runNotebook(
  name: string,
  notebook: Notebook,
  options: RunNotebookOptions,
): Promise<NotebookRun> {
  checkLanguage(name, notebook);
  makeFolder(options.home);
  const kernel = await launchKernel({
    argv: options.argv ?? kernelArgv(),
    cwd: options.cwd,
    env: kernelEnvironment(options.env, options.home),
  });
  try {
    // Loads the compiler, so that the time of the first cell is its own.
    await kernel.client.complete("", 0, WARM_UP_MS);
    return await runCells(name, notebook, kernel, options);
  } finally {
    await kernel.stop(STOP_MS);
  }
}

async function runCells(
  name: string,
  notebook: Notebook,
  kernel: RunningKernel,
  options: RunNotebookOptions,
): Promise<NotebookRun> {
  const executions = new Map<number, Execution>();
  const total = notebook.cells.filter(isRun).length;
  let failure: LawbookError | undefined;
  let reached = 0;
  for (const [index, cell] of notebook.cells.entries()) {
    if (isRun(cell)) {
      options.progress?.(executions.size, total);
      const outcome = await runCell(placeInNotebook(name, index, cell), cell, kernel, options);
      if (outcome instanceof LawbookError) failure = outcome;
      else {
        executions.set(index, outcome);
        if (!hasTag(cell, "raises-exception"))
          failure = failureOf(placeInNotebook(name, index, cell), outcome);
      }
      if (failure !== undefined) break;
    }
    reached = index + 1;
  }
  // Later cells may change displays of earlier ones, so outputs are read only now.
  const cells = notebook.cells.map((cell, index) => withOutputs(cell, executions.get(index)));
  // Through the text, so that a replayed notebook is exactly what a reader of the file would get.
  const replayed = parseNotebook(notebookText({ ...notebook, cells }), name);
  return { notebook: replayed, reached, ...(failure === undefined ? {} : { failure }) };
}

async function runCell(
  place: string,
  cell: Cell,
  kernel: RunningKernel,
  { cellTimeoutMs, signal }: RunNotebookOptions,
): Promise<Execution | LawbookError> {
  try {
    const execution = await kernel.client.execute(cell.source, {
      timeoutMs: cellTimeoutMs,
      signal,
      stopOnError: !hasTag(cell, "raises-exception"),
    });
    if (signal.aborted) throw new LawbookError("interrupted", `${place}: interrupted.`);
    return execution;
  } catch (error) {
    if (signal.aborted || !(error instanceof LawbookError)) throw error;
    if (error.code === "timeout") {
      return new LawbookError("timeout", `${place} did not end within ${cellTimeoutMs / 1000} s.`, {
        hint: `Give it more time with --timeout SECONDS.${logTail(kernel)}`,
        data: { place },
        cause: error,
      });
    }
    const [what] = error.message.split("\n");
    return new LawbookError(error.code, `${place}: ${what}${logTail(kernel)}`, {
      data: { place },
      cause: error,
    });
  }
}

function failureOf(place: string, { reply, outputs }: Execution): LawbookError | undefined {
  const error = outputs.find((output) => output.output_type === "error");
  if (reply["status"] === "ok" && error === undefined) return undefined;
  const said =
    error === undefined
      ? `the kernel answered ${JSON.stringify(reply["status"])} without an error`
      : `${error.ename}: ${error.evalue}`;
  return new LawbookError("cell", `${place} failed: ${said}`, {
    data: { place, traceback: error?.traceback ?? [] },
    ...(error === undefined || error.traceback.length === 0 ? {} : { hint: error.traceback.join("\n") }),
  });
}

/** "notebooks/00-tour.ipynb, cell 3 (id tour-3)" */
function placeInNotebook(name: string, index: number, cell: Cell): string {
  return `${name}, cell ${index + 1} (id ${cell.id})`;
}

/** What the kernel process last wrote to its own stdout and stderr, for a message. */
function logTail(kernel: RunningKernel): string {
  const lines = kernel.log().trim().split("\n").slice(-LOG_LINES);
  return lines.join("") === ""
    ? ""
    : `\nLast words of the kernel:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}

function isRun(cell: Cell): boolean {
  return cell.cell_type === "code" && cell.source.trim() !== "";
}

function hasTag(cell: Cell, tag: string): boolean {
  const { tags } = cell.metadata;
  return Array.isArray(tags) && tags.includes(tag);
}

function withOutputs(cell: Cell, execution: Execution | undefined): Cell {
  if (cell.cell_type !== "code") return cell;
  // Times of an earlier run say nothing about this one.
  const { execution: _, ...metadata } = cell.metadata;
  if (execution === undefined) return { ...cell, metadata, outputs: [], execution_count: null };
  const count = execution.reply["execution_count"];
  return {
    ...cell,
    metadata,
    outputs: execution.outputs.map(notebookOutput),
    execution_count: typeof count === "number" ? count : null,
  };
}

function notebookOutput(output: Output): NotebookOutput {
  if (output.output_type === "stream") return { output_type: "stream", name: output.name, text: output.text };
  return { ...output };
}

/** A notebook of another language would only give one puzzling error after the other. */
function checkLanguage(name: string, { metadata }: Notebook): void {
  const spec = metadata["kernelspec"] as { readonly language?: unknown } | undefined;
  const info = metadata["language_info"] as { readonly name?: unknown } | undefined;
  const language = spec?.language ?? info?.name ?? "typescript";
  if (language !== "typescript") {
    throw new LawbookError(
      "bad-file",
      `${name} is for another kernel: got language ${JSON.stringify(language)}, expected typescript.`,
      {
        data: { notebook: name },
      },
    );
  }
}
