import { Dealer, Request, Subscriber } from "zeromq";

import { monotonicMs, sleep } from "../core/clock.js";
import { uniqueId } from "../core/entropy.js";
import { LawbookError } from "../core/errors.js";
import { address, type Connection } from "./connection.js";
import { type Displays, type Output, OutputCollector } from "./outputs.js";
import { createMessage, decode, encode, type Fields, type Message } from "./wire.js";

/** How one cell is executed. */
export interface ExecuteOptions {
  /** Count the cell and keep it in the history; default true. */
  readonly storeHistory?: boolean;
  /** No outputs, no count; default false. */
  readonly silent?: boolean;
  /** Whether a failure aborts what is already queued; default false, as one cell is sent at a time. */
  readonly stopOnError?: boolean;
  /** Expressions evaluated after the cell. */
  readonly userExpressions?: Readonly<Record<string, string>>;
  /** Answers input requests; without it a cell that asks gets an error. */
  readonly input?: (prompt: string, password: boolean) => string | Promise<string>;
  /** Rejects with `timeout` after so many milliseconds; the kernel is left as it is. */
  readonly timeoutMs?: number;
  /** Interrupts the cell; `execute` then resolves with the error that the kernel gives. */
  readonly signal?: AbortSignal;
  /** Called with every iopub message of the cell as it arrives. */
  readonly onMessage?: (message: Message) => void;
}

/** What a cell gave. */
export interface Execution {
  /** Content of the `execute_reply`. */
  readonly reply: Fields;
  readonly outputs: readonly Output[];
}

/** What may stand beside the content of a message. */
interface MessageParts {
  readonly metadata?: Fields;
  readonly buffers?: readonly Uint8Array[];
}

interface Pending {
  readonly collector: OutputCollector;
  readonly options: ExecuteOptions;
  reply?: Message;
  idle: boolean;
  settle(): void;
  fail(error: LawbookError): void;
}

const HEARTBEAT_MS = 200;
const HEARTBEAT_LOST_MS = 10_000;
const OWNER_REPORTS_MS = 250;

/** A client of one kernel over ZeroMQ: requests, outputs, interrupts, and a heartbeat that notices a dead kernel. */
export class KernelClient {
  readonly session: string = uniqueId();
  readonly #shell: Dealer;
  readonly #control: Dealer;
  readonly #stdin: Dealer;
  readonly #iopub: Subscriber;
  readonly #heartbeat: Request;
  readonly #pending = new Map<string, Pending>();
  readonly #displays: Displays = new Map();
  readonly #dropped: string[] = [];
  #dead: LawbookError | undefined;
  #closed = false;
  #sending: Promise<void> = Promise.resolve();
  #reportDead: (error: LawbookError) => void = () => {};

  /** Resolves with the reason when the kernel is found dead; never, if it is closed in good order. */
  readonly died: Promise<LawbookError> = new Promise((resolve) => {
    this.#reportDead = resolve;
  });

  constructor(private readonly connection: Connection) {
    const routingId = this.session;
    const options = { linger: 0, reconnectInterval: 20, receiveHighWaterMark: 0, sendHighWaterMark: 0 };
    this.#shell = new Dealer({ ...options, routingId });
    this.#control = new Dealer({ ...options, routingId });
    this.#stdin = new Dealer({ ...options, routingId });
    this.#iopub = new Subscriber({ linger: 0, reconnectInterval: 20, receiveHighWaterMark: 0 });
    this.#heartbeat = new Request({ linger: 0, reconnectInterval: 20, relaxed: true, correlate: true });
    this.#iopub.subscribe();
    this.#shell.connect(address(connection, "shell"));
    this.#control.connect(address(connection, "control"));
    this.#stdin.connect(address(connection, "stdin"));
    this.#iopub.connect(address(connection, "iopub"));
    void this.#receive(this.#shell, (message) => this.#onReply(message));
    void this.#receive(this.#control, (message) => this.#onReply(message));
    void this.#receive(this.#stdin, (message) => void this.#onInput(message));
    void this.#receive(this.#iopub, (message) => this.#onOutput(message));
  }

  /** Reasons for which received frames were dropped, for example "bad signature". */
  get dropped(): readonly string[] {
    return this.#dropped;
  }

