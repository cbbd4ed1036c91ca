import { LawbookError, mismatch } from "lawbook/dist/jupyter/index.js";

import type { CellRuntime, ChildInfo, Comms, MagicSpec } from "./cell/api.js";
import type { Iopub } from "./output.js";
import { checkedBundle } from "./vega.js";

/** What the functions that cells call need of the kernel. */
export interface RuntimeOptions {
  readonly iopub: Iopub;
  readonly comms: Comms;
  readonly children: () => readonly ChildInfo[];
  readonly ask: (prompt: string, password: boolean) => Promise<string>;
  readonly page: (text: string) => void;
  readonly help: (name: string) => Promise<string | undefined>;
  readonly runMagic: (name: string, text: string, body: string | undefined) => Promise<unknown>;
  readonly registerMagic: (spec: MagicSpec) => void;
}

/** The functions that cells call. */
export function createRuntime(options: RuntimeOptions): CellRuntime {
  const { iopub, comms, children, ask, page, help, runMagic, registerMagic } = options;
  return {
    run: ((name, text, body) => runMagic(name, text, body)) as CellRuntime["run"],
    show: async (name, text, body) => void (await runMagic(name, text, body)),
    help: async (name) => {
      const text = await help(name);
      if (text === undefined) throw new LawbookError("missing", `There is no help on ${name}.`);
      page(text);
    },
    ask: (prompt, password) => ask(String(prompt), password),
    page: (text) => page(String(text)),
    display: (bundle, { id, update = false, metadata = {} } = {}) => {
      if (update && id === undefined) {
        throw new LawbookError(
          "usage",
          mismatch("Id of the display to change", id, "the id it was shown with"),
        );
      }
      iopub.publish(update ? "update_display_data" : "display_data", {
        data: checkedBundle(bundle, (text) => iopub.write("stderr", `${text}\n`)),
        metadata,
        transient: id === undefined ? {} : { display_id: id },
      });
    },
    clearOutput: (wait) => iopub.publish("clear_output", { wait }),
    registerMagic: (spec) => {
      checkMagic(spec);
      registerMagic(spec);
    },
    children,
    comms,
  };
}

function checkMagic(spec: MagicSpec): void {
  if (typeof spec !== "object" || spec === null || typeof spec.run !== "function") {
    throw new LawbookError("usage", "A magic needs name, summary and run(args, context).");
  }
  if (typeof spec.name !== "string" || !/^[A-Za-z_]\w*$/.test(spec.name)) {
    throw new LawbookError(
      "usage",
      mismatch("Name of a magic", spec.name, "letters, digits and _, without %, not first a digit"),
    );
  }
}
