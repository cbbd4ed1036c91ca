import { StringDecoder } from "node:string_decoder";

import { createMessage, encode, type Fields, type Message } from "lawbook/dist/jupyter/index.js";
import type { XPublisher } from "zeromq";

/** Numbers of libzmq's options ZMQ_SUBSCRIBE and ZMQ_UNSUBSCRIBE. */
const [SUBSCRIBE, UNSUBSCRIBE] = [6, 7];

/** Name of a text stream. */
export type StreamName = "stdout" | "stderr";

/** What may stand beside the content of a message. */
export interface MessageExtras {
  readonly metadata?: Fields | undefined;
  readonly buffers?: readonly Uint8Array[] | undefined;
}

/** Text of a stream is sent when so many characters have gathered. */
const FULL = 65_536;
/** Text of a cell that goes on is sent after so many milliseconds. */
const HELD_MS = 20;
/** Characters that one cell may put out where nothing else is set; what is above would choke a front end. */
export const OUTPUT_LIMIT = 10_000_000;

/**
 * The iopub channel. Text is joined and sent before every other message, so that nothing is lost or overtaken
 * and the pieces of a short cell do not depend on timers. What a cell puts out above the limit is left out, with one
 * notice; updates of a display replace what is there and do not count.
 */
export class Iopub {
  /** The request whose outputs are being sent. */
  #parent: Message | undefined;
  #held: { name: StreamName; pieces: string[]; length: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #left: number = OUTPUT_LIMIT;
  readonly #decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  /** No outputs at all, for `silent` requests. */
  muted = false;
  /** Characters that one cell may put out. */
  limit: number = OUTPUT_LIMIT;

  constructor(
    private readonly socket: XPublisher,
    private readonly session: string,
    private readonly key: string,
  ) {}

  /**
   * Welcomes every new subscriber, until the socket is closed. The socket is in manual mode: a subscription counts when it is
   * read here, so that nothing overtakes its welcome. Source: Jupyter Enhancement Proposal 65.
   */
  async welcome(): Promise<void> {
    // zeromq has no name for the options of a publisher's own subscriptions.
    const options = this.socket as unknown as { setStringOption(option: number, value: Buffer): void };
    for await (const [frame] of this.socket) {
      // The first byte tells a subscription (1) from its end (0); the rest is the topic.
      if (frame === undefined || frame.length === 0) continue;
      const topic = frame.subarray(1);
      options.setStringOption(frame[0] === 1 ? SUBSCRIBE : UNSUBSCRIBE, topic);
      if (frame[0] !== 1) continue;
      const message = createMessage(
        this.session,
        "iopub_welcome",
        { subscription: topic.toString() },
        { identities: [topic] },
      );
      void this.socket.send(encode(message, this.key) as Buffer[]);
    }
  }

  /** Outputs from here on answer this request. */
  attach(parent: Message): void {
    this.flush();
    this.#parent = parent;
    this.#left = this.limit;
  }

  /** Sends an output of the present request, after the text that is held. */
  publish(type: string, content: Fields, extras: MessageExtras = {}): void {
    if (this.muted && !type.startsWith("comm_")) return;
    this.flush();
    const counted = type === "display_data" || type === "execute_result";
    if (counted && !this.#take(JSON.stringify(content["data"]).length)) return;
    this.#send(type, content, this.#parent, extras);
  }

  /** Tells the state of the kernel while it serves a request. */
  status(state: "busy" | "idle" | "starting", parent?: Message): void {
    this.flush();
    this.#send("status", { execution_state: state }, parent, {});
  }

  /** Takes what the process writes on a stream. */
  write(name: StreamName, chunk: string | Uint8Array): void {
    if (this.muted || this.#left < 0) return;
    const text = typeof chunk === "string" ? chunk : this.#decoders[name].write(Buffer.from(chunk));
    if (text === "") return;
    const room = this.#left;
    this.#hold(name, room >= text.length ? text : text.slice(0, room));
    this.#take(text.length);
  }

  /** Sends the text that is held. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined && held.length > 0)
      this.#send("stream", { name: held.name, text: held.pieces.join("") }, this.#parent, {});
  }

  #hold(name: StreamName, text: string): void {
    if (this.#held !== undefined && this.#held.name !== name) this.flush();
    this.#held ??= { name, pieces: [], length: 0 };
    this.#held.pieces.push(text);
    this.#held.length += text.length;
    if (this.#held.length >= FULL) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), HELD_MS);
  }

  /** Takes from what the cell may put out; false where that is spent, the first time with a notice. */
  #take(length: number): boolean {
    if (this.#left < 0) return false;
    if (length <= this.#left) {
      this.#left -= length;
      return true;
    }
    this.#left = -1;
    this.#hold(
      "stderr",
      `\n[Output cut: this cell puts out more than ${this.limit} characters; the rest is left out. ` +
        "%settings --output-limit sets the limit.]\n",
    );
    return false;
  }

  #send(type: string, content: Fields, parent: Message | undefined, extras: MessageExtras): void {
    const message = createMessage(this.session, type, content, {
      parent,
      metadata: extras.metadata ?? {},
      buffers: extras.buffers ?? [],
      identities: [Buffer.from(`kernel.${this.session}.${type}`)],
    });
    // Without a high-water mark and with a timeout of 0 a publisher takes any number of messages in one turn.
    void this.socket.send(encode(message, this.key) as Buffer[]);
  }
}