  /**
   * Waits until the kernel answers and its outputs arrive, then starts the heartbeat.
   * Rejects with `dead-kernel` after `timeoutMs` (default 60,000) or as soon as the kernel is marked dead.
   */
  async ready(timeoutMs: number = 60_000): Promise<Fields> {
    const end = monotonicMs() + timeoutMs;
    // A subscription may miss the first messages, so the question is repeated until its idle status comes, too.
    for (let waitMs = 100; ; waitMs = Math.min(2 * waitMs, 2000)) {
      try {
        const info = await this.kernelInfo(waitMs);
        void this.#beat();
        return info;
      } catch (error) {
        if (this.#dead !== undefined || this.#closed) throw error;
        if (monotonicMs() < end) continue;
        throw new LawbookError("dead-kernel", `The kernel did not answer within ${timeoutMs / 1000} s.`, {
          cause: error,
        });
      }
    }
  }

  /** Language, versions and banner of the kernel. */
  async kernelInfo(timeoutMs?: number): Promise<Fields> {
    return (await this.#start("kernel_info_request", {}, this.#shell, timed(timeoutMs))).reply;
  }

  /** The same question on the control channel, which is answered while a cell runs. */
  async controlInfo(timeoutMs?: number): Promise<Fields> {
    return this.#ask("kernel_info_request", {}, timeoutMs);
  }

  /** Runs a cell and waits for its reply and for `idle`, so that no output is missed. */
  execute(code: string, options: ExecuteOptions = {}): Promise<Execution> {
    const content = {
      code,
      silent: options.silent ?? false,
      store_history: options.storeHistory ?? !(options.silent ?? false),
      user_expressions: options.userExpressions ?? {},
      allow_stdin: options.input !== undefined,
      stop_on_error: options.stopOnError ?? false,
    };
    return this.#start("execute_request", content, this.#shell, options);
  }

  /** Completions at a cursor, counted in code points. */
  async complete(code: string, cursor: number, timeoutMs?: number): Promise<Fields> {
    return this.request("complete_request", { code, cursor_pos: cursor }, timeoutMs);
  }

  /** Help on the name at a cursor, counted in code points. */
  async inspect(code: string, cursor: number, timeoutMs?: number): Promise<Fields> {
    return this.request("inspect_request", { code, cursor_pos: cursor, detail_level: 0 }, timeoutMs);
  }

  /** Whether a text is a whole cell. */
  async isComplete(code: string, timeoutMs?: number): Promise<Fields> {
    return this.request("is_complete_request", { code }, timeoutMs);
  }

  /** Any other request on the shell channel; resolves with the content of the reply. */
  async request(type: string, content: Fields, timeoutMs?: number): Promise<Fields> {
    return (await this.#start(type, content, this.#shell, timed(timeoutMs))).reply;
  }

  /** Sends a message that has no reply, such as `comm_msg`, and waits until the kernel is through with it. */
  async tell(
    type: string,
    content: Fields,
    options: Pick<ExecuteOptions, "timeoutMs" | "onMessage"> & MessageParts = {},
  ): Promise<readonly Output[]> {
    return (await this.#start(type, content, this.#shell, options)).outputs;
  }

  /** Interrupts the running cell by an `interrupt_request` on the control channel. */
  async interrupt(timeoutMs?: number): Promise<void> {
    await this.#ask("interrupt_request", {}, timeoutMs);
  }

  /** Asks the kernel to end; resolves when it has answered. From here on a lost kernel is no failure. */
  async shutdown(timeoutMs: number = 5000): Promise<void> {
    this.#reportDead = () => {};
    await this.#ask("shutdown_request", { restart: false }, timeoutMs);
  }

  /** Sends raw frames on the shell channel, for tests of the wire. */
  sendRaw(frames: readonly Uint8Array[]): Promise<void> {
    return this.#send(this.#shell, frames);
  }

  /** Reports a death that the owner of the process saw. */
  markDead(error: LawbookError): void {
    if (this.#dead !== undefined || this.#closed) return;
    this.#dead = error;
    this.#reportDead(error);
    for (const pending of [...this.#pending.values()]) pending.fail(error);
  }

  /** Closes the sockets; the kernel is left as it is. */
  close(): void {
    if (this.#closed) return;
    for (const pending of [...this.#pending.values()]) {
      pending.fail(new LawbookError("dead-kernel", "The client of the kernel was closed."));
    }
    this.#closed = true;
    for (const socket of [this.#shell, this.#control, this.#stdin, this.#iopub, this.#heartbeat])
      socket.close();
  }

  #start(
    type: string,
    content: Fields,
    socket: Dealer,
    options: ExecuteOptions & MessageParts,
  ): Promise<Execution> {
    const { metadata, buffers } = options;
    const message = createMessage(this.session, type, content, {
      ...(metadata === undefined ? {} : { metadata }),
      ...(buffers === undefined ? {} : { buffers }),
    });
    const id = message.header.msg_id;
    return new Promise<Execution>((resolve, reject) => {
      if (this.#dead !== undefined) return reject(this.#dead);
      let timer: NodeJS.Timeout | undefined;
      const interrupt = (): void => void this.interrupt().catch(() => {});
      const clean = (): void => {
        clearTimeout(timer);
        options.signal?.removeEventListener("abort", interrupt);
        this.#pending.delete(id);
      };
      const pending: Pending = {
        collector: new OutputCollector(this.#displays),
        options,
        // The control channel publishes its status from another socket, so only shell requests wait for idle.
        idle: socket === this.#control,
        settle: () => {
          if (pending.reply === undefined || !pending.idle) return;
          clean();
          resolve({ reply: pending.reply.content, outputs: pending.collector.outputs });
        },
        fail: (error) => {
          clean();
          reject(error);
        },
      };
      // Nothing answers a message that is no request.
      if (!type.endsWith("_request")) pending.reply = message;
      this.#pending.set(id, pending);
      const limit = options.timeoutMs;
      if (limit !== undefined) {
        timer = setTimeout(
          () => pending.fail(new LawbookError("timeout", `No answer to ${type} within ${limit / 1000} s.`)),
          limit,
        );
      }
      if (options.signal?.aborted === true) interrupt();
      options.signal?.addEventListener("abort", interrupt, { once: true });
      void this.#send(socket, encode(message, this.connection.key)).catch((cause: unknown) =>
        pending.fail(new LawbookError("dead-kernel", `${type} could not be sent.`, { cause })),
      );
    });
  }

  async #ask(type: string, content: Fields, timeoutMs: number = 10_000): Promise<Fields> {
    return (await this.#start(type, content, this.#control, { timeoutMs })).reply;
  }

  #send(socket: Dealer, frames: readonly Uint8Array[]): Promise<void> {
    // A socket takes one waiting send at a time.
    const sent = this.#sending.then(() => socket.send(frames as Uint8Array[]));
    this.#sending = sent.catch(() => {});
    return sent;
  }

  async #receive(socket: Dealer | Subscriber, take: (message: Message) => void): Promise<void> {
    try {
      for await (const frames of socket) {
        const decoded = decode(frames as Uint8Array[], this.connection.key);
        if ("dropped" in decoded) this.#dropped.push(decoded.dropped);
        else take(decoded.message);
      }
    } catch (cause) {
      if (!this.#closed)
        this.markDead(new LawbookError("dead-kernel", "A socket of the kernel broke.", { cause }));
    }
  }

  #onReply(message: Message): void {
    const pending = this.#pending.get(message.parent.msg_id ?? "");
    if (pending === undefined) return;
    pending.reply = message;
    pending.settle();
  }

  #onOutput(message: Message): void {
    const pending = this.#pending.get(message.parent.msg_id ?? "");
    if (pending === undefined) {
      // A display of a finished cell may still change.
      if (message.header.msg_type === "update_display_data") new OutputCollector(this.#displays).add(message);
      return;
    }
    pending.options.onMessage?.(message);
    if (message.header.msg_type === "status") {
      if (message.content["execution_state"] === "idle") pending.idle = true;
      pending.settle();
    } else {
      pending.collector.add(message);
    }
  }

  async #onInput(message: Message): Promise<void> {
    const pending = this.#pending.get(message.parent.msg_id ?? "");
    const answer = pending?.options.input;
    if (answer === undefined) return;
    const value = await answer(String(message.content["prompt"] ?? ""), message.content["password"] === true);
    const reply = createMessage(this.session, "input_reply", { status: "ok", value }, { parent: message });
    await this.#send(this.#stdin, encode(reply, this.connection.key));
  }

  async #beat(): Promise<void> {
    const lost = (why: string): void =>
      this.markDead(new LawbookError("dead-kernel", `The kernel died: ${why}.`));
    // A closed connection tells of a death at once; silence alone may be a machine under load.
    // The owner of the process gets a moment to report how it ended.
    this.#heartbeat.events.on(
      "disconnect",
      () => void sleep(OWNER_REPORTS_MS).then(() => lost("its heartbeat connection closed")),
    );
    this.#heartbeat.connect(address(this.connection, "hb"));
    this.#heartbeat.receiveTimeout = HEARTBEAT_LOST_MS;
    while (!this.#closed && this.#dead === undefined) {
      try {
        await this.#heartbeat.send("beat");
        await this.#heartbeat.receive();
      } catch {
        if (!this.#closed) lost(`no heartbeat for ${HEARTBEAT_LOST_MS / 1000} s`);
        return;
      }
      await sleep(HEARTBEAT_MS);
    }
  }
}

function timed(timeoutMs: number | undefined): ExecuteOptions {
  return timeoutMs === undefined ? {} : { timeoutMs };
}
