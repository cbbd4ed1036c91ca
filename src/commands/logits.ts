import { LawbookError, mismatch } from "../core/errors.js";
import { findDevice } from "../compute/devices/list.js";
import { logits } from "../evaluate/logits.js";
import { findModel } from "../runs/resolve.js";
import { openStore } from "../runs/store.js";
import { type Arguments, command, type CommandContext, type CommandSpec } from "./command.js";
import { MODEL } from "./models.js";
import { textTable } from "./table.js";

/** What a model expects after each token. */
export interface Logits {
  readonly ids: readonly number[];
  /** One row of V numbers per token. */
  readonly logits: readonly (readonly number[])[];
}

const SHOWN = 5;

/** `lawbook logits MODEL --ids 1,2,3` and `%logits MODEL --ids 1,2,3`. */
export const logitsCommand: CommandSpec<Logits> = command({
  name: "logits",
  summary: "Look inside: the logits of a model after each of some token ids",
  positionals: [MODEL],
  flags: [
    { name: "ids", kind: "string", placeholder: "LIST", description: "token ids, separated by commas" },
    { name: "device", kind: "string", placeholder: "NAME", description: "default auto" },
  ],
  examples: ["lawbook logits s-instruct --ids 1,2,3 --json"],
  magics: ["line"],
  resultType: 'import("lawbook").Logits',
  run: readLogits,
  show: ({ ids, logits: rows }) => ({
    text: textTable(
      ["after id", ...Array.from({ length: SHOWN }, (_, place) => `next ${place + 1}`)],
      rows.map((row, index) => [String(ids[index]), ...best(row)]),
    ),
    json: { logits: rows },
  }),
});

async function readLogits(args: Arguments, { root, home, cwd }: CommandContext): Promise<Logits> {
  const text = args.flags["ids"];
  if (typeof text !== "string")
    throw new LawbookError("usage", "logits needs --ids: token ids, separated by commas.");
  const name = args.positionals[0]!;
  const { checkpoint } = findModel(name, root, openStore({ root, home }), 0, cwd);
  const { vocabulary, maxPositions } = checkpoint.config;
  const ids = text.split(",").map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : NaN));
  const wrong = ids.findIndex((id) => !(id < vocabulary));
  if (wrong >= 0) {
    throw new LawbookError(
      "usage",
      mismatch(
        "--ids",
        text.split(",")[wrong],
        `whole numbers from 0 to ${vocabulary - 1}, separated by commas`,
      ),
    );
  }
  if (ids.length > maxPositions) {
    throw new LawbookError(
      "usage",
      mismatch("Number of --ids", ids.length, `at most ${maxPositions}, the positions of ${name}`),
    );
  }
  const device = findDevice((args.flags["device"] as string | undefined) ?? "auto");
  return { ids, logits: await logits(device, checkpoint, ids) };
}

/** The likeliest next ids with their logits. */
function best(row: readonly number[]): string[] {
  return [...row.keys()]
    .sort((a, b) => row[b]! - row[a]! || a - b)
    .slice(0, SHOWN)
    .map((id) => `${id} (${row[id]!.toFixed(2)})`);
}
