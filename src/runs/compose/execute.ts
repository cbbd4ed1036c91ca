import { join } from "node:path";

import { findDevice } from "../../compute/devices/list.js";
import { LawbookError } from "../../core/errors.js";
import { product, sum } from "../../core/math.js";
import { loadTokenizer } from "../../data/tokenizer.js";
import { composeAdapters, sharedKeys } from "../../merge/compose/compose.js";
import { saveAdapter } from "../../model/adapter.js";
import { isMixture } from "../../model/adapted.js";
import type { AnyAdapter } from "../../model/adapter-folder.js";
import { weightsDigest, writeCheckpoint } from "../../model/checkpoint.js";
import { mergeLora } from "../../model/lora.js";
import { saveMoeAdapter } from "../../model/moe-adapter.js";
import type { ExecuteOptions } from "../execute.js";
import { lossSummary } from "../losses.js";
import { type ComposeResult, makeRecord, type ResolvedRun, type RunRecord } from "../record.js";
import { learnComposition } from "./learn.js";
import type { ComposeRequest } from "./request.js";
import { optionsOf, type ResolvedCompose, resolveCompose } from "./resolve.js";
import { searchComposition } from "./search.js";

/** Steps between two checkpoints of a learnt composition. */
const CHECKPOINT_EVERY = 50;

/** What was composed, before it is written. */
interface Made {
  readonly adapter: AnyAdapter;
  readonly result: Omit<ComposeResult, "weights" | "consumed" | "scores">;
}

/**
 * Composes as a resolved request says, and writes the adapter, and the base with it, to the run's folder. A search and a
 * learning go on from what they kept.
 */
export async function executeCompose(
  run: ResolvedRun<ComposeRequest>,
  options: ExecuteOptions,
): Promise<RunRecord<ComposeRequest>> {
  const { root, store, cwd } = options;
  const now = resolveCompose(run.request, { root, store, cwd: cwd ?? root });
  if (now.run.id !== run.id) {
    throw new LawbookError(
      "data-differs",
      "The base or an adapter of the composition has changed since the request was resolved.",
    );
  }
  const { adapter, result } = await makeComposition(now, options);
  await writeComposition(now, adapter, store.folder(run.id));
  return makeRecord<ComposeRequest>(run, "finished", {
    ...result,
    weights: weightsDigest(adapter.weights),
    consumed: {},
    scores: {},
  });
}

async function makeComposition(
  { run: { id, request }, base: { checkpoint }, adapters }: ResolvedCompose,
  { root, store, signal, progress }: ExecuteOptions,
): Promise<Made> {
  const { search, learn } = request;
  const folder = join(store.folder(id), "checkpoint");
  const asked = { request, root, checkpoint, adapters, signal, progress };
  const needed = (): Pick<Parameters<typeof learnComposition>[0], "device" | "tokenizer"> => ({
    device: findDevice(request.device),
    tokenizer: loadTokenizer(checkpoint.tokenizerFolder!),
  });
  if (learn !== undefined) {
    const kept = { folder, every: CHECKPOINT_EVERY, key: id };
    const { composed, experts, report, graph, tokens, routing } = await learnComposition({
      ...asked,
      ...needed(),
      learn,
      kept,
    });
    const weights = adapters.map(() => null);
    return {
      adapter: composed === undefined ? experts : { config: composed.lora, weights: composed.weights },
      result: {
        graph,
        ...lossSummary(report.losses),
        tokens,
        parameters: report.parameters,
        ...(routing === undefined ? {} : { routing }),
        composition:
          composed === undefined
            ? { kind: "mixture", weights, layers: [], learnt: report }
            : { kind: "adapter", weights, layers: composed.layers, learnt: report },
      },
    };
  }
  const found =
    search === undefined
      ? undefined
      : await searchComposition({
          ...asked,
          ...needed(),
          search,
          options: optionsOf(request),
          kept: { folder, key: id },
        });
  const weights = adapters.map(({ weight }, index) => found?.weights[index] ?? (weight as number));
  const weighted = adapters.map((adapter, index) => ({ ...adapter, weight: weights[index]! }));
  const composed = composeAdapters(checkpoint.config, weighted, optionsOf(request));
  return {
    adapter: { config: composed.lora, weights: composed.weights },
    result: {
      graph: null,
      loss: found?.loss ?? null,
      curve: [],
      tokens: 0,
      parameters: sum([...composed.weights.values()].map(({ shape }) => product(shape))),
      composition: {
        kind: "adapter",
        weights,
        layers: composed.layers,
        ...(found === undefined ? {} : { search: found }),
      },
    },
  };
}

/** Writes the adapter with the keys that all adapters share, then the model, which other requests look for, last. */
async function writeComposition(
  { run: { request }, base: { checkpoint }, adapters }: ResolvedCompose,
  { config, weights }: AnyAdapter,
  folder: string,
): Promise<void> {
  const configJson = sharedKeys(adapters.map((adapter) => adapter.configJson));
  const common = { weights, configJson, baseModel: request.base };
  const target = join(folder, "adapter");
  if (isMixture(config)) await saveMoeAdapter(target, { moe: config, balance: {}, ...common });
  else await saveAdapter(target, { lora: config, ...common });
  const model = isMixture(config)
    ? checkpoint
    : { ...checkpoint, weights: mergeLora(checkpoint.weights, weights, config) };
  await writeCheckpoint(join(folder, "model"), model);
}
