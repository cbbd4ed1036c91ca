import { join } from "node:path";

import { awaitProgram, type Finished } from "../../src/core/process.js";

/** The compiled program. */
export const CLI: string = join(import.meta.dirname, "../../dist/cli.js");

/** Where a command line runs. */
export interface CommandPlace {
  readonly cwd: string;
  /** Folder of its store. */
  readonly home: string;
  /** Variables beside those of the tests. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs `lawbook` with these words to its end, in a process of its own. */
export type CommandLine = (...words: readonly string[]) => Promise<Finished>;

/** Programs at the same time; more would only wait for one another on a machine with two cores. */
const AT_ONCE = 2;

let running = 0;
const waiting: (() => void)[] = [];

/** The command line in a place. Calls that do not wait for one another run side by side, two at a time. */
export function commandLine({ cwd, home, env = {} }: CommandPlace): CommandLine {
  return async (...words) => {
    if (running < AT_ONCE) running++;
    else await new Promise<void>((free) => waiting.push(free));
    try {
      return await awaitProgram(process.execPath, [CLI, ...words], {
        cwd,
        env: { ...process.env, LAWBOOK_HOME: home, ...env },
      });
    } finally {
      const next = waiting.shift();
      if (next === undefined) running--;
      else next();
    }
  };
}
