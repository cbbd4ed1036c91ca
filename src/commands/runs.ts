import type { Json } from "../core/canonical.js";
import { LawbookError } from "../core/errors.js";
import type { RunRecord } from "../runs/record.js";
import type { TrainRequest } from "../runs/request.js";
import { openStore } from "../runs/store.js";
import { command, type CommandContext, type CommandSpec } from "./command.js";
import { describeMethod } from "./describe.js";
import { scoresText } from "./scores.js";
import { textTable } from "./table.js";

/** Runs, or the one that was asked for. */
export interface RunList {
  readonly runs: readonly RunRecord[];
  readonly one: boolean;
}

/** `lawbook runs [ID]` and `%runs [ID]`. */
export const runsCommand: CommandSpec<RunList> = command({
  name: "runs",
  summary: "List the runs of the store, or show one",
  positionals: [
    { name: "ID", description: "8 or more first digits of a run's id", required: false, suggest: runIds },
  ],
  flags: [{ name: "all", kind: "boolean", description: "list the committed records of reports/, too" }],
  examples: ["lawbook runs", "lawbook runs --all", "lawbook runs 3fa94c01 --json"],
  magics: ["line"],
  resultType: 'import("lawbook").RunList',
  run: (args, { root, home }): Promise<RunList> => {
    const id = args.positionals[0];
    const all = args.flags["all"] === true;
    const store = openStore({ root, home, ignoreCommitted: id === undefined && !all });
    if (id === undefined) return Promise.resolve({ runs: sorted(store.list()), one: false });
    if (all)
      throw new LawbookError("usage", `--all lists, and ${id} asks for one run: leave one of them out.`);
    const record = store.find(id);
    if (record === undefined)
      throw new LawbookError("missing", `There is no run ${id}.`, {
        hint: "`lawbook runs --all` lists them.",
      });
    return Promise.resolve({ runs: [record], one: true });
  },
  show: ({ runs, one }) => {
    const rows = runs.map(rowOf);
    if (one) {
      const { id, request, inputs, outcome, result } = runs[0]!;
      const scores = scoresText(result.scores);
      const detail = JSON.stringify({ request, inputs: inputs.model, consumed: result.consumed }, null, 2);
      return {
        text: [
          `run ${id}  ${outcome}`,
          `weights ${result.weights ?? "none"}`,
          ...(scores === "" ? [] : ["", scores]),
          "",
          detail,
        ].join("\n"),
        json: runs[0],
      };
    }
    if (rows.length === 0)
      return {
        text: "There are no runs yet. `lawbook train --help` shows how to make one; --all lists the committed records.",
        json: [],
        table: [],
      };
    return {
      text: textTable(
        ["id", "outcome", "model", "method", "data", "steps", "seed", "device", "loss"],
        rows.map((row) =>
          Object.values(row).map((value) => (value === null ? "" : String(value as string | number))),
        ),
      ),
      json: runs,
      table: rows,
    };
  },
});

function rowOf({ id, outcome, request, inputs, result }: RunRecord): Record<string, Json> {
  const { name } = inputs.model;
  return {
    id: id.slice(0, 12),
    outcome,
    model: name.startsWith("run:") ? name.slice(0, 16) : name,
    method: describeMethod(request),
    data: request.kind === "train" ? describeData(request) : "",
    steps: request.kind === "train" ? request.steps : null,
    seed: request.seed,
    device: request.kind === "train" ? request.device : null,
    loss: result.loss === null ? null : Number(result.loss.toFixed(3)),
  };
}

function describeData({ data }: TrainRequest): string {
  if ("text" in data) return data.text;
  const facts = Object.values(data.facts).reduce((a, b) => a + b, 0);
  return `${facts} facts, ${data.sampler.kind}${data.sampler.diversity ? " + diversity" : ""}`;
}

function sorted(records: readonly RunRecord[]): RunRecord[] {
  return [...records].sort((a, b) => (a.id < b.id ? -1 : 1));
}

function runIds({ root, home }: CommandContext): string[] {
  return openStore({ root, home })
    .list()
    .map(({ id }) => id.slice(0, 12));
}
