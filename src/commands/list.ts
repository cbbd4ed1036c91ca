import { askCommand } from "./ask.js";
import { benchCommand } from "./bench.js";
import type { CommandSpec } from "./command.js";
import { composeCommand } from "./compose.js";
import { dataCommand } from "./data.js";
import { deviceCommand } from "./device.js";
import { doctorCommand } from "./doctor.js";
import { evaluateCommand } from "./evaluate.js";
import { graphCommand } from "./graph.js";
import { kernelCommand } from "./kernel.js";
import { lawCommand } from "./law.js";
import { logitsCommand } from "./logits.js";
import { mergeCommand } from "./merge.js";
import { partitionCommand } from "./partition.js";
import { pilotCommand } from "./pilot.js";
import { replayCommand } from "./replay.js";
import { resumeCommand } from "./resume.js";
import { retrainCommand } from "./retrain.js";
import { runsCommand } from "./runs.js";
import { trainCommand } from "./train.js";

/** All verbs, in the order in which help lists them. */
export const COMMANDS: readonly CommandSpec[] = [
  trainCommand,
  mergeCommand,
  composeCommand,
  partitionCommand,
  resumeCommand,
  evaluateCommand,
  askCommand,
  logitsCommand,
  graphCommand,
  runsCommand,
  dataCommand,
  deviceCommand,
  lawCommand,
  pilotCommand,
  retrainCommand,
  replayCommand,
  kernelCommand,
  doctorCommand,
  benchCommand,
] as readonly CommandSpec[];
