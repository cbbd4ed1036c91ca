import type { Device } from "../compute/device.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { stream } from "../core/random.js";
import type { Row } from "../data/batches.js";
import { drawFormattedFacts, type FormattedFact } from "../data/formatted-facts.js";
import { drawInstructions, loadInstructionWords } from "../data/instructions.js";
import {
  chatRow,
  consumedRows,
  drawSources,
  partOfSources,
  type Pick,
  planRows,
  rowsOf,
  type Source,
} from "../data/mixture.js";
import { encodePassages, passageBatch } from "../data/passages.js";
import {
  factPreferences,
  instructionPairs,
  instructionPreferences,
  type Preference,
  preferenceTokens,
} from "../data/preferences.js";
import type { Sampler } from "../data/samplers.js";
import { disjointSpelling, type Spelling } from "../data/spelling.js";
import { loadBaseText } from "../data/text.js";
import type { Tokenizer } from "../data/tokenizer.js";
import { scoreRows } from "../evaluate/likelihood.js";
import type { Checkpoint } from "../model/checkpoint.js";
import {
  type Feed,
  type FeedOptions,
  type LabelledPair,
  lineFeed,
  pairFeed,
  rowFeed,
} from "../train/feed.js";
import { answerRows } from "../train/preference-batch.js";
import type { PreferenceOptions } from "../train/preference.js";
import type { TrainResult } from "./record.js";
import type { Discipline, FactsData, TrainRequest } from "./request.js";
import { adapterOf } from "./method.js";

/** What a run is fed, and where it comes from. */
export interface RunFeed {
  readonly feed: Feed;
  readonly sources: readonly Source[];
  /** Tokens fed, without padding; both answers of a pair count with their prompt. */
  readonly tokens: number;
  readonly consumed: TrainResult["consumed"];
}

