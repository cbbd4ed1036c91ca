import { openStore } from "../runs/store.js";
import { command, type CommandSpec } from "./command.js";
import { findOpenRun, openRunIds } from "./open-runs.js";
import { executeTraining, showTrained, type TrainedModel, trainedModel } from "./train.js";

/** `lawbook resume ID` and `%resume ID`: a training goes on from its last checkpoint to the same bytes as one that ran through. */
export const resumeCommand: CommandSpec<TrainedModel> = command({
  name: "resume",
  summary: "Go on with a training that was stopped",
  positionals: [
    {
      name: "ID",
      description: "8 or more first digits of the id of a training that is not finished",
      required: true,
      suggest: ({ root, home }) => openRunIds(openStore({ root, home })).map((id) => id.slice(0, 12)),
    },
  ],
  flags: [],
  examples: ["lawbook resume 3fa94c01"],
  magics: ["line"],
  resultType: 'import("lawbook").TrainedModel',
  run: async ({ positionals: [id = ""] }, context) => {
    const { root, home } = context;
    const store = openStore({ root, home });
    const finished = /^[0-9a-f]{8,}$/.test(id) ? store.find(id) : undefined;
    if (finished?.request.kind === "train") return trainedModel(finished as TrainedModel["record"]);
    return executeTraining(findOpenRun(store, id), context);
  },
  show: showTrained,
});
