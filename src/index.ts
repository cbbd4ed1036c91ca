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
export type {
  ComposeRecord,
  ComposeResult,
  Consumed,
  PartitionRunResult,
  RunInputs,
  RunRecord,
  Score,
  TrainRecord,
  TrainResult,
} from "./runs/record.js";
export { REQUEST_KEYS, type TrainInput } from "./runs/schema.js";
export type { PairReport, PartitionReport, Stages } from "./partition/report.js";
export type { PartitionInput, PartitionRequest } from "./partition/request.js";
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
export { mergeModels, type Merged, type MergeSettings } from "./commands/merge.js";
export type { Answer, Answers } from "./commands/ask.js";
export type { StepTimes } from "./commands/bench.js";
export { compose, type Composition } from "./commands/compose.js";
export type {
  ComposeData,
  ComposedAdapterRequest,
  ComposeInput,
  ComposeRequest,
  LearnRequest,
  SearchRequest,
} from "./runs/compose/request.js";
export type { CompositionReport, LearntReport } from "./runs/compose/report.js";
export type { LayerReport } from "./merge/compose/report.js";
export type { FoundWeights, Trial } from "./merge/compose/search.js";
export type { DeviceList } from "./commands/device.js";
export type { Evaluation } from "./commands/evaluate.js";
export { partition, type PartitionResult } from "./commands/partition.js";
export type { WrittenGraph } from "./commands/graph.js";
export type { Logits } from "./commands/logits.js";
export type { RunList } from "./commands/runs.js";
export type { DataReport, DisciplineSummary, RelationSummary } from "./commands/data.js";
export type { Study } from "./study/study.js";
export type { PilotFindings } from "./laws/pilot.js";
export type { Law } from "./laws/law.js";
export type { Evidence } from "./laws/evidence.js";
export type { Verdict } from "./laws/judge.js";
export { merge, mergedCheckpoint, type MergedModel, mergePlan, writeMerged } from "./merge/merge.js";
export { type MergeOptions, type MergePlan, type MergeSource, planMerge } from "./merge/plan.js";
export { MERGE_METHODS } from "./merge/list.js";
export type { MergeMethod, ParameterSpec, TensorTask } from "./merge/method.js";
export {
  type HeatCell,
  heatCells,
  type MergePreview,
  type PreviewRow,
  previewMerge,
} from "./merge/preview.js";
export { parseRecipe, type Recipe } from "./merge/recipe.js";
export type { VegaLiteSpec } from "./figures/chart.js";
