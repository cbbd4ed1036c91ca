import { join } from "node:path";

import type { Device } from "../../compute/device.js";
import { LawbookError, mismatch } from "../../core/errors.js";
import { exists, readJson, writeAtomic } from "../../core/files.js";
import { sum } from "../../core/math.js";
import type { Row } from "../../data/batches.js";
import { drawSources, rowsOf } from "../../data/mixture.js";
import type { Tokenizer } from "../../data/tokenizer.js";
import { scoreRows } from "../../evaluate/likelihood.js";
import { composeAdapters, type ComposeOptions } from "../../merge/compose/compose.js";
import type { WeightedAdapter } from "../../merge/compose/layers.js";
import { type FoundWeights, searchWeights, type Trial } from "../../merge/compose/search.js";
import type { Checkpoint } from "../../model/checkpoint.js";
import type { RunProgress } from "../execute.js";
import type { ComposeData, SearchRequest } from "./request.js";

/** What a search composes and asks. */
export interface SearchSetting {
  readonly search: SearchRequest;
  readonly options: ComposeOptions;
  readonly root: string;
  readonly device: Device;
  readonly checkpoint: Checkpoint;
  readonly adapters: readonly WeightedAdapter[];
  readonly tokenizer: Tokenizer;
  /** Where evaluations are kept, and the id of the run that they are of. */
  readonly kept: { readonly folder: string; readonly key: string };
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((step: RunProgress) => void) | undefined;
}

/** Evaluations between two writings. */
const KEEP_EVERY = 10;

/**
 * Searches the weights under which the composition says the answers of a few rows most likely. Killed or interrupted, the
 * same search goes on from its last kept evaluation to the same weights.
 */
export async function searchComposition(setting: SearchSetting): Promise<FoundWeights> {
  const { search, options, root, adapters, tokenizer, kept, signal, progress } = setting;
  const rows = fewShotRows(root, search.data, tokenizer, options.seed);
  let made = readTrials(kept);
  try {
    return await searchWeights({
      count: adapters.length,
      loss: (weights) => compositionLoss(setting, rows, weights),
      steps: search.steps,
      l1: search.l1,
      bound: search.bound,
      seed: options.seed,
      known: made,
      keep: (trials) => {
        made = trials;
        if (trials.length % KEEP_EVERY === 0) writeTrials(kept, trials);
      },
      signal,
      progress: (done, best) => progress?.({ phase: "searching", done, total: search.steps, loss: best }),
    });
  } catch (error) {
    if (signal?.aborted !== true) throw error;
    if (made.length > 0) writeTrials(kept, made);
    throw new LawbookError("interrupted", `Interrupted after evaluation ${made.length} of ${search.steps}.`, {
      hint: "The same request goes on from there.",
    });
  }
}

const TRIALS = "search.json";

function writeTrials({ folder, key }: SearchSetting["kept"], trials: readonly Trial[]): void {
  writeAtomic(join(folder, TRIALS), `${JSON.stringify({ key, trials })}\n`);
}

/** The evaluations of an unfinished search; those of another one are refused. */
function readTrials({ folder, key }: SearchSetting["kept"]): readonly Trial[] {
  const path = join(folder, TRIALS);
  if (!exists(path)) return [];
  const found = readJson(path) as { readonly key?: unknown; readonly trials?: readonly Trial[] };
  if (found.key !== key || !Array.isArray(found.trials)) {
    throw new LawbookError("bad-file", mismatch(`${path} belongs to another run`, found.key ?? null, key), {
      hint: "Remove the folder.",
    });
  }
  return found.trials;
}

/** Every drawn fact in each of its wordings, as a question with its answer. */
export function fewShotRows(root: string, data: ComposeData, tokenizer: Tokenizer, seed: number): Row[] {
  const sources = drawSources(
    root,
    data.facts as Record<string, number>,
    data.wordings as Record<string, number>,
    seed,
  );
  const picks = sources.flatMap(({ forms }, source) =>
    forms.flatMap((own, fact) => own.map((_, form) => ({ source, fact, form }))),
  );
  return rowsOf(root, sources, picks, tokenizer);
}

/** Mean -ln p per token of the rows' answers, nats, under the adapters composed with these weights. */
async function compositionLoss(
  { options, device, checkpoint, adapters, signal }: SearchSetting,
  rows: readonly Row[],
  weights: readonly number[],
): Promise<number> {
  const weighted = adapters.map((adapter, index) => ({ ...adapter, weight: weights[index]! }));
  const { lora, weights: composed } = composeAdapters(checkpoint.config, weighted, options);
  const { config, weights: base } = checkpoint;
  const network = { config, weights: base, adapter: { config: lora, weights: composed } };
  const scores = await scoreRows(device, network, rows, { signal });
  const counted = sum(scores.map(({ tokens }) => tokens));
  return -sum(scores.map(({ logLikelihood }) => logLikelihood)) / counted;
}
