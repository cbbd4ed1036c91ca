import { canonicalJson } from "../../core/canonical.js";
import { LawbookError, mismatch } from "../../core/errors.js";
import type { LineOf } from "../../core/problems.js";
import { findDevice } from "../../compute/devices/list.js";
import { ENGINE } from "../../compute/engine.js";
import { checkAdapters, type ComposeOptions } from "../../merge/compose/compose.js";
import { frozenExperts } from "../../merge/compose/frozen-experts.js";
import { type ResolvedRun, runId } from "../record.js";
import { canonicalFacts, factHashes, findModel, type NamedModel } from "../resolve.js";
import type { Store } from "../store.js";
import { type FoundAdapter, readAdapters } from "./adapters.js";
import type { ComposeData, ComposeInput, ComposeRequest } from "./request.js";
import { composeProblems, parseComposeRequest } from "./schema.js";

/** Where the models and adapters of a composition are looked up. */
export interface ComposePlace {
  readonly root: string;
  readonly store: Store;
  /** Folder that relative paths start from. */
  readonly cwd: string;
  readonly lineOf?: LineOf | undefined;
}

/** A composition whose base and adapters are read, and the run that it is. */
export interface ResolvedCompose {
  readonly run: ResolvedRun<ComposeRequest>;
  readonly base: NamedModel;
  readonly adapters: readonly FoundAdapter[];
}

/**
 * Fills in defaults, names runs by whole ids and inputs by their hashes, and checks all that can be checked before anything
 * is composed. All problems come in one error, with lines where known.
 */
export function resolveCompose(input: ComposeInput, place: ComposePlace): ResolvedCompose {
  const request = parseComposeRequest(input, place.lineOf);
  try {
    return resolveParsed(request, place);
  } catch (error) {
    throw relocated(error, place.lineOf);
  }
}

/** The same error with the lines of its problems, where it has problems. */
export function relocated(error: unknown, lineOf: LineOf = () => undefined): Error {
  if (!(error instanceof LawbookError) || error.problems.length === 0) return error as Error;
  return composeProblems(error.problems, lineOf, error.hint);
}

function resolveParsed(parsed: ComposeRequest, { root, store, cwd, lineOf }: ComposePlace): ResolvedCompose {
  const device = findDevice(parsed.device);
  const base = findModel(parsed.base, root, store, parsed.seed, cwd);
  checkBase(parsed, base);
  const { config } = base.checkpoint;
  const adapters = readAdapters(
    parsed,
    { config, sha256: base.sha256 },
    { store, cwd, lineOf: lineOf ?? (() => undefined) },
    parsed.learn?.kind === "cat" ? 1 / parsed.adapters.length : 1,
  );
  const request = canonicalRequest(parsed, device.name, base, adapters);
  if (request.learn === undefined) checkAdapters(config, adapters, optionsOf(request));
  else frozenExperts(config, adapters, request.learn.kind);
  const inputs = {
    model: { name: request.base, sha256: base.sha256 },
    others: Object.fromEntries(adapters.map(({ name, sha256 }) => [name, sha256])),
    data: dataOf(request).map(({ facts }) => factHashes(root, Object.keys(facts)))[0] ?? {},
    parents: [...new Set([base.parent, ...adapters.map(({ run }) => run)].filter((id) => id !== undefined))],
  };
  const run = JSON.parse(canonicalJson({ engine: ENGINE, request, inputs })) as Omit<
    ResolvedRun<ComposeRequest>,
    "id"
  >;
  return { run: { id: runId(run), ...run }, base, adapters };
}

/** How the formula of a request composes. */
export function optionsOf(request: ComposeRequest): ComposeOptions {
  const { method, rank, density, majority_sign_method: sign, convention, seed } = request;
  return { method: method!, rank, density, sign, seed, convention };
}

function checkBase({ base: name, learn, search }: ComposeRequest, { checkpoint }: NamedModel): void {
  if (checkpoint.adapter !== undefined)
    throw new LawbookError("request", mismatch("base", `the mixture ${name}`, "a model without routers"));
  if (learn === undefined && search === undefined) return;
  if (checkpoint.tokenizerFolder === undefined)
    throw new LawbookError("bad-file", `The model ${name} has no tokenizer.json.`);
  const most = checkpoint.config.maxPositions;
  if (learn !== undefined && learn.tokens > most) {
    const expected = `at most ${most}, the positions of ${name}`;
    throw new LawbookError("request", mismatch("learn.tokens", learn.tokens, expected));
  }
}

/** One form for requests that mean the same: whole ids, a weight for each adapter that takes one, data as in training. */
function canonicalRequest(
  request: ComposeRequest,
  device: string,
  { parent }: NamedModel,
  adapters: readonly FoundAdapter[],
): ComposeRequest {
  const { search, learn } = request;
  const weighed = search === undefined && learn?.kind !== "gate";
  return {
    ...request,
    base: parent === undefined ? request.base : `run:${parent}`,
    adapters: adapters.map(({ name, weight }) => ({
      adapter: name,
      ...(weighed ? { weight: weight as number } : {}),
    })),
    ...(search === undefined ? {} : { search: { ...search, data: canonicalFacts(search.data) } }),
    ...(learn === undefined ? {} : { learn: { ...learn, data: canonicalFacts(learn.data) } }),
    device,
  };
}

function dataOf({ search, learn }: ComposeRequest): ComposeData[] {
  return [search, learn].flatMap((part) => (part === undefined ? [] : [part.data]));
}
