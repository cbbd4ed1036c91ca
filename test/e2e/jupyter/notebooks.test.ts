import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { makeTemporaryFolder, readJson, remove, writeAtomic } from "../../../src/core/files.js";
import { jupyterEnvironment, ROOT } from "./environment.js";

interface Cell {
  readonly source: string | readonly string[];
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly outputs?: readonly Readonly<Record<string, unknown>>[];
  readonly execution_count?: number | null;
}

interface Notebook {
  readonly cells: readonly Cell[];
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Programs of Jupyter that run a notebook: arguments of Python from a notebook and the name of the outcome. */
const RUNNERS: readonly (readonly [string, (notebook: string, outcome: string) => readonly string[]])[] = [
  [
    "nbclient",
    (notebook, outcome) => ["-c", "from nbclient.cli import main; main()", "--output", outcome, notebook],
  ],
  [
    "nbconvert",
    (notebook, outcome) => [
      "-m",
      "nbconvert",
      "--execute",
      "--to",
      "notebook",
      "--output",
      outcome,
      notebook,
    ],
  ],
  ["papermill", (notebook, outcome) => ["-m", "papermill", "--no-progress-bar", notebook, outcome]],
];

/** The tour trains three models; `npm run test:tour` runs it. */
const TOUR = process.env["LAWBOOK_TOUR"] === "1";

const environment = await jupyterEnvironment();
const reason = typeof environment === "string" ? ` (skipped: ${environment})` : "";

describe.skipIf(typeof environment === "string")(`notebooks in Python's programs${reason}`, () => {
  const jupyter = environment as Exclude<typeof environment, string>;
  const work = makeTemporaryFolder("lawbook-notebooks");
  afterAll(() => {
    jupyter.clean();
    remove(work);
  });

  /** Runs a notebook and gives the outcome without what tells of the time of the run. */
  async function outcome(runner: (typeof RUNNERS)[number], source: string, nth: number): Promise<Notebook> {
    const [name, args] = runner;
    const folder = join(work, `${name}-${nth}`);
    // Papermill ends with an error after a cell that may fail, whatever its tags.
    const notebook = readJson(source) as Notebook;
    const cells = notebook.cells.filter((cell) => name !== "papermill" || !mayFail(cell));
    writeAtomic(join(folder, "in.ipynb"), JSON.stringify({ ...notebook, cells }));
    const { status, stdout, stderr } = await jupyter.run(args("in.ipynb", "out.ipynb"), folder, {
      LAWBOOK_HOME: join(folder, "home"),
    });
    if (status !== 0) throw new Error(`${name}: ${stdout}${stderr}`);
    return timeless(readJson(join(folder, "out.ipynb")) as Notebook);
  }

  it.each(RUNNERS)("%s runs one twice to the same bytes", async (...runner) => {
    const source = join(ROOT, "test/fixtures/jupyter/short.ipynb");
    const [first, second] = [await outcome(runner, source, 1), await outcome(runner, source, 2)];
    expect(JSON.stringify(first)).toBe(JSON.stringify(second));
    const code = first.cells.filter(({ outputs }) => outputs !== undefined);
    expect(code.map(({ execution_count }) => execution_count)).toEqual(code.map((_, at) => at + 1));
    const [, parameters, streams, value, shown, chart, table, ...rest] = code.map(
      ({ outputs = [] }) => outputs,
    );
    expect(parameters).toMatchObject([
      { text: lines('{"lr":0.005,"facts":{"geography":40},"name":"small"}') },
    ]);
    expect(streams).toMatchObject([
      { name: "stdout", text: lines(...Array.from({ length: 300 }, (_, at) => `line ${at + 1}`)) },
      { name: "stderr", text: lines("to the side") },
    ]);
    expect(value).toMatchObject([
      { output_type: "execute_result", data: { "text/plain": ["[ 0.005, 0.01, 0.015 ]"] } },
    ]);
    expect(shown).toMatchObject([{ output_type: "display_data", data: { "text/plain": ["second"] } }]);
    expect(chart).toMatchObject([{ data: { "application/vnd.vegalite.v5+json": { mark: "bar" } } }]);
    expect(Object.keys(table?.[0]?.["data"] as object).sort()).toEqual(["text/html", "text/plain"]);
    const error = [
      {
        output_type: "error",
        ename: "RangeError",
        evalue: "too far",
        traceback: ["RangeError: too far", "    at after (In[8]:2:24)", "    at In[8]:4:1"],
      },
    ];
    const last = [{ data: { "text/plain": ["still here, 0.005"] } }];
    expect(rest).toMatchObject(runner[0] === "papermill" ? [last] : [error, last]);
  });

  it.skipIf(!TOUR).each(RUNNERS)(
    "%s runs the tour twice to the same bytes",
    async (...runner) => {
      const source = join(ROOT, "notebooks/00-tour.ipynb");
      const [first, second] = [await outcome(runner, source, 1), await outcome(runner, source, 2)];
      expect(JSON.stringify(first)).toBe(JSON.stringify(second));
      expect(first.cells.flatMap(({ outputs = [] }) => outputs).length).toBeGreaterThan(10);
    },
    1_800_000,
  );
});

function mayFail({ metadata: { tags } }: Cell): boolean {
  return Array.isArray(tags) && tags.includes("raises-exception");
}

/** Text as a notebook stores it: a list of lines. */
function lines(...texts: readonly string[]): string[] {
  return texts.map((text) => `${text}\n`);
}

/** Leaves out when and for how long cells ran, and where papermill found and put the notebook. */
function timeless({ cells, metadata: { papermill: _, ...metadata }, ...rest }: Notebook): Notebook {
  return {
    ...rest,
    metadata,
    cells: cells.map(({ metadata: { execution: _execution, papermill: _papermill, ...kept }, ...cell }) => ({
      ...cell,
      metadata: kept,
    })),
  };
}
