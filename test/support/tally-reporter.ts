import type { Reporter, TestModule, Vitest } from "vitest/node";

import { tally, tallyLine } from "./tally.js";

/** Prints the tally as the very last line of all output, after every other reporter and after late warnings. */
export class TallyReporter implements Reporter {
  #watch = false;
  #line: string | undefined;

  onInit(vitest: Vitest): void {
    this.#watch = vitest.config.watch;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const line = tallyLine(tally(modules, unhandledErrors));
    if (this.#watch) {
      process.stdout.write(`${line}\n`);
      return;
    }
    if (this.#line === undefined) process.once("exit", () => process.stdout.write(`${this.#line}\n`));
    this.#line = line;
  }
}
