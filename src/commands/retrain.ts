import { EXIT_CODES, LawbookError } from "../core/errors.js";
import { retrain, type Retrained } from "../runs/retrain.js";
import { openStore } from "../runs/store.js";
import { command, type CommandSpec } from "./command.js";
import { textTable } from "./table.js";

/** `lawbook retrain ID`. */
export const retrainCommand: CommandSpec<Retrained> = command({
  name: "retrain",
  summary: "Train the run of a record again and compare digests",
  positionals: [
    {
      name: "ID",
      description: "8 or more first digits of a run's id",
      required: true,
      suggest: ({ root, home }) =>
        openStore({ root, home })
          .list()
          .map(({ id }) => id.slice(0, 12)),
    },
  ],
  flags: [],
  examples: ["lawbook retrain 3fa94c01"],
  run: (args, context) => {
    const { root, home, cwd, signal } = context;
    const id = args.positionals[0]!;
    const record = openStore({ root, home }).find(id);
    if (record === undefined)
      throw new LawbookError("missing", `There is no run ${id}.`, {
        hint: "`lawbook runs --all` lists them.",
      });
    return retrain(record, {
      root,
      home,
      cwd,
      signal,
      progress: ({ phase, done, total, loss }) =>
        context.progress({ phase, done, total, ...(loss === undefined ? {} : { values: { loss } }) }),
    });
  },
  show: (again) => ({
    text: [
      textTable(
        ["", "record", "trained again"],
        [
          ["weights", again.expected.weights, again.got.weights],
          ["result", again.expected.resultSha256, again.got.resultSha256],
        ],
      ),
      again.equal ? "equal" : "DIFFERENT",
    ].join("\n"),
    json: again,
    exitCode: again.equal ? 0 : EXIT_CODES["retrain-differs"],
  }),
});
