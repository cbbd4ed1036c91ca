import { join } from "node:path";

import { wallMs } from "../core/clock.js";
import { LawbookError } from "../core/errors.js";
import { sum } from "../core/math.js";
import { contentId } from "../core/canonical.js";
import type { Device } from "../compute/device.js";
import { findDevice } from "../compute/devices/list.js";
import type { Row } from "../data/batches.js";
import { chatRow, partOfSources, type Source } from "../data/mixture.js";
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
import { executeCompose } from "./compose/execute.js";
import { prepareFeed, type RunFeed, spellingOf } from "./feed.js";
import { lossSummary } from "./losses.js";
import { executeMerge } from "./merge.js";
import {
  makeRecord,
  type ResolvedRun,
  type RunRecord,
  type TrainRecord,
  type TrainResult,
} from "./record.js";
import type { EvaluationSet, RunRequest, TrainRequest } from "./request.js";
import { adapterOf, stepSettings } from "./method.js";
import { executePartition } from "./partition.js";
import { findAdapter, findModel, type NamedModel, networkDigest } from "./resolve.js";
import { orderStages, stagesOf } from "./stages.js";
import type { Store } from "./store.js";

/** A step of a run, for whoever watches. */
export interface RunProgress {
  readonly phase: "training" | "evaluating" | "merging" | "searching" | "resampling";
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
 * Executes one run in this process and stores it. Killed or interrupted, the same call goes on from the last checkpoint to
 * the same bytes.
 */
export async function execute<Request extends RunRequest>(
  run: ResolvedRun<Request>,
  options: ExecuteOptions,
): Promise<RunRecord<Request>> {
  const startedMs = wallMs();
  const record = await executeRequest(run, options);
  options.store.write(record, {
    startedAt: new Date(startedMs).toISOString(),
    durationMs: Math.round(wallMs() - startedMs),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    peakMemoryMb: Math.round(process.resourceUsage().maxRSS / 1024),
  });
  return record as RunRecord as RunRecord<Request>;
}

function executeRequest(run: ResolvedRun, options: ExecuteOptions): Promise<RunRecord> {
  const { request } = run;
  switch (request.kind) {
    case "train":
      return executeTraining({ ...run, request }, options);
    case "merge":
      return executeMerge({ ...run, request }, options);
    case "compose":
      return executeCompose({ ...run, request }, options);
    case "partition":
      return executePartition({ ...run, request }, options);
  }
}

/** What the store knows of a run, or else the run executed in this process: for runs that need no device. */
export async function findOrExecute<Request extends RunRequest>(
  run: ResolvedRun<Request>,
  options: ExecuteOptions,
): Promise<RunRecord<Request>> {
  const known = options.store.find(run.id);
  return known === undefined ? execute(run, options) : (known as RunRecord as RunRecord<Request>);
}

/** Trains and scores a model, and writes what was trained to the run's folder. */
async function executeTraining(
  run: ResolvedRun<TrainRequest>,
  options: ExecuteOptions,
): Promise<TrainRecord> {
  const { root, store, signal, progress } = options;
  const { request } = run;
  const device = findDevice(request.device);
  const { checkpoint, sha256: digest } = findModel(request.model, root, store, request.seed, options.cwd);
  if (digest !== run.inputs.model.sha256) {
    throw new LawbookError(
      "data-differs",
      `The model ${request.model} has changed since the request was resolved.`,
    );
  }
  const tokenizer = loadTokenizer(checkpoint.tokenizerFolder!);
  const adapter = adapterOf(request);
  const start = adapter === undefined ? undefined : startAdapter(request, adapter, checkpoint, store);
  const settings = stepSettings(request, checkpoint.config);
  const stages = stagesOf(request);
  const feeds: RunFeed[] = [];
  const losses: number[] = [];
  const graphs: string[] = [];
  let finished = true;
  // What is trained: an adapter, the model where there is none, both in stages.
  let base: Weights = checkpoint.weights;
  let trained: Weights = start ?? base;
  for (const [index, stage] of stages.entries()) {
    const feed = await prepareFeed(stage.request, {
      root,
      tokenizer,
      checkpoint,
      device,
      signal,
      progress: (done, total) => progress?.({ phase: "evaluating", done, total }),
    });
    feeds.push(feed);
    if (request.steps === 0 || !finished) continue;
    const before = losses.length;
    const place = stages.length === 1 ? "" : `/stage-${index + 1}`;
    const outcome = await train({
      ...settings,
      freeze: [...(settings.freeze ?? []), ...stage.freeze],
      device,
      weights: base,
      adapterWeights: start === undefined ? undefined : trained,
      feed: feed.feed,
      microBatches: request.microBatches,
      steps: stage.request.steps,
      lr: request.optimizer.lr,
      schedule: request.schedule,
      seed: request.seed,
      checkpoint: {
        folder: join(store.folder(run.id), `checkpoint${place}`),
        every: CHECKPOINT_EVERY,
        key: `${run.id}${place}`,
      },
      signal,
      progress: (done, loss) =>
        progress?.({ phase: "training", done: before + done, total: request.steps, loss }),
    });
    losses.push(...outcome.losses);
    graphs.push(outcome.graphSha256);
    finished = outcome.finished;
    const part = (names: Weights): Weights =>
      new Map([...names.keys()].map((name) => [name, outcome.weights.get(name)!]));
    if (settings.joint === true) base = part(base);
    trained = part(trained);
  }

  const folder = store.folder(run.id);
  const mixture = adapter !== undefined && isMixture(adapter);
  const model: NamedModel["checkpoint"] =
    adapter === undefined
      ? { ...checkpoint, weights: trained }
      : mixture
        ? { ...checkpoint, weights: base, adapter: { config: adapter, weights: trained } }
        : { ...checkpoint, weights: mergeLora(base, trained, adapter) };
  const sources = feeds
    .flatMap((feed) => feed.sources)
    .sort((a, b) => (a.discipline < b.discipline ? -1 : 1));
  const scores = finished ? await scoreSets(request, root, sources, model, tokenizer, device, options) : {};
  const routing =
    finished && mixture && sources.length > 0
      ? await routingStatistics(
          device,
          model,
          routedRows(root, sources, tokenizer, request.seed).map(spellingOf(request, tokenizer)),
        )
      : undefined;
  const { groups } = parameterGroups(settings);
  const result: TrainResult = {
    graph: graphs.length > 1 ? contentId(graphs) : (graphs[0] ?? null),
    weights: !finished
      ? null
      : settings.joint === true
        ? networkDigest(model)
        : adapter === undefined
          ? checkpointDigest(model)
          : weightsDigest(trained),
    ...lossSummary(losses),
    tokens: sum(feeds.map((feed) => feed.tokens)),
    parameters: groups.reduce((total, { parameters }) => total + flatSize(parameters), 0),
    consumed: Object.assign({}, ...feeds.map((feed) => feed.consumed)) as TrainResult["consumed"],
    scores,
    ...(request.stageOrder === undefined
      ? {}
      : { stages: orderStages(request).map(({ disciplines }) => disciplines) }),
    ...(routing === undefined ? {} : { routing }),
  };
  const record = makeRecord(run, finished ? "finished" : "diverged", result);
  if (finished) {
    if (adapter !== undefined) {
      const trainedAdapter = { config: adapter, weights: trained };
      await writeAdapterFolder(join(folder, "adapter"), trainedAdapter, request.model, settings.balance);
    }
    await writeCheckpoint(join(folder, "model"), model);
  }
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
    spelling: spellingOf(request, tokenizer),
    signal,
    progress: (done: number, total: number) => progress?.({ phase: "evaluating", done, total }),
  };
  const scores: { [Set in EvaluationSet]?: Record<string, DisciplineScore> } = {};
  const { sets, parts } = request.evaluate;
  for (const set of sets) {
    const scored =
      parts === undefined
        ? await scoreSet(asking, set, root, sources, request.seed)
        : await scoreParts(parts, sources, (part) => scoreSet(asking, set, root, part, request.seed));
    if (Object.keys(scored).length > 0) scores[set] = scored;
  }
  return scores;
}

/** Scores of equal parts of the facts, as `<discipline>/<part>`. */
async function scoreParts(
  of: number,
  sources: readonly Source[],
  score: (part: readonly Source[]) => Promise<Record<string, DisciplineScore>>,
): Promise<Record<string, DisciplineScore>> {
  const scores: Record<string, DisciplineScore> = {};
  for (let number = 1; number <= of; number++) {
    const scored = await score(partOfSources(sources, { number, of }));
    for (const [name, one] of Object.entries(scored)) scores[`${name}/${number}`] = one;
  }
  return scores;
}
