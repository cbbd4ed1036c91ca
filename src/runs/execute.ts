import { join } from "node:path";

import { wallMs } from "../core/clock.js";
import { LawbookError } from "../core/errors.js";
import { mean, product } from "../core/math.js";
import type { Device } from "../compute/device.js";
import { findDevice } from "../compute/devices/list.js";
import { packRows, type PackedBatch, placeRows, type Row } from "../data/batches.js";
import { drawInstructions, loadInstructionWords } from "../data/instructions.js";
import { chatRow, consumedRows, drawSources, planRows, rowsOf, type Source } from "../data/mixture.js";
import { encodePassages, passageBatch } from "../data/passages.js";
import type { Sampler } from "../data/samplers.js";
import { loadBaseText } from "../data/text.js";
import { loadTokenizer, type Tokenizer } from "../data/tokenizer.js";
import { stream } from "../core/random.js";
import { ask, type DisciplineScore, questions } from "../evaluate/answers.js";
import { type Checkpoint, checkpointDigest, weightsDigest, writeCheckpoint } from "../model/checkpoint.js";
import { parametersOf } from "../model/config.js";
import { loraParameters, mergeLora, newLora, writeAdapter } from "../model/lora.js";
import type { StepShape } from "../train/step.js";
import { train } from "../train/train.js";
import { makeRecord, type ResolvedRun, type RunRecord, type TrainResult } from "./record.js";
import type { EvaluationSet, FactsData, TrainRequest } from "./request.js";
import { findModel, loraOf } from "./resolve.js";
import type { Store } from "./store.js";

/** A step of a run, for whoever watches. */
export interface RunProgress {
  readonly phase: "training" | "evaluating";
  readonly done: number;
  readonly total: number;
  /** Loss of the step, nats per token. */
  readonly loss?: number;
}

/** Where a run is executed. */
export interface ExecuteOptions {
  readonly root: string;
  readonly store: Store;
  readonly cwd?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((step: RunProgress) => void) | undefined;
}

/** Steps between two checkpoints. */
const CHECKPOINT_EVERY = 50;

/**
 * Trains and scores one run in this process and stores it. Killed or interrupted, the same call goes on from the last
 * checkpoint to the same bytes.
 */
export async function execute(run: ResolvedRun, options: ExecuteOptions): Promise<RunRecord> {
  const { root, store, signal, progress } = options;
  const { request } = run;
  const startedMs = wallMs();
  const device = findDevice(request.device);
  const { checkpoint, sha256: digest } = findModel(request.model, root, store, request.seed, options.cwd);
  if (digest !== run.inputs.model.sha256) {
    throw new LawbookError(
      "data-differs",
      `The model ${request.model} has changed since the request was resolved.`,
    );
  }
  const tokenizer = loadTokenizer(checkpoint.tokenizerFolder!);
  const feed = prepareFeed(request, root, tokenizer);
  const lora = loraOf(request);
  const adapter =
    lora === undefined
      ? undefined
      : { config: lora, weights: newLora(checkpoint.config, lora, request.seed, checkpoint.weights) };
  const trained =
    request.steps === 0
      ? { weights: adapter?.weights ?? checkpoint.weights, losses: [], graphSha256: null, finished: true }
      : await train({
          device,
          config: checkpoint.config,
          weights: checkpoint.weights,
          adapter,
          shape: feed.shape,
          steps: request.steps,
          batch: feed.batch,
          lr: request.optimizer.lr,
          schedule: request.schedule,
          decay: request.optimizer.decay,
          clip: request.optimizer.clip,
          checkpoint: {
            folder: join(store.folder(run.id), "checkpoint"),
            every: CHECKPOINT_EVERY,
            key: run.id,
          },
          signal,
          progress: (done, loss) => progress?.({ phase: "training", done, total: request.steps, loss }),
        });

  const folder = store.folder(run.id);
  const model: Checkpoint = {
    ...checkpoint,
    weights: lora === undefined ? trained.weights : mergeLora(checkpoint.weights, trained.weights, lora),
  };
  const scores = trained.finished
    ? await scoreSets(request, root, feed.sources, model, tokenizer, device, options)
    : {};
  const parameters =
    lora === undefined ? parametersOf(checkpoint.config) : loraParameters(checkpoint.config, lora);
  const result: TrainResult = {
    graph: trained.graphSha256,
    weights: !trained.finished
      ? null
      : lora === undefined
        ? checkpointDigest(model)
        : weightsDigest(trained.weights),
    ...lossSummary(trained.losses),
    tokens: feed.tokens,
    parameters: parameters.reduce((total, { shape }) => total + product(shape), 0),
    consumed: feed.consumed,
    scores,
  };
  const record = makeRecord(run, trained.finished ? "finished" : "diverged", result);
  if (trained.finished) {
    if (lora !== undefined) await writeAdapter(join(folder, "adapter"), lora, trained.weights, request.model);
    await writeCheckpoint(join(folder, "model"), model);
  }
  store.write(record, {
    startedAt: new Date(startedMs).toISOString(),
    durationMs: Math.round(wallMs() - startedMs),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024),
  });
  return record;
}

