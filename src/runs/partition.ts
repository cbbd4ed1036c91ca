import { setImmediate as nextTurn } from "node:timers/promises";

import { canonicalJson } from "../core/canonical.js";
import { LawbookError } from "../core/errors.js";
import type { LineOf } from "../core/problems.js";
import { ENGINE } from "../compute/engine.js";
import { loadTokenizer } from "../data/tokenizer.js";
import type { Corpus } from "../partition/corpus.js";
import { factsCorpora } from "../partition/facts-corpus.js";
import { partitionCorpora } from "../partition/partition.js";
import { partitionReport } from "../partition/report.js";
import type { PartitionRequest } from "../partition/request.js";
import { parsePartitionRequest } from "../partition/schema.js";
import type { ExecuteOptions } from "./execute.js";
import { makeRecord, type ResolvedRun, runId, type RunRecord } from "./record.js";
import { DISCIPLINES } from "./request.js";
import { findModel, hashesOf, tokenizerFolder } from "./resolve.js";
import type { Store } from "./store.js";

/** Where the model and the facts of a partition are looked up. */
export interface PartitionPlace {
  readonly root: string;
  readonly store: Store;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  readonly lineOf?: LineOf | undefined;
}

/** A partition whose corpora are drawn, and the run that it is. */
export interface ResolvedPartition {
  readonly run: ResolvedRun<PartitionRequest>;
  readonly corpora: readonly Corpus[];
}

const TOKENIZER = "datasets/tokenizer/tokenizer.json";

/** Fills in defaults, names inputs by their hashes and draws the corpora; all problems of a request come in one error. */
export function resolvePartition(
  input: unknown,
  { root, store, cwd, lineOf }: PartitionPlace,
): ResolvedPartition {
  const parsed = parsePartitionRequest(input, DISCIPLINES, lineOf);
  const { disciplines, corpus, seed } = parsed;
  const model = parsed.model === undefined ? undefined : findModel(parsed.model, root, store, seed, cwd);
  const parent = model?.parent;
  const request = parent === undefined ? parsed : { ...parsed, model: `run:${parent}` };
  const folder = model === undefined ? tokenizerFolder(root) : model.checkpoint.tokenizerFolder;
  if (folder === undefined)
    throw new LawbookError("bad-file", `The model ${parsed.model} has no tokenizer.json.`);
  const corpora = factsCorpora(root, {
    disciplines,
    ...corpus,
    seed,
    tokenizer: loadTokenizer(folder),
    table: model?.checkpoint.weights.get("model.embed_tokens.weight"),
    lineOf,
  });
  const data = hashesOf(root, [
    ...(model === undefined ? [TOKENIZER] : []),
    "datasets/templates/grammars.json",
    ...disciplines.flatMap((name) => [
      `datasets/facts/${name}.jsonl`,
      `datasets/templates/${name}.json`,
      ...(model === undefined ? [`datasets/embeddings/${name}.bin`] : []),
    ]),
  ]);
  const inputs = {
    model:
      model === undefined
        ? { name: TOKENIZER, sha256: data[TOKENIZER]! }
        : { name: request.model!, sha256: model.sha256 },
    data,
    parents: parent === undefined ? [] : [parent],
  };
  const run = JSON.parse(canonicalJson({ engine: ENGINE, request, inputs })) as Omit<
    ResolvedRun<PartitionRequest>,
    "id"
  >;
  return { run: { id: runId(run), ...run }, corpora };
}

/** Partitions as a resolved request says. An interrupt arrives between two resamples. */
export async function executePartition(
  run: ResolvedRun<PartitionRequest>,
  { root, store, cwd, signal, progress }: ExecuteOptions,
): Promise<RunRecord<PartitionRequest>> {
  const now = resolvePartition(run.request, { root, store, cwd: cwd ?? root });
  if (now.run.id !== run.id) {
    throw new LawbookError(
      "data-differs",
      "An input of the partition has changed since the request was resolved.",
    );
  }
  const total = run.request.bootstrap;
  const analysis = await partitionCorpora(now.corpora, run.request, async (done) => {
    progress?.({ phase: "resampling", done, total });
    await nextTurn();
    if (signal?.aborted === true)
      throw new LawbookError("interrupted", `Interrupted after resample ${done} of ${total}.`);
  });
  return makeRecord<PartitionRequest>(run, "finished", {
    graph: null,
    weights: null,
    loss: null,
    curve: [],
    tokens: 0,
    parameters: 0,
    consumed: {},
    scores: {},
    partition: partitionReport(analysis),
  });
}
