import { createServer, type AddressInfo, type Server } from "node:net";

import { randomHex } from "../core/entropy.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { readJson, writeAtomic } from "../core/files.js";

/** The five sockets of a kernel. */
export const CHANNELS = ["shell", "iopub", "stdin", "control", "hb"] as const;

/** One of the five sockets of a kernel. */
export type Channel = (typeof CHANNELS)[number];

/** Content of a Jupyter connection file. */
export interface Connection {
  readonly transport: string;
  readonly ip: string;
  readonly shell_port: number;
  readonly iopub_port: number;
  readonly stdin_port: number;
  readonly control_port: number;
  readonly hb_port: number;
  /** Secret of the HMAC signature. */
  readonly key: string;
  readonly signature_scheme: "hmac-sha256";
  readonly kernel_name?: string;
}

/** Address of one socket, for example `tcp://127.0.0.1:5000`. */
export function address(connection: Connection, channel: Channel): string {
  const { transport, ip } = connection;
  const port = connection[`${channel}_port`];
  return transport === "ipc" ? `ipc://${ip}-${port}` : `${transport}://${ip}:${port}`;
}

/** A connection with five free ports on the loopback address and a fresh key of 256 bits. */
export async function createConnection(kernelName = "lawbook"): Promise<Connection> {
  const servers = await Promise.all(CHANNELS.map(listen));
  const ports = servers.map((server) => (server.address() as AddressInfo).port) as [
    number,
    number,
    number,
    number,
    number,
  ];
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  const [shell, iopub, stdin, control, hb] = ports;
  return {
    transport: "tcp",
    ip: "127.0.0.1",
    shell_port: shell,
    iopub_port: iopub,
    stdin_port: stdin,
    control_port: control,
    hb_port: hb,
    key: randomHex(32),
    signature_scheme: "hmac-sha256",
    kernel_name: kernelName,
  };
}

/** Reads and checks a connection file. */
export function readConnection(path: string): Connection {
  const value = readJson(path) as Partial<Record<keyof Connection, unknown>> | null;
  const bad = (what: string, got: unknown, expected: string): LawbookError =>
    new LawbookError("bad-file", mismatch(`${path}: ${what}`, got, expected));
  if (typeof value !== "object" || value === null) throw bad("connection file", value, "a JSON object");
  for (const channel of CHANNELS) {
    const port = value[`${channel}_port`];
    if (!Number.isInteger(port) || (port as number) < 1 || (port as number) > 65535) {
      throw bad(`${channel}_port`, port, "a port in [1, 65535]");
    }
  }
  if (typeof value.ip !== "string") throw bad("ip", value.ip, "an address");
  if (typeof value.key !== "string") throw bad("key", value.key, "text");
  const scheme = value.signature_scheme ?? "hmac-sha256";
  if (scheme !== "hmac-sha256") throw bad("signature_scheme", scheme, '"hmac-sha256"');
  return {
    ...(value as unknown as Connection),
    transport: (value.transport as string) ?? "tcp",
    signature_scheme: scheme,
  };
}

/** Writes a connection file that only its owner can read. */
export function writeConnection(path: string, connection: Connection): void {
  writeAtomic(path, `${JSON.stringify(connection, null, 2)}\n`, 0o600);
}

function listen(): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve(server));
  });
}
