import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { copy, makeFolder, readJson } from "../../../src/core/files.js";
import { findChromium } from "./chromium.js";
import { jupyterEnvironment, ROOT } from "./environment.js";
import { Lab, type LabCell } from "./lab.js";

/** Pictures of each step go here where it is set. */
const PICTURES = process.env["LAWBOOK_PICTURES"];
/** The tour trains three models; `npm run test:tour` runs it. */
const TOUR = process.env["LAWBOOK_TOUR"] === "1";

const chromium = findChromium();
const environment =
  chromium === undefined
    ? "there is no Chromium; LAWBOOK_CHROMIUM names one"
    : await jupyterEnvironment(["requirements.txt", "requirements-lab.txt"]);
const reason = typeof environment === "string" ? ` (skipped: ${environment})` : "";

describe.skipIf(typeof environment === "string")(`JupyterLab in a browser${reason}`, () => {
  const jupyter = environment as Exclude<typeof environment, string>;
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.start(jupyter, chromium ?? "");
    copy(join(ROOT, "test/fixtures/jupyter/lab.ipynb"), join(lab.folder, "lab.ipynb"));
  }, 600_000);
  afterAll(async () => {
    await lab?.close();
    jupyter.clean();
  });

  const picture = async (name: string): Promise<void> => {
    if (PICTURES === undefined) return;
    makeFolder(PICTURES);
    await lab.page.screenshot(join(PICTURES, `${name}.png`));
  };

  it("shows the kernel with its picture in the launcher", async () => {
    await lab.page.goto(lab.url("lab"));
    const name = await lab.page.until<string>(
      "the launcher shows the kernel",
      `[...document.querySelectorAll(".jp-LauncherCard")].find((card) => card.title.includes("Lawbook") || card.textContent.includes("Lawbook")).textContent`,
    );
    expect(name).toContain("TypeScript (Lawbook)");
    await lab.page.until(
      "its picture is drawn",
      `document.querySelector('.jp-LauncherCard img[src*="kernelspecs/lawbook/logo"]').naturalWidth > 0`,
    );
    await picture("launcher");
  });

  it("runs a notebook from top to bottom, charts drawn", async () => {
    await lab.open("lab.ipynb");
    await lab.runAll(200_000);
    const cells = await lab.cells();
    const code = cells.filter(({ count }) => count !== null);
    expect(code.map(({ count }) => count)).toEqual([1, 2, 3, 4, 5]);
    expect(kindsOf(cells)).toEqual([
      [],
      ["text/plain"],
      ["text/plain"],
      ["text/html", "text/plain"],
      ["application/vnd.vegalite.v5+json", "text/plain"],
      ["text/plain"],
    ]);
    expect(
      code.flatMap(({ outputs }) => outputs).filter(({ output_type }) => output_type === "error"),
    ).toEqual([]);
    await picture("run");
    await lab.untilChart(4);
    await picture("chart");
  });

  it("colours lines around magics as it colours them elsewhere", async () => {
    // The words of each cell with their colours, as CodeMirror draws them.
    const coloured = await lab.page.evaluate<readonly (readonly (readonly [string, string])[])[]>(
      `[...document.querySelectorAll(".jp-CodeCell")].map((cell) => {
        const words = [];
        const walker = document.createTreeWalker(cell.querySelector(".cm-content"), NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) words.push([walker.currentNode.data.trim(), getComputedStyle(walker.currentNode.parentElement).color]);
        return words;
      })`,
    );
    const colourOf = (word: string): Set<string> =>
      new Set(coloured.flat().flatMap(([text, colour]) => (text === word ? [colour] : [])));
    // One cell has it after a line magic, one without any magic.
    expect(coloured.flat().filter(([text]) => text === "const").length).toBeGreaterThan(2);
    expect([...colourOf("const")]).toHaveLength(1);
    expect(
      await lab.page.evaluate(`document.querySelectorAll(".cm-lintRange-error, .cm-invalid").length`),
    ).toBe(0);
  });

  it.each([
    ["names of magics", "%", ["lsmagic", "train", "evaluate"]],
    ["names of cell magics", "%%", ["train", "merge"]],
    ["flags", "%evaluate --", ["--device", "--json"]],
    ["members, by their types", "planets.to", ["toUpperCase", "toString"]],
  ])("completes %s", async (name, text, expected) => {
    await lab.newCell(text);
    await lab.page.press("Tab");
    const shown = "[...document.querySelectorAll('.jp-Completer:not(.lm-mod-hidden) .jp-Completer-match')]";
    const items = await lab.page.until<string[]>(
      "the popup is open",
      `${shown}.length > 0 && ${shown}.map((item) => item.textContent)`,
    );
    expect(items).toEqual(expect.arrayContaining(expected));
    await picture(`complete ${name}`);
    await lab.page.press("Escape");
  });

  it.each([
    ["a magic", "%train", "request in YAML"],
    ["a name", "parseInt", "Converts a string to an integer."],
  ])("helps with %s on Shift+Tab", async (name, text, expected) => {
    await lab.newCell(text);
    await lab.page.press("Tab", "shift");
    await lab.page.until(
      "the tooltip is open",
      `document.querySelector(".jp-Tooltip").textContent.includes(${JSON.stringify(expected)})`,
    );
    await picture(`help ${name}`);
    await lab.page.press("Escape");
  });

  it("stops an endless loop by the button, with the state kept", async () => {
    await lab.runCell("let kept = 41;");
    const index = await lab.startCell("kept += 1; await 0; while (true);");
    await lab.untilRunning(index);
    // The loop is reached, not only its compilation.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await lab.button("interrupt");
    const { outputs } = await lab.ended(index);
    expect(outputs).toMatchObject([{ output_type: "error", ename: "KeyboardInterrupt" }]);
    expect((await lab.runCell("kept")).outputs).toMatchObject([{ data: { "text/plain": "42" } }]);
    await picture("stopped");
  });

  it("asks, and takes the answer", async () => {
    const index = await lab.startCell('`hello ${await prompt("Your name?")}`');
    await lab.page.until("the box is there", `document.querySelector(".jp-Stdin-input") !== null`);
    await picture("prompt");
    await lab.page.evaluate(`document.querySelector(".jp-Stdin-input").focus()`);
    await lab.page.type("Ada");
    await lab.page.press("Enter");
    const { outputs } = await lab.ended(index);
    expect(outputs.at(-1)).toMatchObject({ data: { "text/plain": "hello Ada" } });
  });

  it("restarts", async () => {
    await lab.button("restart");
    await lab.page.click(".jp-Dialog .jp-mod-accept");
    await lab.untilStatus("restarting");
    await lab.untilStatus("idle");
    const { count, outputs } = await lab.runCell("typeof (globalThis as any).kept");
    expect(count).toBe(1);
    expect(outputs).toMatchObject([{ data: { "text/plain": "undefined" } }]);
  });

  it("has no error on the console", () => {
    expect(lab.page.errors).toEqual([]);
  });

  it.skipIf(!TOUR)(
    "runs the tour from top to bottom, all charts drawn",
    async () => {
      copy(join(ROOT, "notebooks/00-tour.ipynb"), join(lab.folder, "tour.ipynb"));
      const { cells: tour } = readJson(join(lab.folder, "tour.ipynb")) as {
        readonly cells: readonly Pick<LabCell, "outputs">[];
      };
      await lab.open("tour.ipynb");
      await lab.runAll(1_800_000);
      expect(kindsOf(await lab.cells())).toEqual(kindsOf(tour));
      const charts = kindsOf(tour).flatMap((kinds, at) =>
        kinds.some((kind) => kind.includes("vega")) ? [at] : [],
      );
      expect(charts.length).toBeGreaterThan(2);
      for (const [nth, at] of charts.entries()) {
        await lab.untilChart(at);
        await picture(`tour ${nth + 1}`);
      }
      expect(lab.page.errors).toEqual([]);
    },
    2_000_000,
  );
});

/** MIME types of the outputs of each cell. */
function kindsOf(cells: readonly Partial<Pick<LabCell, "outputs">>[]): string[][] {
  return cells.map(({ outputs = [] }) =>
    outputs
      .flatMap(({ data = {} }) => Object.keys(data))
      // JupyterLab adds a picture to a chart once it has drawn it.
      .filter((kind) => kind !== "image/png")
      .filter((kind, at, all) => all.indexOf(kind) === at)
      .sort(),
  );
}
