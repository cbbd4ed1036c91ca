#!/usr/bin/env -S node --no-force-async-hooks-checks
import Module, { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";

import {
  address,
  type Fields,
  PROTOCOL_VERSION,
  readConnection,
  uniqueId,
} from "lawbook/dist/jupyter/index.js";
import { Router, XPublisher } from "zeromq";

import { compilerVersion, loadCompiler } from "./cell/tslab.js";
import type { MagicRegistry } from "./magics/registry.js";
import { Iopub } from "./output.js";
import { guardProcess } from "./process-guard.js";
import { Session } from "./session.js";
import { type ControlData, type ControlMessage, createSharedState, Slot } from "./shared-state.js";
import { Shell } from "./shell.js";
import { Stdin } from "./stdin.js";

/** The event loop shows that it turns once in so many milliseconds. */
const TICK_MS = 100;
/** The compiler is loaded after so many milliseconds even where nobody has asked for `kernel_info`. */
const WARM_UP_MS = 300;
/** So long may sockets take to close. */
const CLOSE_MS = 300;

const load = createRequire(import.meta.url);
const here = dirname(fileURLToPath(import.meta.url));
const version = (load("../package.json") as { version: string }).version;

const writeError = process.stderr.write.bind(process.stderr);
const exit = process.exit.bind(process);

void start().catch((error: unknown) => {
  writeError(`${error instanceof Error ? error.message : String(error)}\n`);
  exit(2);
});

async function start(): Promise<void> {
  // From Node 22 on: the compiled code of the compiler is kept in the system's folder for temporary files.
  (Module as { enableCompileCache?: () => unknown }).enableCompileCache?.();
  const { values, positionals } = parseArgs({
    options: { "connection-file": { type: "string", short: "f" } },
    allowPositionals: true,
  });
  const file = values["connection-file"] ?? positionals[0];
  if (file === undefined) throw new Error("Usage: lawbook-kernel --connection-file FILE");
  const connection = readConnection(file);
  const { key } = connection;
  const session = uniqueId();
  const state = createSharedState();
  const info = kernelInfo();

  const publisher = new XPublisher({
    linger: 1000,
    sendHighWaterMark: 0,
    sendTimeout: 0,
    verbosity: "allSubs",
    manual: true,
  });
  const shellSocket = new Router({ linger: 1000, sendHighWaterMark: 0, receiveHighWaterMark: 0 });
  const stdinSocket = new Router({ linger: 0 });
  await publisher.bind(address(connection, "iopub"));
  await stdinSocket.bind(address(connection, "stdin"));

  const iopub = new Iopub(publisher, session, key);
  const guard = guardProcess({
    write: (name, chunk) => iopub.write(name, chunk),
    uncaught: (error) => void cells.describe(error).then((text) => iopub.write("stderr", `${text}\n`)),
    interrupt: () => cells.interrupt(Atomics.load(state, Slot.epoch)),
  });
  const lawbook = dirname(load.resolve("lawbook/package.json"));
  const stdin = new Stdin(stdinSocket, session, key, guard.log);
  const cells = new Session({
    iopub,
    state,
    stdin,
    cwd: process.cwd(),
    packages: {
      lawbook,
      "lawbook-kernel": dirname(here),
      "danfojs-node": dirname(load.resolve("danfojs-node/package.json")),
    },
    own: [join(lawbook, "dist"), here, dirname(load.resolve("tslab/package.json"))],
    openMagics,
    children: guard.children,
    kill: guard.kill,
  });

  const parent = Number(process.env["JPY_PARENT_PID"]);
  const data: ControlData = { connection, session, state, info, parent: parent > 1 ? parent : undefined };
  const control = new Worker(new URL("./control.js", import.meta.url), { workerData: data });
  // While the thread starts, on another processor.
  loadCompiler();
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    cells.close();
    guard.killChildren();
    iopub.flush();
    setTimeout(() => guard.exit(0), CLOSE_MS);
    control.postMessage("close");
  };
  await new Promise<void>((resolve, reject) => {
    control.on("error", (error) => {
      guard.log(`The control thread failed: ${error.stack ?? error.message}`);
      reject(error);
    });
    control.on("message", (message: ControlMessage) => {
      switch (message.kind) {
        case "bound":
          return resolve();
        case "failed":
          return reject(new Error(message.reason));
        case "interrupt":
          return cells.interrupt(message.epoch);
        case "terminated":
          return cells.terminated(message.epoch);
        case "shutdown":
          return end();
        case "closed":
          for (const socket of [shellSocket, stdinSocket, publisher]) socket.close();
          guard.killChildren();
          guard.exit(0);
      }
    });
  });
  setInterval(() => {
    Atomics.add(state, Slot.tick, 1);
    guard.listen();
  }, TICK_MS).unref();
  process.on("SIGTERM", end);

  const shell = new Shell(shellSocket, iopub, cells, { session, key, info, log: guard.log, shutdown: end });
  await shellSocket.bind(address(connection, "shell"));
  iopub.status("starting");
  setTimeout(() => void cells.cells().catch((error: unknown) => guard.log(String(error))), WARM_UP_MS);
  await Promise.all([shell.serve(), stdin.serve(), iopub.welcome()]);
}

async function openMagics(): Promise<MagicRegistry> {
  const { openRegistry } = await import("./magics/open.js");
  return openRegistry(process.cwd(), process.env);
}

function kernelInfo(): Fields {
  return {
    status: "ok",
    protocol_version: PROTOCOL_VERSION,
    implementation: "lawbook",
    implementation_version: version,
    language_info: {
      name: "typescript",
      version: compilerVersion(),
      mimetype: "application/typescript",
      file_extension: ".ts",
      pygments_lexer: "typescript",
      codemirror_mode: "typescript",
      nbconvert_exporter: "script",
    },
    banner: `Lawbook ${version}: TypeScript cells and magics. %lsmagic lists the magics.`,
    help_links: [],
    debugger: false,
    supported_features: [],
  };
}
