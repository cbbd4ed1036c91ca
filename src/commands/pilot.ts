import { join } from "node:path";

import type { PilotFindings } from "../laws/pilot.js";
import { findLaw, LAWS } from "../laws/list.js";
import { pilotFolder, readPilot, runPilot, writePilot } from "../study/pilot.js";
import { type Arguments, command, type CommandContext, type CommandSpec, type Shown } from "./command.js";
import { studyOptions } from "./study-options.js";
import { textTable } from "./table.js";

/** `lawbook pilot N`: what was tried before a law's rule was written, on pilot seeds and validation items. */
export const pilotCommand: CommandSpec<PilotFindings> = command({
  name: "pilot",
  summary: "Show what was tried before a law's rule was written: gate and settings, on pilot seeds",
  positionals: [
    {
      name: "N",
      description: "number or name of the law",
      required: true,
      suggest: () => LAWS.map(({ rule }) => String(rule.number)),
    },
  ],
  flags: [
    {
      name: "fresh",
      kind: "boolean",
      description: "train the runs; runs in the store are not trained again",
    },
    { name: "jobs", kind: "number", placeholder: "N", description: "runs trained at the same time" },
    { name: "accept", kind: "boolean", description: "write records and findings to reports/pilots/<law>/" },
  ],
  examples: ["lawbook pilot 1", "lawbook pilot 1 --fresh --jobs 2 --accept"],
  magics: ["line"],
  resultType: 'import("lawbook").PilotFindings',
  run: showPilot,
  show: (findings): Shown => ({ text: findingsText(findings), json: findings }),
});

async function showPilot(args: Arguments, context: CommandContext): Promise<PilotFindings> {
  const law = findLaw(args.positionals[0] ?? "");
  const options = studyOptions(args, context);
  const study = args.flags["fresh"] === true ? await runPilot(law, options) : readPilot(context.root, law);
  if (args.flags["accept"] === true) await writePilot(join(context.root, pilotFolder(law)), study);
  return study.findings;
}

function findingsText({ law, seeds, measure, gate, passes, tuning, cost }: PilotFindings): string {
  const two = (value: number): string => value.toFixed(2);
  return [
    `Pilot of ${law} on seeds ${seeds.join(", ")}: ${passes ? "the law can be measured" : "the gate is not passed"}`,
    `  cost  ${cost.runs} runs, ${cost.tokenParameters.toExponential(2)} tokens x parameters`,
    "",
    textTable(
      ["gate", "discipline", "strict", "majority", "lenient", "chance", "passes"],
      gate.map((row) => [
        row.arm,
        row.discipline,
        two(row.strict),
        two(row.majority),
        two(row.lenient),
        two(row.chance),
        row.passes ? "yes" : "no",
      ]),
    ),
    "",
    textTable(
      ["design", `candidate (${measure})`, "score", "chosen"],
      tuning.flatMap(({ design, candidates, chosen, inRule }) =>
        candidates.map(({ name, score }) => [
          design,
          name,
          two(score),
          name !== chosen ? "" : inRule ? "chosen" : "chosen, the rule has another",
        ]),
      ),
    ),
  ].join("\n");
}
