import { dirname, isAbsolute, join, relative } from "node:path";

import { LawbookError } from "../core/errors.js";
import { listFiles } from "../core/files.js";
import { type NotebookRun, runNotebook } from "./client.js";
import { type CellDifference, compareNotebooks, placeOf } from "./compare.js";
import { isNotebook } from "./lock.js";
import { type Notebook, readNotebook } from "./notebook.js";
import type { ReplayOptions } from "./options.js";
import { type MachinePath, machinePaths } from "./portable.js";
import type { ReportBuilder } from "./report.js";
import { changesBetween, trackedFiles } from "./tracked.js";

/** A notebook with the outputs of this replay, ready to replace the committed one. */
export interface Acceptable {
  readonly path: string;
  /** Path from the root. */
  readonly name: string;
  readonly notebook: Notebook;
}

/** Runs the named notebooks, or all, one fresh kernel each, and compares them; gives those that ran to their end. */
export async function runNotebooks(
  options: ReplayOptions,
  work: string,
  report: ReportBuilder,
): Promise<Acceptable[]> {
  const folder = join(options.root, "notebooks");
  const all = listFiles(folder).filter(isNotebook);
  const paths = options.notebooks.length > 0 ? options.notebooks : all.map((path) => join(folder, path));
  if (paths.length === 0) report.row("notebook", "none", "skipped", "there is no notebook in notebooks/");
  const acceptable: Acceptable[] = [];
  for (const [index, path] of paths.entries()) {
    const name = nameOf(options.root, path);
    try {
      const notebook = await checkNotebook(path, name, join(work, `home-${index}`), options, report);
      if (notebook !== undefined) acceptable.push({ path, name, notebook });
    } catch (error) {
      if (options.signal.aborted) throw error;
      report.failure("notebook", name, asNotebookFailure(error, name));
      report.row("notebook", name, "failed", "not run");
    }
  }
  return acceptable;
}

async function checkNotebook(
  path: string,
  name: string,
  home: string,
  options: ReplayOptions,
  report: ReportBuilder,
): Promise<Notebook | undefined> {
  const { root, accept } = options;
  const committed = readNotebook(path);
  const before = trackedFiles(root);
  const run = await runOnce(path, name, committed, home, options);
  const failures = [
    ...(run.failure === undefined ? [] : [run.failure]),
    ...changesBetween(before, trackedFiles(root)).map((change) => spoils(name, change)),
    ...(accept ? machinePaths(run.notebook, [root, home]).map((place) => showsPath(name, place)) : []),
  ];
  const differences = compareNotebooks(committed, run.notebook).filter(({ cell }) => cell <= run.reached);
  if (failures.length === 0 && differences.length > 0) {
    failures.push(...(await unrepeatable(run, path, name, `${home}-again`, options)));
  }
  for (const failure of failures) report.failure("notebook", name, failure);
  for (const difference of accept ? [] : differences) {
    report.failure("notebook", name, outputDiffers(name, difference));
  }
  const cells = differences.map(({ cell }) => cell).join(", ");
  if (failures.length > 0) {
    const detail =
      run.failure === undefined ? failures.map(({ code }) => code) : [`stopped after cell ${run.reached}`];
    report.row("notebook", name, "failed", [...new Set(detail)].join(", "));
    return undefined;
  }
  if (differences.length > 0) report.row("notebook", name, accept ? "accepted" : "differs", `cell ${cells}`);
  else {
    const codeCells = committed.cells.filter((cell) => cell.cell_type === "code").length;
    report.row("notebook", name, "same", `${codeCells} code cells`);
  }
  return run.notebook;
}

/** Runs a notebook again, to tell outputs that changed from outputs that cannot be repeated by anyone. */
async function unrepeatable(
  first: NotebookRun,
  path: string,
  name: string,
  home: string,
  options: ReplayOptions,
): Promise<LawbookError[]> {
  const second = await runOnce(path, name, first.notebook, home, options);
  const differences = compareNotebooks(first.notebook, second.notebook).filter(
    ({ cell }) => cell <= second.reached,
  );
  return [
    ...(second.failure === undefined ? [] : [second.failure]),
    ...differences.map((difference) => {
      const what = `${name}, ${placeOf(difference)} is not deterministic, two runs gave:\n${difference.diff}`;
      const hint = "Take random numbers from a seed, and show no times, paths or process ids.";
      return new LawbookError("determinism", what, { hint, data: { ...difference } });
    }),
  ];
}

function runOnce(
  path: string,
  name: string,
  notebook: Notebook,
  home: string,
  { env, cellTimeoutMs, signal, progress }: ReplayOptions,
): Promise<NotebookRun> {
  return runNotebook(name, notebook, {
    cwd: dirname(path),
    home,
    env,
    cellTimeoutMs,
    signal,
    progress: (done, total) => progress({ phase: name, done, total }),
  });
}

function outputDiffers(name: string, difference: CellDifference): LawbookError {
  const what = `${name}, ${placeOf(difference)} differs from the committed one:\n${difference.diff}`;
  return new LawbookError("output-differs", what, { data: { ...difference } });
}

function spoils(name: string, change: string): LawbookError {
  return new LawbookError("determinism", `${name} ${change}: a replay must leave all files as they are.`, {
    hint: "Restore the file. Let the cell write below os.tmpdir(), or show its result as an output.",
  });
}

function showsPath(name: string, { cell, cellId, folder }: MachinePath): LawbookError {
  const what = `${name}, cell ${cell} (id ${cellId}) shows a path of this machine: ${folder}.`;
  return new LawbookError("determinism", what, { hint: "Show paths from the root of the project." });
}

/** Path from the root with `/`; the whole path of a file outside it. */
function nameOf(root: string, path: string): string {
  const inside = relative(root, path);
  return inside.startsWith("..") || isAbsolute(inside) ? path : inside.split("\\").join("/");
}

/** A committed notebook that cannot be read is a changed output; one that is not there was named wrongly. */
function asNotebookFailure(error: unknown, name: string): unknown {
  if (!(error instanceof LawbookError)) return error;
  const { code, message, data, problems } = error;
  if (code === "bad-file")
    return new LawbookError("output-differs", message, { data, problems, cause: error });
  if (code === "dead-kernel" || code === "timeout") {
    return new LawbookError(code, `${name}: the kernel did not start. ${message}`, { cause: error });
  }
  return error;
}
