import { createMessage, decode, encode, LawbookError, type Message } from "lawbook/dist/jupyter/index.js";
import type { Router } from "zeromq";

/** Who is asked: the request of the running cell and whether its front end takes input. */
export interface Asked {
  readonly request: Message;
  readonly allowed: boolean;
  /** Aborted when the cell is interrupted. */
  readonly signal: AbortSignal;
}

/** The stdin channel: one question at a time to the front end that sent the running cell. */
export class Stdin {
  #waiting: { readonly id: string; readonly take: (text: string) => void } | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly socket: Router,
    private readonly session: string,
    private readonly key: string,
    private readonly log: (text: string) => void,
  ) {}

  /** Takes answers until the socket is closed. */
  async serve(): Promise<void> {
    for await (const frames of this.socket) {
      const decoded = decode(frames, this.key);
      if ("dropped" in decoded) this.log(`Dropped a message on the stdin channel: ${decoded.dropped}.`);
      else this.#take(decoded.message);
    }
  }

  /** Asks and waits for the answer; a second question waits for the answer to the first. */
  ask(asked: Asked | undefined, prompt: string, password: boolean): Promise<string> {
    if (asked === undefined) {
      return Promise.reject(
        new LawbookError("usage", "Input was asked for while no cell runs: expected a running cell."),
      );
    }
    if (!asked.allowed) {
      return Promise.reject(
        new LawbookError("usage", "This front end takes no input: got allow_stdin false, expected true.", {
          hint: "Give the value in the cell, or run the notebook where somebody can answer.",
        }),
      );
    }
    const answer = this.#last.then(() => this.#ask(asked, prompt, password));
    this.#last = answer.catch(() => {});
    return answer;
  }

  #ask({ request, signal }: Asked, prompt: string, password: boolean): Promise<string> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        this.#waiting = undefined;
        reject(new LawbookError("interrupted", "The question was interrupted."));
      };
      if (signal.aborted) return stop();
      const message = createMessage(
        this.session,
        "input_request",
        { prompt, password },
        { parent: request, identities: request.identities },
      );
      this.#waiting = {
        id: message.header.msg_id,
        take: (text) => {
          this.#waiting = undefined;
          signal.removeEventListener("abort", stop);
          resolve(text);
        },
      };
      signal.addEventListener("abort", stop, { once: true });
      this.socket.send(encode(message, this.key) as Buffer[]).catch(reject);
    });
  }

  #take({ header, parent, content }: Message): void {
    const waiting = this.#waiting;
    if (header.msg_type !== "input_reply" || waiting === undefined) return;
    // The answer to a question that was interrupted comes too late; old front ends do not say what they answer.
    if (parent.msg_id !== undefined && parent.msg_id !== waiting.id) return;
    waiting.take(String(content["value"] ?? ""));
  }
}
