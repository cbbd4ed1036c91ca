import { canonicalJson, contentId } from "../core/canonical.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { product } from "../core/math.js";
import type { DisciplineScore } from "../evaluate/score.js";
import type { RoutingStatistics } from "../evaluate/routing.js";
import type { ConsumedRows } from "../data/mixture.js";
import { parametersOf, SIZES } from "../model/config.js";
import type { PartitionReport } from "../partition/report.js";
import type { PartitionRequest } from "../partition/request.js";
import type { CompositionReport } from "./compose/report.js";
import type { ComposeRequest } from "./compose/request.js";
import type { Discipline, EvaluationSet, RunRequest, TrainRequest } from "./request.js";

/** Scores of one discipline, or of another group of questions, on one test set. */
export type Score = DisciplineScore;

/** What the sampler really fed of one discipline. */
export type Consumed = ConsumedRows;

/** What a finished run gives; a pure function of the resolved request. A merge has no steps and no scores. */
export interface TrainResult {
  /** sha256 of the ONNX bytes of the training step; null where there was no step. */
  readonly graph: string | null;
  /** sha256 over config, tokenizer and weights of the trained model, or over the adapter; null where it diverged. */
  readonly weights: string | null;
  /** Mean loss of the last tenth of the steps, nats per token; null without a finite step. */
  readonly loss: number | null;
  /** Mean loss of each twentieth of the run, nats per token. */
  readonly curve: readonly number[];
  /** Tokens fed, without padding. */
  readonly tokens: number;
  /** Trainable parameters. */
  readonly parameters: number;
  readonly consumed: Readonly<Partial<Record<Discipline, Consumed>>>;
  /** Disciplines of each stage in the order in which they were trained, where it was drawn. */
  readonly stages?: readonly (readonly Discipline[])[];
  /** What the routers of a mixture do with trained facts of each discipline. */
  readonly routing?: RoutingStatistics;
  readonly scores: Readonly<Partial<Record<EvaluationSet, Readonly<Record<string, Score>>>>>;
}

/** What a finished composition gives; without learning it has no steps and no curve. */
export interface ComposeResult extends TrainResult {
  readonly composition: CompositionReport;
}

/** What a finished partition gives: no weights. */
export interface PartitionRunResult extends TrainResult {
  readonly partition: PartitionReport;
}

/** What a run of a request gives. */
export type ResultOf<Request extends RunRequest> = Request extends ComposeRequest
  ? ComposeResult
  : Request extends PartitionRequest
    ? PartitionRunResult
    : TrainResult;

/** What a run was made from, by content. */
export interface RunInputs {
  /**
   * The model that is trained; of a merge its base, or its first model; of a composition the one under the adapters; of a
   * partition the one whose embeddings count, or the committed tokenizer.
   */
  readonly model: { readonly name: string; readonly sha256: string };
  /** sha256 of the other models of a merge, or of the adapters of a composition, by their names in the request. */
  readonly others?: Readonly<Record<string, string>>;
  /** sha256 of each dataset file that was read, by path from the root. */
  readonly data: Readonly<Record<string, string>>;
  /** Ids of runs whose models this run starts from. */
  readonly parents: readonly string[];
}

/** A request with every default filled in and every input named by its hash. */
export interface ResolvedRun<Request extends RunRequest = RunRequest> {
  /** sha256 of the canonical JSON of `{engine, request, inputs}`. */
  readonly id: string;
  readonly engine: number;
  readonly request: Request;
  readonly inputs: RunInputs;
}

/** One line of `records.jsonl`. */
export interface RunRecord<Request extends RunRequest = RunRequest> extends ResolvedRun<Request> {
  readonly outcome: "finished" | "diverged";
  readonly result: ResultOf<Request>;
  /** sha256 of the canonical JSON of `result`. */
  readonly resultSha256: string;
}

/** The record of a training. */
export type TrainRecord = RunRecord<TrainRequest>;

/** The record of a composition. */
export type ComposeRecord = RunRecord<ComposeRequest>;

/** Finds a record by its id. */
export type FindRecord = (id: string) => RunRecord | undefined;

