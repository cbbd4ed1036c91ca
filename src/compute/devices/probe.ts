import { fileURLToPath } from "node:url";

import { runProgram } from "../../core/process.js";
import { missingPart } from "./hardware.js";

/** What a probe of a GPU device found. */
export interface Finding {
  readonly usable: boolean;
  /** May `auto` take it: a real adapter computes right. */
  readonly automatic: boolean;
  readonly reason: string;
}

/** A driver that hangs must not hang everything. A GPU may compile its kernels in this time. */
const PATIENCE_MS = 180_000;

const findings = new Map<string, Finding>();

/**
 * Looks whether a GPU device works: what it needs on disk and, where all is there, a numeric self-check in a child process,
 * because a broken driver ends the process that loads it. Remembered for this process, until it is asked for anew.
 */
export function probe(device: string, anew = false): Finding {
  let finding = anew ? undefined : findings.get(device);
  if (finding === undefined) {
    const missing = missingPart(device);
    finding = missing === undefined ? runProbe(device) : { usable: false, automatic: false, reason: missing };
    findings.set(device, finding);
  }
  return finding;
}

function runProbe(device: string): Finding {
  const script = fileURLToPath(new URL("./probe-child.js", import.meta.url)).replace(
    /([/\\])src([/\\]compute[/\\]devices[/\\])/,
    "$1dist$2",
  );
  return readFinding(runProgram(process.execPath, [script, device], { timeoutMs: PATIENCE_MS }));
}

/** Reads the child's last line; a child that ended without one did not survive its self-check. */
export function readFinding({
  status,
  signal,
  stdout,
  stderr,
}: {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}): Finding {
  const line = stdout.trim().split("\n").at(-1) ?? "";
  const failed = (reason: string): Finding => ({ usable: false, automatic: false, reason: oneLine(reason) });
  if (status !== 0 || !line.startsWith("{")) {
    const end = signal === null ? `status ${status}` : signal;
    return failed(`its self-check ended with ${end}: ${lastComplaint(stderr) ?? "no message"}`);
  }
  const found = JSON.parse(line) as Finding;
  if (found.usable) return { ...found, reason: oneLine(found.reason) };
  const complaint = lastComplaint(stderr);
  return failed(complaint === undefined ? found.reason : `${found.reason}: ${complaint}`);
}

/** The last line of a native library's log that tells what it could not open or do. */
function lastComplaint(stderr: string): string | undefined {
  const lines = stderr.split("\n").filter((line) => /error|fail|cannot|could not|couldn't/i.test(line));
  const loading = [...lines].reverse().find((line) => /with error: |cannot open shared object/i.test(line));
  const line = loading ?? lines.at(-1);
  return line?.replace(/^.*with error: /, "").replace(/\u001b\[[0-9;]*m/g, "");
}

function oneLine(text: string): string {
  const plain = text.replace(/\s+/g, " ").trim();
  return plain.length > 240 ? `${plain.slice(0, 237)}...` : plain;
}