/** Where a feed is prepared. */
export interface FeedContext {
  readonly root: string;
  readonly tokenizer: Tokenizer;
  /** The model that the request names: the reference policy of DPO. */
  readonly checkpoint: Checkpoint;
  /** Scores answers under the reference policy; undefined leaves their scores out, where only shapes are wanted. */
  readonly device: Device | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

/** Draws all rows of a run in their order and cuts them into steps; a pure function of request and datasets. */
export async function prepareFeed(request: TrainRequest, context: FeedContext): Promise<RunFeed> {
  const { root, tokenizer } = context;
  const { data, steps, batch, tokens, seed, objective } = request;
  const options = feedOptions(request);
  if ("text" in data && data.text === "base") {
    const count = steps * batch * tokens;
    const text = encodePassages(loadBaseText(root), tokenizer, count + 1, seed);
    const feed = lineFeed((lines, index) => passageBatch(text, lines, tokens, index), options);
    return { feed, sources: [], tokens: count, consumed: {} };
  }
  const sources = "text" in data ? [] : sourcesOf(root, data, seed);
  const { general, formatted } = turnsOf(data, steps * batch);
  const count = steps * batch - general.length - formatted.length;
  const picks =
    "text" in data ? [] : planRows(sources, samplerOf(data, sources), data.sampler.diversity, count, seed);
  const consumed = "text" in data ? {} : consumedRows(root, sources, picks);
  const draw = stream(seed, "instructions");
  const words = general.length === 0 ? undefined : loadInstructionWords(root);
  const facts = formattedRows(root, sources, formatted.length, seed);
  if (objective.kind === "dpo" || objective.kind === "orpo") {
    const others = words === undefined ? [] : instructionPreferences(words, general.length, draw);
    const inFormats = instructionPairs(facts, stream(seed, "formatted-pairs")).map((pair, index) => ({
      ...pair,
      label: facts[index]!.discipline,
    }));
    const plain = labelledPreferences(root, sources, picks, seed);
    const preferences = interleave(interleave(plain, inFormats, formatted), others, general);
    const pairs = await pairsOf(preferences, objective, context);
    const counted = answerRows(pairs).reduce((total, { ids }) => total + ids.length, 0);
    return { feed: pairFeed(pairs, objective, options), sources, tokens: counted, consumed };
  }
  const tasks = words === undefined ? [] : drawInstructions(words, "train", general.length, draw);
  const others = tasks.map(({ question, answer }) => chatRow(tokenizer, question, answer));
  const inFormats = facts.map(({ question, answer, discipline }) => ({
    ...chatRow(tokenizer, question, answer),
    label: discipline,
  }));
  const plain = rowsOf(root, sources, picks, tokenizer).map(spellingOf(request, tokenizer));
  const completions = interleave(interleave(plain, inFormats, formatted), others, general);
  const whole = objective.kind === "sft" && objective.on === "full";
  const rows = whole ? completions.map((row): Row => ({ ...row, from: 1 })) : completions;
  return {
    feed: rowFeed(rows, options),
    sources,
    tokens: rows.reduce((total, { ids }) => total + ids.length, 0),
    consumed,
  };
}

function feedOptions(request: TrainRequest): FeedOptions {
  const { steps, batch, microBatches, tokens, method } = request;
  const balance = "experts" in method ? method.balance : undefined;
  const adapter = adapterOf(request);
  return { steps, batch, microBatches, tokens, adapter, balance, firstKind: balance?.localised?.first };
}

function samplerOf({ sampler }: FactsData, sources: readonly Source[]): Sampler {
  switch (sampler.kind) {
    case "temperature":
      return { kind: "temperature", temperature: sampler.temperature! };
    case "unimax":
      return { kind: "unimax", cap: sampler.cap! };
    case "weighted":
      return {
        kind: "weighted",
        weights: sources.map(({ discipline }) => sampler.weights![discipline as Discipline]!),
      };
    default:
      return { kind: sampler.kind };
  }
}

/** The drawn facts of a run, or the part of them that it is about. */
function sourcesOf(root: string, { facts, wordings, part }: FactsData, seed: number): Source[] {
  const all = drawSources(root, facts, wordings, seed);
  return part === undefined ? all : partOfSources(all, part);
}

/** How the rows of a run's facts are spelled. */
export function spellingOf({ data, seed }: TrainRequest, tokenizer: Tokenizer): Spelling {
  return !("text" in data) && data.disjoint === true ? disjointSpelling(tokenizer, seed) : (row) => row;
}

/**
 * Numbers of the rows that are general instructions, and among the others of those that are formatted facts: all, none, or
 * the asked share at even distances.
 */
function turnsOf(data: TrainRequest["data"], count: number): { general: number[]; formatted: number[] } {
  const { instructions = 0, formatted = 0 } = "text" in data ? { instructions: 1 } : data;
  const turns = (share: number, rows: number): number[] =>
    Array.from({ length: rows }, (_, row) => row).filter(
      (row) => Math.floor((row + 1) * share) > Math.floor(row * share),
    );
  const general = turns(instructions, count);
  const left = count - general.length;
  return {
    general,
    formatted: formatted === 0 ? [] : turns(Math.min(1, formatted / (1 - instructions)), left),
  };
}

function formattedRows(
  root: string,
  sources: readonly Source[],
  count: number,
  seed: number,
): readonly FormattedFact[] {
  const rows = drawFormattedFacts(root, sources, count, stream(seed, "formatted"));
  if (rows.length === count) return rows;
  throw new LawbookError(
    "request",
    mismatch("data.formatted", "facts of which none may be trained in formats", "more facts"),
    { hint: "Half of all facts are kept for testing in formats." },
  );
}

/** Puts `others` at the given places and `main` at all others. */
function interleave<Item>(main: readonly Item[], others: readonly Item[], places: readonly number[]): Item[] {
  const at = new Set(places);
  let [next, other] = [0, 0];
  return Array.from({ length: main.length + others.length }, (_, row) =>
    at.has(row) ? others[other++]! : main[next++]!,
  );
}

function labelledPreferences(
  root: string,
  sources: readonly Source[],
  picks: readonly Pick[],
  seed: number,
): readonly (Preference & { readonly label?: string })[] {
  return factPreferences(root, sources, picks, seed).map((preference, index) => ({
    ...preference,
    label: sources[picks[index]!.source]!.discipline,
  }));
}

/** Tokens of the pairs; for DPO each answer is scored once by the reference policy before training. */
async function pairsOf(
  preferences: readonly (Preference & { readonly label?: string })[],
  objective: PreferenceOptions,
  { tokenizer, checkpoint, device, signal, progress }: FeedContext,
): Promise<LabelledPair[]> {
  const different = new Map<string, LabelledPair>();
  const keys = preferences.map((preference) => {
    const key = JSON.stringify([
      preference.question,
      preference.chosen,
      preference.rejected,
      preference.label,
    ]);
    if (!different.has(key))
      different.set(key, { ...preferenceTokens(tokenizer, preference), label: preference.label });
    return key;
  });
  if (objective.kind === "dpo" && device !== undefined) {
    const pairs = [...different];
    const rows = answerRows(pairs.map(([, pair]) => pair));
    const scores = await scoreRows(device, checkpoint, rows, { signal, progress });
    pairs.forEach(([key, pair], index) => {
      const [chosen, rejected] = [scores[index], scores[index + pairs.length]];
      if (chosen === undefined || rejected === undefined)
        throw new LawbookError("internal", "The reference policy left an answer without a score.");
      different.set(key, { ...pair, reference: [chosen.logLikelihood, rejected.logLikelihood] });
    });
  }
  return keys.map((key) => different.get(key)!);
}
