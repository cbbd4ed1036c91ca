#!/usr/bin/env node
import { LawbookError, unknownName } from "./core/errors.js";
import { describeArguments, parseArguments, usagePositional } from "./commands/arguments.js";
import type { CommandSpec, Shown } from "./commands/command.js";
import { COMMANDS } from "./commands/list.js";
import { terminalProgress } from "./commands/terminal.js";
import { findHome, findRoot, packageVersion } from "./runs/project.js";

/** Runs the command line and gives its exit status. */
async function main(words: readonly string[]): Promise<number> {
  const [verb, ...rest] = words;
  if (verb === undefined || verb === "--help" || verb === "-h" || verb === "help") {
    print(rest[0] === undefined || verb !== "help" ? overview() : usage(find(rest[0])));
    return verb === undefined ? 2 : 0;
  }
  if (verb === "--version" || verb === "-v") {
    print(packageVersion());
    return 0;
  }
  const json = rest.includes("--json");
  const abort = new AbortController();
  const progress = terminalProgress(process.stderr);
  let interrupts = 0;
  process.on("SIGINT", () => {
    // The second one does not wait for a checkpoint.
    if (++interrupts > 1) process.exit(130);
    process.stderr.write("\nStopping at the next checkpoint; once more stops at once.\n");
    abort.abort();
  });
  try {
    const spec = find(verb);
    const args = parseArguments(spec, { label: `lawbook ${spec.name}`, positionals: spec.positionals }, rest);
    if (args.flags["help"] === true) {
      print(usage(spec));
      return 0;
    }
    const cwd = process.cwd();
    const result = await spec.run(args, {
      cwd,
      root: findRoot(cwd),
      home: findHome(cwd, process.env),
      env: process.env,
      signal: abort.signal,
      progress: progress.step,
    });
    progress.end();
    const shown: Shown = await spec.show(result);
    print(json ? JSON.stringify(shown.json) : shown.text);
    return shown.exitCode ?? 0;
  } catch (error) {
    progress.end();
    return report(error, json);
  }
}

function find(name: string): CommandSpec {
  const spec = COMMANDS.find((candidate) => candidate.name === name);
  if (spec === undefined) {
    throw unknownName(
      "verb",
      name,
      COMMANDS.map((candidate) => candidate.name),
    );
  }
  return spec;
}

function report(error: unknown, json: boolean): number {
  const known = error instanceof LawbookError;
  const status = known ? error.exitCode : 60;
  if (json) {
    const { message } = error as Error;
    const detail = known
      ? { code: error.code, message, problems: error.problems, data: error.data }
      : { code: "internal", message };
    print(JSON.stringify({ error: detail, exitCode: status }));
  }
  const text = known ? error.message : ((error as Error).stack ?? String(error));
  process.stderr.write(`lawbook: ${text}\n`);
  return status;
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length)) + 2;
  return [
    "lawbook VERB [arguments] [--json]",
    "",
    "How does a language model learn several scientific disciplines at once? Train, compare, replay, judge.",
    "",
    ...COMMANDS.map(({ name, summary }) => `  ${name.padEnd(width)}${summary}`),
    "",
    "`lawbook VERB --help` tells more. Exit status 0: fine, whatever the verdict; 2: usage or request; 10: cell error;",
    "11: timeout or dead kernel; 20 to 24: output, figure, verdict, digest or record differs; 30: data differs;",
    "31: determinism; 32: environment; 60: internal.",
  ].join("\n");
}

function usage(spec: CommandSpec): string {
  const line = ["lawbook", spec.name, ...spec.positionals.map(usagePositional), "[flags]"].join(" ");
  return [line, "", spec.summary, "", describeArguments(spec)].join("\n");
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.exitCode = report(error, false);
  },
);
