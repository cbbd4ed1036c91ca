import { createHmac, timingSafeEqual } from "node:crypto";

import { wallMs } from "../core/clock.js";
import { uniqueId } from "../core/entropy.js";

/** Version of the Jupyter messaging protocol that Lawbook speaks. */
export const PROTOCOL_VERSION = "5.4";

/** A JSON object as the protocol carries it. */
export type Fields = Record<string, unknown>;

/** Who sent a message, when, and which kind it is. */
export interface Header {
  readonly msg_id: string;
  readonly session: string;
  readonly username: string;
  /** ISO 8601, UTC. */
  readonly date: string;
  readonly msg_type: string;
  readonly version: string;
}

/** One message of the Jupyter protocol. */
export interface Message {
  /** Routing frames before the delimiter; a publisher puts the topic here. */
  readonly identities: readonly Uint8Array[];
  readonly header: Header;
  /** Header of the message that this one answers; empty where there is none. */
  readonly parent: Partial<Header>;
  readonly metadata: Fields;
  readonly content: Fields;
  /** Binary frames after the content. */
  readonly buffers: readonly Uint8Array[];
}

/** A decoded message, or the reason why the frames were dropped. */
export type Decoded = { readonly message: Message } | { readonly dropped: string };

const DELIMITER = Buffer.from("<IDS|MSG>");

/** Builds messages of one session. */
export function createMessage(
  session: string,
  type: string,
  content: Fields,
  options: {
    readonly parent?: Message | undefined;
    readonly identities?: readonly Uint8Array[];
    readonly metadata?: Fields;
    readonly buffers?: readonly Uint8Array[];
  } = {},
): Message {
  return {
    identities: options.identities ?? [],
    header: {
      msg_id: uniqueId(),
      session,
      username: "lawbook",
      date: new Date(wallMs()).toISOString(),
      msg_type: type,
      version: PROTOCOL_VERSION,
    },
    parent: options.parent?.header ?? {},
    metadata: options.metadata ?? {},
    content,
    buffers: options.buffers ?? [],
  };
}

/**
 * Frames of a message: identities, delimiter, signature, header, parent, metadata, content, buffers.
 * The signature is HMAC-SHA256 over the four JSON frames, in hex; empty where the key is empty.
 * Source: "Messaging in Jupyter", the wire protocol.
 */
export function encode(message: Message, key: string): Uint8Array[] {
  const parts = [message.header, message.parent, message.metadata, message.content].map((part) =>
    Buffer.from(JSON.stringify(part)),
  );
  return [...message.identities, DELIMITER, Buffer.from(sign(parts, key)), ...parts, ...message.buffers];
}

/** Reads frames. Never throws: a missing delimiter, a bad signature or bad JSON gives a reason. */
export function decode(frames: readonly Uint8Array[], key: string): Decoded {
  const at = frames.findIndex((frame) => DELIMITER.equals(frame));
  if (at < 0) return { dropped: "no delimiter" };
  const [signature, ...rest] = frames.slice(at + 1);
  if (signature === undefined || rest.length < 4) {
    return { dropped: `${frames.length - at - 1} frames after the delimiter, expected at least 5` };
  }
  const parts = rest.slice(0, 4);
  const expected = Buffer.from(sign(parts, key));
  if (expected.length !== signature.length || !timingSafeEqual(expected, signature)) {
    return { dropped: "bad signature" };
  }
  const values: Fields[] = [];
  for (const part of parts) {
    try {
      const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(part));
      if (typeof value !== "object" || value === null || Array.isArray(value)) {
        return { dropped: "a frame that is not a JSON object" };
      }
      values.push(value as Fields);
    } catch {
      return { dropped: "a frame that is not JSON" };
    }
  }
  const [header, parent, metadata, content] = values as [Fields, Fields, Fields, Fields];
  if (typeof header["msg_id"] !== "string" || typeof header["msg_type"] !== "string") {
    return { dropped: "a header without msg_id or msg_type" };
  }
  return {
    message: {
      identities: frames.slice(0, at),
      header: header as unknown as Header,
      parent: parent as Partial<Header>,
      metadata,
      content,
      buffers: rest.slice(4),
    },
  };
}

function sign(parts: readonly Uint8Array[], key: string): string {
  if (key === "") return "";
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return hmac.digest("hex");
}
