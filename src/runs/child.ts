import { LawbookError } from "../core/errors.js";
import { execute } from "./execute.js";
import { openStore } from "./store.js";
import { type FromChild, type ToChild, toMessage } from "./worker.js";

// A child of `executeInChild`: runs what it is told, one after another, and ends with its parent.

let interruption = new AbortController();

function send(message: FromChild): void {
  if (process.connected) process.send!(message);
}

async function work(message: ToChild & { kind: "execute" }): Promise<void> {
  const { run, root, home, cwd, ignoreCommitted } = message;
  interruption = new AbortController();
  try {
    const record = await execute(run, {
      root,
      store: openStore({ root, home, ignoreCommitted }),
      cwd,
      signal: interruption.signal,
      progress: (step) => send({ kind: "progress", step }),
    });
    send({ kind: "record", record });
  } catch (thrown) {
    const aborted = interruption.signal.aborted && !(thrown instanceof LawbookError);
    send({
      kind: "error",
      error: toMessage(aborted ? new LawbookError("interrupted", "Interrupted during evaluation.") : thrown),
    });
  }
}

process.on("message", (message: ToChild) => {
  if (message.kind === "interrupt") interruption.abort();
  else void work(message);
});
process.on("disconnect", () => process.exit(0));
// The parent decides: Ctrl-C reaches the whole process group, and the training must reach its checkpoint.
process.on("SIGINT", () => {});