/** Records by id, each once. */
export function sortRecords(records: readonly RunRecord[]): RunRecord[] {
  const byId = new Map(records.map((record) => [record.id, record]));
  return [...byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * The records and every run that they were made from, so that each of them can be re-trained from the file alone.
 * `find` answers an id from the store. Throws `missing` where a parent is gone.
 */
export function closeUnderParents(records: readonly RunRecord[], find: FindRecord): RunRecord[] {
  const closed = new Map<string, RunRecord>();
  const waiting = [...records];
  for (let record = waiting.pop(); record !== undefined; record = waiting.pop()) {
    closed.set(record.id, record);
    for (const id of record.inputs.parents) {
      if (closed.has(id)) continue;
      const parent = find(id);
      if (parent === undefined) {
        throw new LawbookError("missing", `There is no record of run ${id}, a parent of ${record.id}.`, {
          hint: "Run the study again; missing parents are trained first.",
        });
      }
      waiting.push(parent);
    }
  }
  return sortRecords([...closed.values()]);
}

/**
 * Parameters of the model that a run went through, by the size in the name of the model that its first ancestor started
 * from (`xs-instruct`, `new:l`). Of a model with another name: the trainable parameters, a lower bound where an adapter was
 * trained.
 */
export function modelParameters(record: RunRecord, find: FindRecord): number {
  const [parent] = record.inputs.parents;
  const before = parent === undefined ? undefined : find(parent);
  if (before !== undefined) return modelParameters(before, find);
  const size = /^(?:new:)?(xs|s|m|l)(?:-|$)/.exec(record.inputs.model.name)?.[1];
  if (size === undefined) return record.result.parameters;
  return parametersOf(SIZES[size as keyof typeof SIZES]).reduce((sum, { shape }) => sum + product(shape), 0);
}

/** What runs cost: the sum over them of tokens times parameters of the model that these went through. */
export function tokenParameters(records: readonly RunRecord[]): number {
  const byId = new Map(records.map((record) => [record.id, record]));
  const find: FindRecord = (id) => byId.get(id);
  return records.reduce((sum, record) => sum + record.result.tokens * modelParameters(record, find), 0);
}

/** Is a record that of a training? */
export function isTraining(record: RunRecord): record is TrainRecord {
  return record.request.kind === "train";
}

/** The id of a run. Threads, paths, times and hosts are not in it. */
export function runId({ engine, request, inputs }: Omit<ResolvedRun, "id">): string {
  return contentId({ engine, request, inputs });
}

/** Joins a resolved run with what came out, its keys in canonical order: nobody can tell it from one that was read. */
export function makeRecord<Request extends RunRequest>(
  run: ResolvedRun<Request>,
  outcome: RunRecord["outcome"],
  result: ResultOf<Request>,
): RunRecord<Request> {
  const record = { ...run, outcome, result, resultSha256: contentId(result) };
  return JSON.parse(canonicalJson(record)) as RunRecord<Request>;
}

/** One line of a records file, without the newline. */
export function recordLine(record: RunRecord): string {
  return canonicalJson(record);
}

/** Checks id and result digest of a record that was read. Throws `record-damaged` with the place. */
export function checkRecord(record: RunRecord, place: string): RunRecord {
  const damaged = (what: string, got: unknown, expected: string): LawbookError =>
    new LawbookError(
      "record-damaged",
      mismatch(`The record in ${place} is damaged: ${what}`, got, expected),
      {
        hint: "Restore the file from the repository, or train the run again.",
        data: { place, id: record.id },
      },
    );
  if (
    typeof record !== "object" ||
    record === null ||
    typeof record.id !== "string" ||
    !record.request ||
    !record.result
  ) {
    throw new LawbookError("record-damaged", `${place} holds no record.`, { data: { place } });
  }
  const id = runId(record);
  if (record.id !== id) throw damaged("its id", record.id, id);
  const digest = contentId(record.result);
  if (record.resultSha256 !== digest) throw damaged("resultSha256", record.resultSha256, digest);
  return record;
}
