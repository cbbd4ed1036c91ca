import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";

import { makeTemporaryFolder, remove, writeAtomic } from "../../../src/core/files.js";
import { runProgram } from "../../../src/core/process.js";
import { until } from "../kernel/start.js";

/** Programs of this name that are tried, in this order; `LAWBOOK_CHROMIUM` goes before them. */
const NAMES = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/** A Chromium or Chrome of this machine, or undefined. */
export function findChromium(): string | undefined {
  const chosen = process.env["LAWBOOK_CHROMIUM"];
  const names = chosen === undefined ? NAMES : [chosen];
  return names.find((name) => runProgram(name, ["--version"], { timeoutMs: 30_000 }).status === 0);
}

/** A key that is no character, as DevTools names it. */
const KEYS = {
  Tab: 9,
  Enter: 13,
  Escape: 27,
  Home: 36,
  End: 35,
} as const;

type Fields = Readonly<Record<string, unknown>>;

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Fields;
  readonly result?: Fields;
  readonly error?: { readonly message: string };
}

/** One page of a headless browser, spoken to over DevTools' pipe, so that no port and no driver is needed. */
export class Page {
  /** Errors that the page wrote on its console or did not catch. */
  readonly errors: string[] = [];
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #profile = makeTemporaryFolder("lawbook-chromium");
  readonly #child: ChildProcess;
  #session: string | undefined;
  #id = 0;
  #rest = "";

  private constructor(program: string) {
    const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    const flags = [
      "--headless=new",
      "--remote-debugging-pipe",
      "--no-first-run",
      "--disable-gpu",
      "--disable-dev-shm-usage",
    ];
    const args = [
      ...flags,
      ...root,
      `--user-data-dir=${this.#profile}`,
      "--window-size=1400,1000",
      "about:blank",
    ];
    this.#child = spawn(program, args, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    (this.#child.stdio[4] as Readable).setEncoding("utf8").on("data", (text: string) => this.#receive(text));
  }

  /** Starts a browser with one empty page. */
  static async open(program: string): Promise<Page> {
    const page = new Page(program);
    const { targetInfos } = (await page.send("Target.getTargets")) as {
      readonly targetInfos: readonly { readonly type: string; readonly targetId: string }[];
    };
    const target = targetInfos.find(({ type }) => type === "page");
    const attached = await page.send("Target.attachToTarget", { targetId: target?.targetId, flatten: true });
    page.#session = String(attached["sessionId"]);
    for (const domain of ["Page", "Runtime", "Log"]) await page.send(`${domain}.enable`);
    await page.send("Emulation.setFocusEmulationEnabled", { enabled: true });
    await page.send("Emulation.setDeviceMetricsOverride", {
      width: 1400,
      height: 1000,
      deviceScaleFactor: 1,
      mobile: false,
    });
    return page;
  }

  send(method: string, params: Fields = {}): Promise<Fields> {
    const id = ++this.#id;
    const sessionId = this.#session === undefined ? {} : { sessionId: this.#session };
    (this.#child.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, ...sessionId })}\0`);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) =>
        error === undefined ? resolve(result ?? {}) : reject(new Error(`${method}: ${error.message}`)),
      );
    });
  }

  async goto(url: string): Promise<void> {
    await this.send("Page.navigate", { url });
  }

  /** Value of an expression in the page; a promise is awaited. */
  async evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = (await this.send("Runtime.evaluate", {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })) as {
      readonly result: { readonly value?: unknown };
      readonly exceptionDetails?: {
        readonly text: string;
        readonly exception?: { readonly description?: string };
      };
    };
    if (exceptionDetails !== undefined)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value as T;
  }

  /** Waits until an expression is truthy, and gives its value. */
  async until<T = unknown>(what: string, expression: string, limitMs = 100_000): Promise<T> {
    const end = performance.now() + limitMs;
    for (;;) {
      const value = await this.evaluate<T>(
        `(() => { try { return ${expression}; } catch { return undefined; } })()`,
      );
      if (Boolean(value)) return value;
      if (performance.now() > end)
        throw new Error(`The page did not come so far within ${limitMs / 1000} s: ${what}.`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Clicks in the middle of the first visible element that fits. */
  async click(selector: string): Promise<void> {
    const place = await this.until<{ x: number; y: number }>(
      `${selector} is there`,
      `[...document.querySelectorAll(${JSON.stringify(selector)})].map((element) => {
        element.scrollIntoView({ block: "nearest" });
        const { x, y, width, height } = element.getBoundingClientRect();
        return width * height > 0 ? { x: x + width / 2, y: y + height / 2 } : undefined;
      }).find(Boolean)`,
    );
    for (const type of ["mousePressed", "mouseReleased"])
      await this.send("Input.dispatchMouseEvent", { type, ...place, button: "left", clickCount: 1 });
  }

  /** Types characters one by one. */
  async type(text: string): Promise<void> {
    for (const character of text)
      await this.send("Input.dispatchKeyEvent", { type: "char", text: character });
  }

  async press(key: keyof typeof KEYS, modifier: "none" | "shift" = "none"): Promise<void> {
    const common = {
      key,
      code: key,
      windowsVirtualKeyCode: KEYS[key],
      modifiers: modifier === "shift" ? 8 : 0,
    };
    await this.send("Input.dispatchKeyEvent", {
      type: "keyDown",
      ...common,
      ...(key === "Enter" && modifier === "none" ? { text: "\r" } : {}),
    });
    await this.send("Input.dispatchKeyEvent", { type: "keyUp", ...common });
  }

  /** Writes what is seen as a PNG. */
  async screenshot(path: string): Promise<void> {
    const { data } = await this.send("Page.captureScreenshot", { format: "png" });
    writeAtomic(path, Buffer.from(String(data), "base64"));
  }

  async close(): Promise<void> {
    const child = this.#child;
    const gone = (): boolean => child.exitCode !== null || child.signalCode !== null;
    void this.send("Browser.close").catch(() => {});
    if (!(await until(gone, 5000))) child.kill("SIGKILL");
    await until(gone, 5000);
    remove(this.#profile);
  }

  #receive(text: string): void {
    const messages = (this.#rest + text).split("\0");
    this.#rest = messages.pop() ?? "";
    for (const message of messages) {
      const answer = JSON.parse(message) as Answer;
      if (answer.id !== undefined) {
        this.#waiting.get(answer.id)?.(answer);
        this.#waiting.delete(answer.id);
      } else {
        this.#note(answer.method ?? "", answer.params ?? {});
      }
    }
  }

  #note(method: string, params: Fields): void {
    if (method === "Runtime.exceptionThrown") {
      const { text, exception } = params["exceptionDetails"] as {
        text: string;
        exception?: { description?: string };
      };
      this.errors.push(exception?.description ?? text);
    } else if (method === "Runtime.consoleAPICalled" && params["type"] === "error") {
      const args = params["args"] as { value?: unknown; description?: string }[];
      this.errors.push(args.map(({ value, description }) => String(description ?? value)).join(" "));
    } else if (method === "Log.entryAdded") {
      const { level, text, url } = params["entry"] as { level: string; text: string; url?: string };
      if (level === "error") this.errors.push([text, url].filter(Boolean).join(" "));
    } else if (method === "Page.javascriptDialogOpening") {
      // JupyterLab asks before it leaves a notebook that is not saved, and no command is answered meanwhile.
      void this.send("Page.handleJavaScriptDialog", { accept: true });
    }
  }
}
