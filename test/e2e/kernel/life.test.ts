import { createHmac } from "node:crypto";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, it, onTestFinished } from "vitest";
import { Subscriber } from "zeromq";

import {
  createConnection,
  createMessage,
  decode,
  encode,
  KernelClient,
  writeConnection,
} from "../../../src/jupyter/index.js";
import { runProgram, startProgram } from "../../../src/core/process.js";
import { isAlive, KERNEL_ARGV, startKernel, until, valueOf } from "./start.js";

const SPAWN = `import { spawn } from "node:child_process"; const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]); child.pid`;

describe("the life of a kernel", () => {
  it("ends on request, and none of its children stays", async () => {
    const kernel = await startKernel();
    const pid = Number(valueOf(await kernel.client.execute(SPAWN)));
    expect(isAlive(pid)).toBe(true);
    await kernel.stop();
    expect(kernel.process.exitCode).toBe(0);
    expect(await until(() => !isAlive(pid), 2000)).toBe(true);
    expect(kernel.log()).toBe("");
  });

  it("ends on request while a cell blocks", async () => {
    const kernel = await startKernel();
    const pid = Number(valueOf(await kernel.client.execute(SPAWN)));
    const running = kernel.client.execute("while (true);").catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await kernel.stop();
    expect(kernel.process.exitCode).toBe(0);
    expect(await running).toMatchObject({ code: "dead-kernel" });
    expect(await until(() => !isAlive(pid), 2000)).toBe(true);
  });

  it("ends on request while its first cell is compiled, which then blocks", async () => {
    const kernel = await startKernel();
    const running = kernel.client.execute("while (true);").catch((error: unknown) => error);
    await kernel.stop();
    expect(kernel.process.exitCode).toBe(0);
    expect(await running).toMatchObject({ code: "dead-kernel" });
  });

  it("is noticed within a second when it is killed", async () => {
    const kernel = await startKernel();
    const running = kernel.client.execute("await new Promise(() => {})").catch((error: unknown) => error);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const killed = performance.now();
    kernel.process.kill("SIGKILL");
    expect(await running).toMatchObject({
      code: "dead-kernel",
      message: expect.stringContaining("signal SIGKILL"),
    });
    expect(performance.now() - killed).toBeLessThan(1000);
    await expect(kernel.client.execute("1")).rejects.toMatchObject({ code: "dead-kernel" });
    await kernel.stop();
  });

  it("is noticed within a second by a client that does not own the process", async () => {
    const kernel = await startKernel();
    const file = kernel.process.spawnargs.at(-1) ?? "";
    const other = new KernelClient(JSON.parse(readFileSync(file, "utf8")) as never);
    await other.ready();
    // Two clients at once do not hear each other's outputs.
    const [a, b] = await Promise.all([kernel.client.execute("'a'"), other.execute("'b'")]);
    expect([valueOf(a), valueOf(b)]).toEqual(["a", "b"]);
    const killed = performance.now();
    kernel.process.kill("SIGKILL");
    expect(await other.died).toMatchObject({
      code: "dead-kernel",
      message: expect.stringContaining("heartbeat connection closed"),
    });
    expect(performance.now() - killed).toBeLessThan(1000);
    other.close();
    await kernel.stop();
  });

  it("drops messages that are not signed or not readable, and goes on", async () => {
    const kernel = await startKernel();
    const { client } = kernel;
    const { key } = JSON.parse(readFileSync(kernel.process.spawnargs.at(-1) ?? "", "utf8")) as {
      key: string;
    };
    const foreign = createMessage("s", "execute_request", { code: "globalThis.broken = 1", silent: false });
    await client.sendRaw(encode(foreign, "another key"));
    await client.sendRaw([Buffer.from("noise")]);
    const garbage = ["{", "{}", "{}", "{}"];
    const hmac = createHmac("sha256", key);
    for (const part of garbage) hmac.update(part);
    await client.sendRaw(["<IDS|MSG>", hmac.digest("hex"), ...garbage].map((text) => Buffer.from(text)));
    await client.sendRaw(encode(createMessage("s", "execute_request", {}), key));
    expect(valueOf(await client.execute("typeof (globalThis as any).broken"))).toBe("undefined");
    expect(await until(() => kernel.log().split("\n").length >= 4, 2000)).toBe(true);
    expect(kernel.log()).toContain("Dropped a message on the shell channel: bad signature.");
    expect(kernel.log()).toContain("Dropped a message on the shell channel: no delimiter.");
    expect(kernel.log()).toContain("Dropped a message on the shell channel: a frame that is not JSON.");
    await kernel.stop();
  });

  it("dies with the process that started it", async () => {
    const connection = await createConnection();
    const kernel = await startKernel();
    const folder = String(valueOf(await kernel.client.execute("process.cwd()")));
    await kernel.stop();
    const file = `${folder}/connection.json`;
    writeConnection(file, connection);
    // A parent that starts a kernel and is then killed.
    const [program, ...args] = KERNEL_ARGV.map((part) => part.replace("{connection_file}", file));
    const parent = startProgram(process.execPath, [
      "-e",
      `const { spawn } = require("node:child_process");
       const kernel = spawn(${JSON.stringify(program)}, ${JSON.stringify(args)},
         { env: { ...process.env, JPY_PARENT_PID: String(process.pid) }, stdio: "ignore" });
       console.log(kernel.pid); setInterval(() => {}, 1000);`,
    ]);
    const pid = await new Promise<number>((resolve) =>
      parent.stdout?.once("data", (text: Buffer) => resolve(Number(text))),
    );
    const client = new KernelClient(connection);
    await client.ready();
    parent.kill("SIGKILL");
    // A kernel that still loads its compiler is killed after four seconds.
    expect(await until(() => !isAlive(pid), 10_000)).toBe(true);
    client.close();
  });

  it("listens on the address of its connection alone", async () => {
    const kernel = await startKernel();
    const pid = kernel.process.pid ?? 0;
    const { shell_port: port } = JSON.parse(readFileSync(kernel.process.spawnargs.at(-1) ?? "", "utf8")) as {
      shell_port: number;
    };
    const hex = port.toString(16).toUpperCase().padStart(4, "0");
    // Of the sockets of this machine that listen (state 0A), those of the port; 0100007F is 127.0.0.1.
    const table = existsSync("/proc/net/tcp") ? readFileSync("/proc/net/tcp", "utf8") : undefined;
    if (table !== undefined) {
      const listening = table.split("\n").filter((line) => new RegExp(`:${hex} [0-9A-F:]+ 0A `).test(line));
      expect(listening.map((line) => line.trim().split(/\s+/)[1])).toEqual([`0100007F:${hex}`]);
    }
    expect(isAlive(pid)).toBe(true);
    await kernel.stop();
  });

  it("welcomes every subscriber", async () => {
    const kernel = await startKernel();
    const { key, iopub_port: port } = JSON.parse(
      readFileSync(kernel.process.spawnargs.at(-1) ?? "", "utf8"),
    ) as { key: string; iopub_port: number };
    for (const topic of ["", "kernel."]) {
      const socket = new Subscriber({ linger: 0, receiveTimeout: 10_000 });
      socket.connect(`tcp://127.0.0.1:${port}`);
      socket.subscribe(topic);
      const decoded = decode(await socket.receive(), key);
      expect(decoded).toMatchObject({
        message: { header: { msg_type: "iopub_welcome" }, parent: {}, content: { subscription: topic } },
      });
      socket.close();
    }
    await kernel.stop();
  });

  it("ends what its children have started, where it leads a process group", async () => {
    const connection = await createConnection();
    const folder = mkdtempSync(join(tmpdir(), "lawbook-group-"));
    const file = join(folder, "connection.json");
    writeConnection(file, connection);
    const [program = "", ...args] = KERNEL_ARGV.map((part) => part.replace("{connection_file}", file));
    const started = spawn(program, args, { cwd: folder, detached: true, stdio: "ignore" });
    const client = new KernelClient(connection);
    onTestFinished(() => {
      started.kill("SIGKILL");
      client.close();
    });
    await client.ready();
    const grandchild = Number(
      valueOf(
        await client.execute(
          `import { spawn } from "node:child_process";
           const shell = spawn("sh", ["-c", "sleep 1000 & echo $!; wait"]);
           await new Promise<string>((done) => shell.stdout.once("data", (text) => done(String(text).trim())))`,
        ),
      ),
    );
    expect(isAlive(grandchild)).toBe(true);
    await client.shutdown();
    expect(await until(() => started.exitCode !== null, 10_000)).toBe(true);
    expect(started.exitCode).toBe(0);
    expect(await until(() => !isAlive(grandchild), 10_000)).toBe(true);
  });

  it("refuses a start without a readable connection file", () => {
    const [program = "", ...args] = KERNEL_ARGV.slice(0, -2);
    const none = runProgram(program, args);
    expect(none.status).toBe(2);
    expect(none.stderr).toContain("Usage: lawbook-kernel --connection-file FILE");
    const absent = runProgram(program, [...args, "/nowhere/c.json"]);
    expect(absent.status).toBe(2);
    expect(absent.stderr).toContain("There is no file /nowhere/c.json.");
  });
});
