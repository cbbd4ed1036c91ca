import { StringDecoder } from "node:string_decoder";

import { createMessage, encode, type Fields, type Message } from "lawbook/dist/jupyter/index.js";
import type { Publisher } from "zeromq";

/** Name of a text stream. */
export type StreamName = "stdout" | "stderr";

/** Text of a stream is sent when so many characters have gathered. */
const FULL = 65_536;
/** Text of a cell that goes on is sent after so many milliseconds. */
const HELD_MS = 20;

/**
 * The iopub channel. Text is joined and sent before every other message, so that nothing is lost or overtaken
 * and the pieces of a short cell do not depend on timers.
 */
export class Iopub {
  /** The request whose outputs are being sent. */
  #parent: Message | undefined;
  #held: { name: StreamName; pieces: string[]; length: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  /** No outputs at all, for `silent` requests. */
  muted = false;

  constructor(
    private readonly socket: Publisher,
    private readonly session: string,
    private readonly key: string,
  ) {}

  /** Outputs from here on answer this request. */
  attach(parent: Message): void {
    this.flush();
    this.#parent = parent;
  }

  /** Sends an output of the present request, after the text that is held. */
  publish(type: string, content: Fields, metadata: Fields = {}): void {
    if (this.muted) return;
    this.flush();
    this.#send(type, content, this.#parent, metadata);
  }

  /** Tells the state of the kernel while it serves a request. */
  status(state: "busy" | "idle" | "starting", parent?: Message): void {
    this.flush();
    this.#send("status", { execution_state: state }, parent, {});
  }

  /** Takes what the process writes on a stream. */
  write(name: StreamName, chunk: string | Uint8Array): void {
    if (this.muted) return;
    const text = typeof chunk === "string" ? chunk : this.#decoders[name].write(Buffer.from(chunk));
    if (text === "") return;
    if (this.#held !== undefined && this.#held.name !== name) this.flush();
    this.#held ??= { name, pieces: [], length: 0 };
    this.#held.pieces.push(text);
    this.#held.length += text.length;
    if (this.#held.length >= FULL) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), HELD_MS);
  }

  /** Sends the text that is held. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined)
      this.#send("stream", { name: held.name, text: held.pieces.join("") }, this.#parent, {});
  }

  #send(type: string, content: Fields, parent: Message | undefined, metadata: Fields): void {
    const message = createMessage(this.session, type, content, {
      parent,
      metadata,
      identities: [Buffer.from(`kernel.${this.session}.${type}`)],
    });
    // Without a high-water mark and with a timeout of 0 a publisher takes any number of messages in one turn.
    void this.socket.send(encode(message, this.key) as Buffer[]);
  }
}
