import { type Fields, LawbookError, type Message, mismatch } from "lawbook/dist/jupyter/index.js";

import type { Comm, CommExtras, CommMessage, Comms } from "./cell/api.js";

/** Sends a comm message to the front ends. */
export type SendComm = (type: string, content: Fields, extras: CommExtras) => void;

type Handler = (message: CommMessage) => unknown;

/** The channels between cells and the front end; ids count up, so that two runs of a notebook have the same ones. */
export class CommManager implements Comms {
  readonly #open = new Map<string, OpenComm>();
  readonly #targets = new Map<string, (comm: Comm, message: CommMessage) => unknown>();
  #count = 0;

  constructor(
    private readonly send: SendComm,
    /** Told of what a handler throws. */
    private readonly failed: (error: unknown) => void,
  ) {}

  open(target: string, data: Readonly<Record<string, unknown>> = {}, extras: CommExtras = {}): Comm {
    if (typeof target !== "string" || target === "") {
      throw new LawbookError("usage", mismatch("Target of a comm", target, "a name"));
    }
    let id: string;
    do id = `lawbook-comm-${++this.#count}`;
    while (this.#open.has(id));
    const comm = this.#add(id, target);
    this.send("comm_open", { comm_id: id, target_name: target, data }, extras);
    return comm;
  }

  register(target: string, handler: (comm: Comm, message: CommMessage) => unknown): void {
    if (typeof target !== "string" || target === "" || typeof handler !== "function") {
      throw new LawbookError("usage", "A comm target needs a name and a handler (comm, message) => ….");
    }
    this.#targets.set(target, handler);
  }

  unregister(target: string): void {
    this.#targets.delete(target);
  }

  /** Content of a `comm_info_reply`: the open channels, or those of one target. */
  info(target: unknown): Fields {
    return Object.fromEntries(
      [...this.#open.values()]
        .filter((comm) => typeof target !== "string" || comm.target === target)
        .map((comm) => [comm.id, { target_name: comm.target }]),
    );
  }

  /** Takes a comm message of a front end; resolves when the handlers are through. */
  async take({ header, content, metadata, buffers }: Message): Promise<void> {
    const id = String(content["comm_id"]);
    const data = (content["data"] ?? {}) as Fields;
    const message: CommMessage = { data, metadata, buffers };
    switch (header.msg_type) {
      case "comm_open": {
        const target = String(content["target_name"]);
        const handler = this.#targets.get(target);
        // A target that nobody registered is answered by closing, as the protocol asks.
        if (handler === undefined) return this.send("comm_close", { comm_id: id, data: {} }, {});
        const comm = this.#add(id, target);
        if (!(await this.#tell((opened) => handler(comm, opened), message))) comm.close();
        return;
      }
      case "comm_msg":
        for (const handler of this.#open.get(id)?.messageHandlers ?? []) await this.#tell(handler, message);
        return;
      case "comm_close": {
        const comm = this.#open.get(id);
        this.#open.delete(id);
        for (const handler of comm?.closeHandlers ?? []) await this.#tell(handler, message);
      }
    }
  }

  async #tell(handler: Handler, message: CommMessage): Promise<boolean> {
    try {
      await handler(message);
      return true;
    } catch (error) {
      this.failed(error);
      return false;
    }
  }

  #add(id: string, target: string): OpenComm {
    const comm: OpenComm = new OpenComm(
      id,
      target,
      () => this.#open.get(id) === comm,
      (type, data, extras) => {
        if (this.#open.get(id) !== comm) {
          throw new LawbookError("usage", `The comm ${id} is closed: nothing can be sent through it.`);
        }
        if (type === "comm_close") this.#open.delete(id);
        this.send(type, { comm_id: id, data }, extras);
      },
    );
    this.#open.set(id, comm);
    return comm;
  }
}

class OpenComm implements Comm {
  readonly messageHandlers: Handler[] = [];
  readonly closeHandlers: Handler[] = [];

  constructor(
    readonly id: string,
    readonly target: string,
    private readonly open: () => boolean,
    private readonly post: (type: "comm_msg" | "comm_close", data: Fields, extras: CommExtras) => void,
  ) {}

  get isOpen(): boolean {
    return this.open();
  }

  send(data: Readonly<Record<string, unknown>>, extras: CommExtras = {}): void {
    this.post("comm_msg", data, extras);
  }

  close(data: Readonly<Record<string, unknown>> = {}, extras: CommExtras = {}): void {
    if (this.isOpen) this.post("comm_close", data, extras);
  }

  onMessage(handler: Handler): void {
    this.messageHandlers.push(handler);
  }

  onClose(handler: Handler): void {
    this.closeHandlers.push(handler);
  }
}
