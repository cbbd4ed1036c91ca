import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";

import { makeTemporaryFolder, remove, writeAtomic } from "../../../src/core/files.js";
import { startProgram } from "../../../src/core/process.js";
import { until } from "../kernel/start.js";
import { Page } from "./chromium.js";
import type { JupyterEnvironment } from "./environment.js";

/** A cell as JupyterLab's model has it. */
export interface LabCell {
  readonly source: string;
  readonly count: number | null;
  readonly outputs: readonly {
    readonly output_type: string;
    readonly data?: Readonly<Record<string, unknown>>;
    readonly text?: string | readonly string[];
    readonly ename?: string;
  }[];
}

const PANEL = `[...jupyterapp.shell.widgets("main")].find((widget) => widget.isVisible && widget.sessionContext)`;
const NOTEBOOK = `${PANEL}.content`;
const KERNEL = `${PANEL}.sessionContext.session.kernel`;

/** JupyterLab with one page in a headless browser. */
export class Lab {
  private constructor(
    readonly page: Page,
    /** Folder that JupyterLab shows. */
    readonly folder: string,
    readonly url: (path: string) => string,
    readonly close: () => Promise<void>,
  ) {}

  /** Starts a server in an empty folder, and a browser. */
  static async start(jupyter: JupyterEnvironment, chromium: string): Promise<Lab> {
    const folder = makeTemporaryFolder("lawbook-lab");
    const settings = makeTemporaryFolder("lawbook-lab-settings");
    const setting = (plugin: string, value: object): void =>
      writeAtomic(join(settings, `@jupyterlab/${plugin}.jupyterlab-settings`), JSON.stringify(value));
    setting("apputils-extension/notification", { fetchNews: "false", checkForUpdates: false });
    // Completions that take longer are dropped, which a machine under load would meet at the default of a second.
    setting("completer-extension/manager", { providerTimeout: 60_000 });
    const port = await freePort();
    const args = [
      ...["-m", "jupyterlab", "--no-browser", "--allow-root", `--port=${port}`, "--ServerApp.port_retries=0"],
      ...[
        "--IdentityProvider.token=lawbook",
        `--ServerApp.root_dir=${folder}`,
        "--LabApp.expose_app_in_browser=True",
      ],
    ];
    const server = startProgram(jupyter.python, args, {
      cwd: folder,
      env: { ...jupyter.env, JUPYTERLAB_SETTINGS_DIR: settings, JUPYTERLAB_WORKSPACES_DIR: settings },
    });
    let log = "";
    for (const stream of [server.stdout, server.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => (log += text));
    const gone = (): boolean => server.exitCode !== null || server.signalCode !== null;
    let page: Page | undefined;
    const close = async (): Promise<void> => {
      await page?.close();
      server.kill("SIGTERM");
      if (!(await until(gone, 10_000))) server.kill("SIGKILL");
      for (const path of [folder, settings]) remove(path);
    };
    const url = (path: string): string => `http://127.0.0.1:${port}/${path}?token=lawbook`;
    try {
      if (!(await until(() => log.includes(`127.0.0.1:${port}/lab`) || gone(), 180_000)) || gone())
        throw new Error(`JupyterLab did not start:\n${log}`);
      page = await Page.open(chromium);
      return new Lab(page, folder, url, close);
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** Opens a notebook of the folder and waits until its kernel answers. */
  async open(notebook: string): Promise<void> {
    await this.page.goto(this.url(`lab/tree/${notebook}`));
    // The page first shows again what was open before.
    await this.page.until(
      "the notebook is shown and its kernel idle",
      `${PANEL}.context.path === ${JSON.stringify(notebook)} && ${KERNEL}.status === "idle"`,
      120_000,
    );
    await this.page.click(".jp-Cell");
    await this.page.until(
      "the notebook is the current widget",
      `jupyterapp.shell.currentWidget === ${PANEL}`,
    );
  }

  /** Cells as the model has them. */
  cells(): Promise<LabCell[]> {
    return this.page.evaluate(`${NOTEBOOK}.widgets.map((cell) => {
      const { source, execution_count = null, outputs = [] } = cell.model.toJSON();
      return { source: Array.isArray(source) ? source.join("") : source, count: execution_count, outputs };
    })`);
  }

  /** Clears all outputs, runs all cells from top to bottom as the menu does, and waits for the last one. */
  async runAll(limitMs: number): Promise<void> {
    await this.page.evaluate(`jupyterapp.commands.execute("notebook:clear-all-cell-outputs")`);
    const left = (await this.cells()).filter(({ outputs }) => outputs.length > 0);
    if (left.length > 0) throw new Error(`${left.length} cells keep their outputs.`);
    await this.page.evaluate(
      `window.ran = false; void jupyterapp.commands.execute("notebook:run-all-cells").then(() => (window.ran = true));`,
    );
    await this.page.until("every cell has run", "window.ran", limitMs);
  }

  /** Puts the cursor into an empty cell at the end and types. */
  async newCell(text: string): Promise<void> {
    await this.page.evaluate(`(async () => {
      const notebook = ${NOTEBOOK};
      notebook.activeCellIndex = notebook.widgets.length - 1;
      if (notebook.activeCell.model.sharedModel.source !== "")
        await jupyterapp.commands.execute("notebook:insert-cell-below");
      await jupyterapp.commands.execute("notebook:enter-edit-mode");
      await notebook.scrollToItem(notebook.activeCellIndex, "smart");
    })()`);
    await this.page.until(
      "the new cell has the focus",
      `document.activeElement.closest(".jp-Cell.jp-mod-active .cm-content") !== null`,
    );
    await this.page.type(text);
  }

  /** Runs a new cell by Shift+Enter and waits for its end. */
  async runCell(text: string): Promise<LabCell> {
    return this.ended(await this.startCell(text));
  }

  /** Runs a new cell by Shift+Enter and gives its index at once. */
  async startCell(text: string): Promise<number> {
    await this.newCell("");
    await this.page.send("Input.insertText", { text });
    const index = await this.page.evaluate<number>(`${NOTEBOOK}.activeCellIndex`);
    await this.page.press("Enter", "shift");
    return index;
  }

  /** A cell when it has ended. */
  async ended(index: number): Promise<LabCell> {
    await this.page.until(
      "the cell has ended",
      `${KERNEL}.status === "idle" && ${NOTEBOOK}.widgets[${index}].model.executionState !== "running"`,
    );
    return (await this.cells())[index]!;
  }

  /** Clicks a button of the notebook's toolbar. */
  button(name: "interrupt" | "restart"): Promise<void> {
    return this.page.click(`.jp-NotebookPanel-toolbar [data-jp-item-name="${name}"]`);
  }

  /** Waits for a status of the kernel as the front end knows it. */
  untilStatus(status: "idle" | "busy" | "restarting"): Promise<unknown> {
    return this.page.until(`the kernel is ${status}`, `${KERNEL}.status === "${status}"`);
  }

  /** Is the chart of a cell drawn? Cells out of sight are drawn when they are scrolled to. */
  async untilChart(index: number): Promise<void> {
    await this.page.evaluate(`${NOTEBOOK}.scrollToItem(${index}, "start")`);
    await this.page.until(
      `the chart of cell ${index} is drawn`,
      `${NOTEBOOK}.widgets[${index}].node.querySelector(".jp-RenderedVegaCommon5 :is(canvas, svg)").getBoundingClientRect().height > 100`,
    );
  }

  /** Waits until a cell is shown as running. */
  untilRunning(index: number): Promise<unknown> {
    return this.page.until(
      "the cell runs",
      `${KERNEL}.status === "busy" && ${NOTEBOOK}.widgets[${index}].node.querySelector(".jp-InputPrompt").textContent.includes("*")`,
    );
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
