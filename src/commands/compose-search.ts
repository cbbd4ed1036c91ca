import type { Device } from "../compute/device.js";
import { sum } from "../core/math.js";
import type { Row } from "../data/batches.js";
import { drawSources, rowsOf } from "../data/mixture.js";
import type { Tokenizer } from "../data/tokenizer.js";
import { scoreRows } from "../evaluate/likelihood.js";
import { composeAdapters, type ComposeOptions } from "../merge/compose/compose.js";
import type { WeightedAdapter } from "../merge/compose/layers.js";
import { type FoundWeights, searchWeights } from "../merge/compose/search.js";
import type { Checkpoint } from "../model/checkpoint.js";
import type { CommandContext } from "./command.js";
import type { ComposeData, SearchRequest } from "./compose-request.js";

/** What a search composes and asks. */
export interface SearchSetting {
  readonly search: SearchRequest;
  readonly options: ComposeOptions;
  readonly root: string;
  readonly device: Device;
  readonly checkpoint: Checkpoint;
  readonly adapters: readonly WeightedAdapter[];
  readonly tokenizer: Tokenizer;
  readonly context: Pick<CommandContext, "signal" | "progress">;
}

/** Searches the weights under which the composition says the answers of a few rows most likely. */
export async function searchComposition(setting: SearchSetting): Promise<FoundWeights> {
  const { search, options, root, adapters, tokenizer, context } = setting;
  const rows = fewShotRows(root, search.data, tokenizer, options.seed);
  return searchWeights({
    count: adapters.length,
    loss: (weights) => compositionLoss(setting, rows, weights),
    steps: search.steps,
    l1: search.l1,
    bound: search.bound,
    seed: options.seed,
    signal: context.signal,
    progress: (done, best) =>
      context.progress({ phase: "searching", done, total: search.steps, values: { objective: best } }),
  });
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
export async function compositionLoss(
  { options, device, checkpoint, adapters, context }: Omit<SearchSetting, "search" | "root" | "tokenizer">,
  rows: readonly Row[],
  weights: readonly number[],
): Promise<number> {
  const weighted = adapters.map((adapter, index) => ({ ...adapter, weight: weights[index]! }));
  const { lora, weights: composed } = composeAdapters(checkpoint.config, weighted, options);
  const { config, weights: base } = checkpoint;
  const network = { config, weights: base, adapter: { config: lora, weights: composed } };
  const scores = await scoreRows(device, network, rows, { signal: context.signal });
  const counted = sum(scores.map(({ tokens }) => tokens));
  return -sum(scores.map(({ logLikelihood }) => logLikelihood)) / counted;
}
