// The public door of Lawbook: verbs as functions, the types of their requests and results, and what a kernel needs.

export { EXIT_CODES, LawbookError, type ErrorCode, type Problem } from "./core/errors.js";
export type { Json } from "./core/canonical.js";

export type {
  AdapterRequest,
  BalanceRequest,
  EvaluateRequest,
  FactsData,
  LoraRequest,
  MethodRequest,
  MixtureRequest,
  ObjectiveRequest,
  OptimizerRequest,
  RoutingRequest,
  SamplerRequest,
  ScheduleRequest,
  TextData,
  TrainRequest,
} from "./runs/request.js";
export { DISCIPLINES, EVALUATION_SETS, type Discipline, type EvaluationSet } from "./runs/request.js";
export type { Consumed, RunInputs, RunRecord, Score, TrainResult } from "./runs/record.js";
export type { TrainInput } from "./runs/schema.js";
export { openStore, type Observed, type Store, type StoreOptions } from "./runs/store.js";
export { findHome, findRoot } from "./runs/project.js";

export type {
  Arguments,
  CommandContext,
  CommandSpec,
  FlagSpec,
  PositionalSpec,
  Progress,
  Shown,
} from "./commands/command.js";
export {
  COMMON_FLAGS,
  describeArguments,
  flagsOf,
  parseArguments,
  usagePositional,
} from "./commands/arguments.js";
export { COMMANDS } from "./commands/list.js";
export { train, type TrainedModel } from "./commands/train.js";
export type { Answer, Answers } from "./commands/ask.js";
export type { StepTimes } from "./commands/bench.js";
export type { DeviceList } from "./commands/device.js";
export type { Evaluation } from "./commands/evaluate.js";
export type { WrittenGraph } from "./commands/graph.js";
export type { Logits } from "./commands/logits.js";
export type { RunList } from "./commands/runs.js";
export type { DataReport, DisciplineSummary, RelationSummary } from "./commands/data.js";
export type { Study } from "./study/study.js";
export type { Law } from "./laws/law.js";
export type { Evidence } from "./laws/evidence.js";
export type { Verdict } from "./laws/judge.js";
export type { VegaLiteSpec } from "./figures/chart.js";
