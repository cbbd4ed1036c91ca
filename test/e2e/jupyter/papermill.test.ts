import { join } from "node:path";

import { afterAll, describe, expect, it } from "vitest";

import { makeTemporaryFolder, readJson, remove } from "../../../src/core/files.js";
import type { Finished } from "../../../src/core/process.js";
import { notebookOfCells, temporaryProject } from "../../support/project.js";
import { jupyterEnvironment } from "./environment.js";

const DEFAULTS = `let lr = 0.005; // learning rate
let facts: Record<string, number> = { geography: 40 };
let name: string | null = "small";`;
const SHOWN = `console.log(JSON.stringify({ lr, facts, name }), facts["geography"]! + 1);`;

const environment = await jupyterEnvironment();
const reason = typeof environment === "string" ? ` (skipped: ${environment})` : "";

describe.skipIf(typeof environment === "string")(`parameters by papermill${reason}`, () => {
  const jupyter = environment as Exclude<typeof environment, string>;
  const home = makeTemporaryFolder("lawbook-papermill");
  const project = temporaryProject();
  project.put("in.ipynb", notebookOfCells([{ source: DEFAULTS, tags: ["parameters"] }, SHOWN]));
  project.put("untagged.ipynb", notebookOfCells([SHOWN]));
  afterAll(() => {
    jupyter.clean();
    project.remove();
    remove(home);
  });
  const papermill = (...args: string[]): Promise<Finished> =>
    jupyter.run(["-m", "papermill", "--no-progress-bar", ...args], project.root, { LAWBOOK_HOME: home });
  const cells = (): { metadata: { tags?: string[] }; source: string[]; outputs: { text?: string[] }[] }[] =>
    (readJson(join(project.root, "out.ipynb")) as { cells: never[] }).cells;

  it("come after the defaults, by kind", async () => {
    const { status, stderr } = await papermill(
      ...[
        "in.ipynb",
        "out.ipynb",
        "-p",
        "lr",
        "0.01",
        "-y",
        'facts: {geography: 60, "bio\\"logy": 2}',
        "-y",
        "name: null",
      ],
    );
    expect(status, stderr).toBe(0);
    const [, injected, shown] = cells();
    expect(injected?.metadata.tags).toEqual(["injected-parameters"]);
    expect(injected?.source.join("")).toBe(
      '// Parameters\nlet facts: any = {"geography": 60, "bio\\"logy": 2};\nlet name: any = null;\nlet lr: any = 0.01;\n',
    );
    expect(shown?.outputs[0]?.text?.join("")).toBe(
      '{"lr":0.01,"facts":{"geography":60,"bio\\"logy":2},"name":null} 61\n',
    );
  });

  it("keep every character of a text, and come first where no cell is tagged", async () => {
    const text = 'a "quoted" \\n back`tick ${lr} é 😀';
    const { status, stderr } = await papermill(
      ...[
        "untagged.ipynb",
        "out.ipynb",
        "-r",
        "name",
        text,
        "-y",
        "{lr: [1, true, null], facts: {geography: 1}}",
      ],
    );
    expect(status, stderr).toBe(0);
    expect(cells().at(-1)?.outputs[0]?.text?.join("")).toBe(
      `${JSON.stringify({ lr: [1, true, null], facts: { geography: 1 }, name: text })} 2\n`,
    );
  });

  it("are refused where a number of TypeScript cannot hold them", async () => {
    const { status, stderr } = await papermill("in.ipynb", "out.ipynb", "-y", "lr: [9007199254740993]");
    expect(status).toBe(1);
    expect(stderr).toContain("TypeScript cannot hold the number 9007199254740993 exactly: pass it as text.");
  });

  it("are listed with their types, defaults and comments", async () => {
    const { stdout, stderr } = await papermill("--help-notebook", "in.ipynb");
    expect(stdout, stderr).toMatch(/lr: Unknown type \(default 0\.005\)\s+learning rate/);
    expect(stdout).toContain("facts: Record<string, number> (default { geography: 40 })");
    expect(stdout).toContain('name: string | null (default "small")');
  });

  it("go through the engine of this name, too; a failing cell fails the run", async () => {
    project.put("fail.ipynb", notebookOfCells([`throw new RangeError("too far");`, "1"]));
    const { status, stderr } = await papermill("--engine", "lawbook", "fail.ipynb", "out.ipynb");
    expect(status).toBe(1);
    expect(stderr).toContain('Exception encountered at "In [1]"');
    expect(stderr).toContain("RangeError: too far\n    at In[1]:1:7");
  });
});