/** What a run is fed, step by step. */
interface RunFeed {
  readonly shape: StepShape;
  readonly batch: (step: number) => PackedBatch;
  readonly sources: readonly Source[];
  readonly tokens: number;
  readonly consumed: TrainResult["consumed"];
}

function prepareFeed(request: TrainRequest, root: string, tokenizer: Tokenizer): RunFeed {
  const { data, steps, batch, tokens, seed } = request;
  if ("text" in data && data.text === "base") {
    const count = steps * batch * tokens;
    const text = encodePassages(loadBaseText(root), tokenizer, count + 1, seed);
    return {
      shape: { lines: batch, tokens, targets: batch * tokens },
      batch: (step) => passageBatch(text, batch, tokens, step),
      sources: [],
      tokens: count,
      consumed: {},
    };
  }
  if ("text" in data) {
    const tasks = drawInstructions(
      loadInstructionWords(root),
      "train",
      steps * batch,
      stream(seed, "instructions"),
    );
    return rowsFeed(
      tasks.map(({ question, answer }) => chatRow(tokenizer, question, answer)),
      request,
    );
  }
  const sources = drawSources(root, data.facts, data.wordings, seed);
  const picks = planRows(sources, samplerOf(data), data.sampler.diversity, steps * batch, seed);
  return {
    ...rowsFeed(rowsOf(root, sources, picks, tokenizer), request),
    sources,
    consumed: consumedRows(root, sources, picks),
  };
}

function samplerOf({ sampler }: FactsData): Sampler {
  switch (sampler.kind) {
    case "temperature":
      return { kind: "temperature", temperature: sampler.temperature! };
    case "unimax":
      return { kind: "unimax", cap: sampler.cap! };
    default:
      return { kind: sampler.kind };
  }
}

/** Rows in order, `batch` a step; every step has as many lines and targets as the fullest one needs. */
function rowsFeed(rows: readonly Row[], { steps, batch, tokens }: TrainRequest): RunFeed {
  const rowsOfStep = (step: number): readonly Row[] => rows.slice((step - 1) * batch, step * batch);
  let lines = 1;
  let targets = 1;
  for (let step = 1; step <= steps; step++) {
    const own = rowsOfStep(step);
    lines = Math.max(
      lines,
      placeRows(
        own.map(({ ids }) => ids.length),
        tokens,
      ).lines,
    );
    targets = Math.max(
      targets,
      own.reduce((total, { ids, from }) => total + ids.length - from, 0),
    );
  }
  return {
    shape: { lines, tokens, targets },
    batch: (step) => packRows(rowsOfStep(step), tokens, lines),
    sources: [],
    tokens: rows.reduce((total, { ids }) => total + ids.length, 0),
    consumed: {},
  };
}

async function scoreSets(
  request: TrainRequest,
  root: string,
  sources: readonly Source[],
  model: Checkpoint,
  tokenizer: Tokenizer,
  device: Device,
  { signal, progress }: ExecuteOptions,
): Promise<TrainResult["scores"]> {
  const scores: { [Set in EvaluationSet]?: Record<string, DisciplineScore> } = {};
  if (sources.length === 0) return scores;
  for (const set of request.evaluate.sets) {
    scores[set] = await ask(
      {
        device,
        config: model.config,
        weights: model.weights,
        tokenizer,
        signal,
        progress: (done, total) => progress?.({ phase: "evaluating", done, total }),
      },
      questions(root, sources, set, request.seed),
    );
  }
  return scores;
}

function lossSummary(losses: readonly number[]): { loss: number | null; curve: number[] } {
  const finite = losses.filter(Number.isFinite);
  if (finite.length === 0) return { loss: null, curve: [] };
  const parts = Math.min(20, finite.length);
  const cut = (part: number): number => Math.floor((part * finite.length) / parts);
  return {
    loss: mean(finite.slice(-Math.ceil(finite.length / 10))),
    curve: Array.from({ length: parts }, (_, part) => mean(finite.slice(cut(part), cut(part + 1)))),
  };
}
