import { join } from "node:path";

import { wallMs } from "../core/clock.js";
import { LawbookError } from "../core/errors.js";
import { mean } from "../core/math.js";
import type { Device } from "../compute/device.js";
import { findDevice } from "../compute/devices/list.js";
import type { Row } from "../data/batches.js";
import { chatRow, type Source } from "../data/mixture.js";
import { loadTokenizer, type Tokenizer } from "../data/tokenizer.js";
import { questions } from "../evaluate/answers.js";
import { routingStatistics } from "../evaluate/routing.js";
import type { DisciplineScore } from "../evaluate/score.js";
import { scoreSet } from "../evaluate/sets.js";
import { type AdapterConfig, continueAdapter, isMixture, newAdapter } from "../model/adapted.js";
import { readAdapterFolder, writeAdapterFolder } from "../model/adapter-folder.js";
import { type Checkpoint, checkpointDigest, weightsDigest, writeCheckpoint } from "../model/checkpoint.js";
import { mergeLora } from "../model/lora.js";
import type { Weights } from "../model/safetensors.js";
import { flatSize, parameterGroups } from "../train/groups.js";
import { train } from "../train/train.js";
import { prepareFeed } from "./feed.js";
import { makeRecord, type ResolvedRun, type RunRecord, type TrainResult } from "./record.js";
import type { EvaluationSet, TrainRequest } from "./request.js";
import { adapterOf, stepSettings } from "./method.js";
import { findAdapter, findModel, type NamedModel } from "./resolve.js";
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
  const feed = await prepareFeed(request, {
    root,
    tokenizer,
    checkpoint,
    device,
    signal,
    progress: (done, total) => progress?.({ phase: "evaluating", done, total }),
  });
  const adapter = adapterOf(request);
  const start = adapter === undefined ? undefined : startAdapter(request, adapter, checkpoint, store);
  const settings = stepSettings(request, checkpoint.config);
  const trained =
    request.steps === 0
      ? { weights: start ?? checkpoint.weights, losses: [], graphSha256: null, finished: true }
      : await train({
          ...settings,
          device,
          weights: checkpoint.weights,
          adapterWeights: start,
          feed: feed.feed,
          microBatches: request.microBatches,
          steps: request.steps,
          lr: request.optimizer.lr,
          schedule: request.schedule,
          seed: request.seed,
          checkpoint: {
            folder: join(store.folder(run.id), "checkpoint"),
            every: CHECKPOINT_EVERY,
            key: run.id,
          },
          signal,
          progress: (done, loss) => progress?.({ phase: "training", done, total: request.steps, loss }),
        });

  const folder = store.folder(run.id);
  const mixture = adapter !== undefined && isMixture(adapter);
  const model: NamedModel["checkpoint"] =
    adapter === undefined
      ? { ...checkpoint, weights: trained.weights }
      : mixture
        ? { ...checkpoint, adapter: { config: adapter, weights: trained.weights } }
        : { ...checkpoint, weights: mergeLora(checkpoint.weights, trained.weights, adapter) };
  const scores = trained.finished
    ? await scoreSets(request, root, feed.sources, model, tokenizer, device, options)
    : {};
  const routing =
    trained.finished && mixture && feed.sources.length > 0
      ? await routingStatistics(device, model, routedRows(root, feed.sources, tokenizer, request.seed))
      : undefined;
  const { groups } = parameterGroups(settings);
  const result: TrainResult = {
    graph: trained.graphSha256,
    weights: !trained.finished
      ? null
      : adapter === undefined
        ? checkpointDigest(model)
        : weightsDigest(trained.weights),
    ...lossSummary(trained.losses),
    tokens: feed.tokens,
    parameters: groups.reduce((total, { parameters }) => total + flatSize(parameters), 0),
    consumed: feed.consumed,
    scores,
    ...(routing === undefined ? {} : { routing }),
  };
  const record = makeRecord(run, trained.finished ? "finished" : "diverged", result);
  if (trained.finished) {
    if (adapter !== undefined) {
      const trainedAdapter = { config: adapter, weights: trained.weights };
      await writeAdapterFolder(join(folder, "adapter"), trainedAdapter, request.model, settings.balance);
    }
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

/** A fresh adapter, or one that goes on from an earlier run. */
function startAdapter(
  { method, seed }: TrainRequest,
  adapter: AdapterConfig,
  { config, weights }: Checkpoint,
  store: Store,
): Weights {
  const fresh = newAdapter(config, adapter, seed, weights);
  const from = method.kind === "full" ? undefined : method.start;
  if (from === undefined) return fresh;
  return continueAdapter(fresh, readAdapterFolder(findAdapter(from, store).folder, config).weights);
}

/** Trained facts of each discipline in a trained wording, with their answers. */
function routedRows(root: string, sources: readonly Source[], tokenizer: Tokenizer, seed: number): Row[] {
  return questions(root, sources, "t-trained", seed).map(({ text, right, discipline }) => ({
    ...chatRow(tokenizer, text, right[0]!),
    label: discipline,
  }));
}

async function scoreSets(
  request: TrainRequest,
  root: string,
  sources: readonly Source[],
  model: NamedModel["checkpoint"],
  tokenizer: Tokenizer,
  device: Device,
  { signal, progress }: ExecuteOptions,
): Promise<TrainResult["scores"]> {
  const asking = {
    device,
    config: model.config,
    weights: model.weights,
    tokenizer,
    adapter: model.adapter,
    signal,
    progress: (done: number, total: number) => progress?.({ phase: "evaluating", done, total }),
  };
  const scores: { [Set in EvaluationSet]?: Record<string, DisciplineScore> } = {};
  for (const set of request.evaluate.sets) {
    const scored = await scoreSet(asking, set, root, sources, request.seed);
    if (Object.keys(scored).length > 0) scores[set] = scored;
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
