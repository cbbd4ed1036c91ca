import { Session } from "node:inspector";
import { parentPort, workerData } from "node:worker_threads";

import {
  address,
  createMessage,
  decode,
  encode,
  type Fields,
  type Message,
} from "lawbook/dist/jupyter/index.js";
import { Reply, Router } from "zeromq";

import { type ControlData, type ControlMessage, Phase, Slot } from "./shared-state.js";

// The control thread: heartbeat, control channel and the watch over the parent process, alive while a cell blocks.

const POLL_MS = 25;
/** So long must the main thread stand still before its JavaScript is terminated. */
const STALLED_MS = 500;
/** So long where a magic runs, which has been told to stop; a second interrupt does not wait. */
const MAGIC_STALLED_MS = 5000;
/** So long may the main thread take to shut down, also while it loads the compiler; Jupyter waits five seconds. */
const SHUTDOWN_MS = 4000;
const PARENT_POLL_MS = 500;

const { connection, session, state, info, parent } = workerData as ControlData;
const port = parentPort;
if (port === null) throw new Error("control.js runs in a worker thread only.");
const tell = (message: ControlMessage): void => port.postMessage(message);

const heartbeat = new Reply({ linger: 0 });
const control = new Router({ linger: 1000, sendHighWaterMark: 0 });
let inspector: Session | undefined;
let parentTimer: NodeJS.Timeout | undefined;
let endTimer: NodeJS.Timeout | undefined;

port.on("message", () => {
  clearInterval(parentTimer);
  clearInterval(endTimer);
  // Left connected, the process would wait for a debugger to go away.
  inspector?.disconnect();
  heartbeat.close();
  control.close();
  tell({ kind: "closed" });
  port.close();
});

void serve().catch((error: unknown) => tell({ kind: "failed", reason: String(error) }));

async function serve(): Promise<void> {
  await heartbeat.bind(address(connection, "hb"));
  await control.bind(address(connection, "control"));
  tell({ kind: "bound" });
  watchParent();
  void echo();
  for await (const frames of control) {
    const decoded = decode(frames, connection.key);
    if ("message" in decoded) await answer(decoded.message);
  }
}

async function echo(): Promise<void> {
  for await (const frames of heartbeat) await heartbeat.send(frames);
}

async function answer(request: Message): Promise<void> {
  const reply = (type: string, content: Fields): Promise<void> =>
    control.send(
      encode(
        createMessage(session, type, content, { parent: request, identities: request.identities }),
        connection.key,
      ) as Buffer[],
    );
  switch (request.header.msg_type) {
    case "kernel_info_request":
      return reply("kernel_info_reply", info);
    case "interrupt_request":
      interrupt();
      return reply("interrupt_reply", { status: "ok" });
    case "shutdown_request": {
      const restart = request.content["restart"] === true;
      await reply("shutdown_reply", { status: "ok", restart });
      return end(restart);
    }
    default:
      return reply(request.header.msg_type.replace(/_request$/, "_reply"), {
        status: "error",
        ename: "UnknownRequest",
        evalue: `${request.header.msg_type} is not answered on the control channel.`,
        traceback: [],
      });
  }
}

/**
 * Stops the cell of the present epoch and no other. A cell that waits is told to stop by the main thread; JavaScript that
 * blocks is terminated by the inspector: the synchronous part of a cell almost at once, later parts when the event loop
 * stands still, also where an earlier cell left them behind and no cell runs. Not by SIGINT: while Node hands that signal
 * over to a script and takes it back, there are moments in which it ends the process. Without `--no-force-async-hooks-checks` Node aborts when
 * JavaScript is terminated inside a timer.
 */
function interrupt(): void {
  const epoch = Atomics.load(state, Slot.epoch);
  const inCell = epoch % 2 === 1;
  const again = Atomics.load(state, Slot.wanted) === epoch;
  if (inCell) {
    Atomics.store(state, Slot.wanted, epoch);
    tell({ kind: "interrupt", epoch });
  }
  const patienceMs = (): number =>
    !inCell ? 2 * STALLED_MS : Atomics.load(state, Slot.magics) > 0 && !again ? MAGIC_STALLED_MS : STALLED_MS;
  let tick = Atomics.load(state, Slot.tick);
  let stalledMs = 0;
  let watchedMs = 0;
  let runningMs = 0;
  const timer = setInterval(() => {
    watchedMs += POLL_MS;
    const over = Atomics.load(state, Slot.epoch) !== epoch || (!inCell && watchedMs > 2 * patienceMs());
    if (over) return clearInterval(timer);
    const phase = Atomics.load(state, Slot.phase);
    runningMs = phase === Phase.running ? runningMs + POLL_MS : 0;
    // Not at once: a cell that is through in a moment ends by itself.
    if (
      runningMs > POLL_MS &&
      Atomics.compareExchange(state, Slot.phase, Phase.running, Phase.ending) === Phase.running
    ) {
      return terminate(epoch);
    }
    const now = Atomics.load(state, Slot.tick);
    stalledMs = now === tick && phase !== Phase.compiling ? stalledMs + POLL_MS : 0;
    tick = now;
    // One termination at a time, unless it has been without effect for long.
    if (stalledMs < (phase === Phase.ending ? 4 : 1) * patienceMs()) return;
    stalledMs = 0;
    terminate(epoch);
  }, POLL_MS);
}

/** Unwinds all JavaScript of the main thread, whose cell is then over. */
function terminate(epoch: number): void {
  inspector ??= connect();
  inspector.post("Runtime.terminateExecution", () => {
    // What the cell goes on with after an await may block again.
    Atomics.compareExchange(state, Slot.phase, Phase.ending, Phase.waiting);
    tell({ kind: "terminated", epoch });
  });
}

function connect(): Session {
  const created = new Session();
  created.connectToMainThread();
  return created;
}

/** Ends the kernel: in good order, else by freeing the main thread from what blocks it, else by force. */
function end(restart: boolean): void {
  if (endTimer !== undefined) return;
  tell({ kind: "shutdown", restart });
  let tick = Atomics.load(state, Slot.tick);
  // More than once: a cell that is being compiled at first may block only then.
  endTimer = setInterval(() => {
    const now = Atomics.load(state, Slot.tick);
    if (now === tick) (inspector ??= connect()).post("Runtime.terminateExecution");
    tick = now;
  }, STALLED_MS);
  setTimeout(() => process.kill(process.pid, "SIGKILL"), SHUTDOWN_MS).unref();
}

function watchParent(): void {
  if (parent === undefined) return;
  const direct = process.ppid === parent;
  parentTimer = setInterval(() => {
    if (direct ? process.ppid === parent : isAlive(parent)) return;
    clearInterval(parentTimer);
    end(false);
  }, PARENT_POLL_MS);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
