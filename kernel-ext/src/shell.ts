import { setImmediate as nextTurn } from "node:timers/promises";

import { createMessage, decode, encode, type Fields, type Message } from "lawbook/dist/jupyter/index.js";
import type { Router } from "zeromq";

import { complete, inspectAt, isComplete } from "./assist.js";
import { searchHistory } from "./history.js";
import type { Iopub } from "./output.js";
import type { Session } from "./session.js";

/** So many turns of the event loop without a new cell mean that none is waiting in the socket. */
const QUIET_TURNS = 3;

/** What the shell needs of the kernel around it. */
export interface ShellOptions {
  readonly session: string;
  readonly key: string;
  readonly info: Fields;
  /** Told of frames that were dropped and of faults of the kernel itself. */
  readonly log: (text: string) => void;
  readonly shutdown: () => void;
}

/** The shell channel: cells one after the other, all other requests at once. */
export class Shell {
  readonly #queue: Message[] = [];
  #pumping = false;

  constructor(
    private readonly socket: Router,
    private readonly iopub: Iopub,
    private readonly cells: Session,
    private readonly options: ShellOptions,
  ) {}

  /** Serves until the socket is closed. A message that cannot be read is dropped with a line in the log. */
  async serve(): Promise<void> {
    for await (const frames of this.socket) {
      const decoded = decode(frames, this.options.key);
      if ("dropped" in decoded) {
        this.options.log(`Dropped a message on the shell channel: ${decoded.dropped}.`);
      } else if (decoded.message.header.msg_type === "execute_request") {
        this.#queue.push(decoded.message);
        void this.#pump();
      } else {
        void this.#answer(decoded.message);
      }
    }
  }

  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let request = this.#queue.shift(); request !== undefined; request = this.#queue.shift()) {
      const cell = request;
      let aborted: readonly Message[] = [];
      await this.#served(cell, async () => {
        aborted = await this.#execute(cell);
      });
      for (const waiting of aborted) {
        await this.#served(waiting, () =>
          this.#reply(waiting, { status: "aborted", execution_count: this.cells.count }),
        );
      }
    }
    this.#pumping = false;
  }

  #answer(request: Message): Promise<void> {
    return this.#served(request, () => this.#dispatch(request));
  }

  /** Frames the work with busy and idle; a fault in it is an error reply. */
  async #served(request: Message, work: () => Promise<void>): Promise<void> {
    this.iopub.status("busy", request);
    try {
      await work();
    } catch (error) {
      this.options.log(`${request.header.msg_type}: ${(error as Error).stack ?? String(error)}`);
      await this.#reply(request, {
        status: "error",
        ename: "KernelError",
        evalue: String(error),
        traceback: [],
      });
    } finally {
      this.iopub.status("idle", request);
    }
  }

  async #reply(request: Message, content: Fields): Promise<void> {
    const type = request.header.msg_type.replace(/_request$/, "_reply");
    const { session, key } = this.options;
    await this.socket.send(
      encode(
        createMessage(session, type, content, { parent: request, identities: request.identities }),
        key,
      ) as Buffer[],
    );
  }

  async #dispatch(request: Message): Promise<void> {
    const { content } = request;
    switch (request.header.msg_type) {
      case "kernel_info_request":
        await this.#reply(request, this.options.info);
        // The compiler loads behind the first answer.
        void this.cells.cells().catch(() => {});
        return;
      case "complete_request":
        return this.#reply(
          request,
          await complete(this.cells, String(content["code"]), Number(content["cursor_pos"])),
        );
      case "inspect_request":
        return this.#reply(
          request,
          await inspectAt(this.cells, String(content["code"]), Number(content["cursor_pos"])),
        );
      case "is_complete_request":
        return this.#reply(request, await isComplete(this.cells, String(content["code"])));
      case "history_request":
        return this.#reply(request, { status: "ok", history: searchHistory(this.cells.history, content) });
      case "comm_info_request":
        return this.#reply(request, { status: "ok", comms: this.cells.comms.info(content["target_name"]) });
      case "shutdown_request":
        await this.#reply(request, { status: "ok", restart: content["restart"] === true });
        return this.options.shutdown();
      case "comm_open":
      case "comm_msg":
      case "comm_close":
        // What a handler puts out while a cell runs goes under that cell.
        if (!this.cells.isRunning) this.iopub.attach(request);
        return this.cells.comms.take(request);
      default:
        if (!request.header.msg_type.endsWith("_request")) return;
        return this.#reply(request, {
          status: "error",
          ename: "UnknownRequest",
          evalue: `${request.header.msg_type} is not known.`,
          traceback: [],
        });
    }
  }

  /** Runs a cell; gives the cells behind it that its failure aborts. */
  async #execute(request: Message): Promise<readonly Message[]> {
    const { content } = request;
    if (typeof content["code"] !== "string") throw new Error("execute_request without code");
    const silent = content["silent"] === true;
    this.iopub.attach(request);
    const { count, error, payload, userExpressions } = await this.cells.execute({
      message: request,
      code: content["code"],
      silent,
      storeHistory: !silent && content["store_history"] !== false,
      allowStdin: content["allow_stdin"] === true,
      userExpressions: (content["user_expressions"] ?? {}) as Fields,
    });
    const common = { execution_count: count, user_expressions: userExpressions };
    if (error === undefined) {
      await this.#reply(request, { status: "ok", ...common, payload });
      return [];
    }
    const aborted = content["stop_on_error"] === false ? [] : await this.#arrived();
    await this.#reply(request, { status: "error", ...error, ...common, payload: [] });
    return aborted;
  }

  /**
   * Takes the cells that have arrived by now; what is sent after the reply is not among them. The socket is not asked
   * whether it holds more: reading its events takes the wake-up away from the receiver that waits, for good.
   */
  async #arrived(): Promise<Message[]> {
    for (let quiet = 0, before = this.#queue.length; quiet < QUIET_TURNS;) {
      await nextTurn();
      quiet = this.#queue.length === before ? quiet + 1 : 0;
      before = this.#queue.length;
    }
    return this.#queue.splice(0);
  }
}
