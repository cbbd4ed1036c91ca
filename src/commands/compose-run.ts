import { findDevice } from "../compute/devices/list.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { loadTokenizer } from "../data/tokenizer.js";
import type { RoutingStatistics } from "../evaluate/routing.js";
import { composeAdapters, sharedKeys } from "../merge/compose/compose.js";
import type { LayerReport } from "../merge/compose/report.js";
import type { FoundWeights } from "../merge/compose/search.js";
import type { AnyAdapter } from "../model/adapter-folder.js";
import { weightsDigest } from "../model/checkpoint.js";
import { findModel, type NamedModel } from "../runs/resolve.js";
import { openStore } from "../runs/store.js";
import type { CommandContext } from "./command.js";
import { type FoundAdapter, readAdapters } from "./compose-adapters.js";
import { type Learnt, learnComposition } from "./compose-learn.js";
import {
  type ComposeInput,
  type ComposeRequest,
  type LineOf,
  composeProblems,
  parseComposeRequest,
} from "./compose-request.js";
import { searchComposition } from "./compose-search.js";

/** What a composition made, in values that JSON can carry. */
export interface Composition {
  readonly request: ComposeRequest;
  readonly inputs: {
    readonly base: { readonly name: string; readonly sha256: string };
    readonly adapters: readonly {
      readonly name: string;
      readonly sha256: string;
      readonly weight: number | null;
    }[];
    /** Runs that trained the base and the adapters. */
    readonly parents: readonly string[];
  };
  /** One adapter in the layout of PEFT, or a mixture of the adapters with learnt gates. */
  readonly kind: "adapter" | "mixture";
  /** sha256 of the composed weights. */
  readonly weights: string;
  /** Empty for a mixture. */
  readonly layers: readonly LayerReport[];
  readonly search?: FoundWeights;
  readonly learnt?: Omit<Learnt, "composed" | "experts" | "routing">;
  readonly routing?: RoutingStatistics;
}

/** A composition with what it made. */
export interface Composed {
  readonly composition: Composition;
  readonly adapter: AnyAdapter;
  /** Keys of `adapter_config.json` that all adapters share. */
  readonly configJson: Readonly<Record<string, unknown>>;
  readonly base: NamedModel;
}

/** Composes adapters as a request says; writes nothing. All problems come in one error, with lines where known. */
export async function composeRequest(
  input: ComposeInput,
  context: CommandContext,
  lineOf: LineOf = () => undefined,
): Promise<Composed> {
  const request = parseComposeRequest(input, lineOf);
  try {
    return await composeParsed(request, context, lineOf);
  } catch (error) {
    if (!(error instanceof LawbookError) || error.problems.length === 0) throw error;
    throw composeProblems(error.problems, lineOf, error.hint);
  }
}

async function composeParsed(
  parsed: ComposeRequest,
  context: CommandContext,
  lineOf: LineOf,
): Promise<Composed> {
  const { root, home, cwd } = context;
  const store = openStore({ root, home });
  const device = findDevice(parsed.device);
  const request = { ...parsed, device: device.name };
  const base = findModel(request.base, root, store, request.seed, cwd);
  const { checkpoint } = base;
  if (checkpoint.adapter !== undefined)
    throw new LawbookError(
      "request",
      mismatch("base", `the mixture ${request.base}`, "a model without routers"),
    );
  const { search, learn, seed } = request;
  const place = { store, cwd, lineOf };
  const model = { config: checkpoint.config, sha256: base.sha256 };
  const adapters = readAdapters(
    request,
    model,
    place,
    learn?.kind === "cat" ? 1 / request.adapters.length : 1,
  );
  const setting = { request, root, device, checkpoint, adapters, context };
  const made = (
    adapter: AnyAdapter,
    weights: readonly (number | null)[],
    rest: Pick<Composition, "layers"> & Partial<Composition>,
  ): Composed => ({
    composition: {
      request,
      inputs: inputsOf(base, request, adapters, weights),
      kind: "adapter",
      weights: weightsDigest(adapter.weights),
      ...rest,
    },
    adapter,
    configJson: sharedKeys(adapters.map(({ configJson }) => configJson)),
    base,
  });
  if (learn !== undefined) {
    const { composed, experts, routing, ...learnt } = await learnComposition({
      ...setting,
      learn,
      tokenizer: tokenizerOf(base, request),
    });
    if (composed === undefined)
      return made(
        experts,
        adapters.map(() => null),
        { kind: "mixture", layers: [], learnt, ...(routing === undefined ? {} : { routing }) },
      );
    return made(
      { config: composed.lora, weights: composed.weights },
      adapters.map(() => null),
      { layers: composed.layers, learnt },
    );
  }
  const { method, rank, density, majority_sign_method: sign, convention } = request;
  const options = { method: method!, rank, density, sign, seed, convention };
  const found =
    search === undefined
      ? undefined
      : await searchComposition({ ...setting, search, options, tokenizer: tokenizerOf(base, request) });
  const weighted = adapters.map((adapter, index) => ({
    ...adapter,
    weight: found?.weights[index] ?? adapter.weight,
  }));
  const composed = composeAdapters(checkpoint.config, weighted, options);
  return made(
    { config: composed.lora, weights: composed.weights },
    weighted.map(({ weight }) => weight as number),
    { layers: composed.layers, ...(found === undefined ? {} : { search: found }) },
  );
}

function inputsOf(
  base: NamedModel,
  request: ComposeRequest,
  adapters: readonly FoundAdapter[],
  weights: readonly (number | null)[],
): Composition["inputs"] {
  return {
    base: { name: request.base, sha256: base.sha256 },
    adapters: adapters.map(({ name, sha256 }, index) => ({ name, sha256, weight: weights[index]! })),
    parents: [...new Set([base.parent, ...adapters.map(({ run }) => run)].filter((id) => id !== undefined))],
  };
}

function tokenizerOf({ checkpoint }: NamedModel, request: ComposeRequest): ReturnType<typeof loadTokenizer> {
  if (checkpoint.tokenizerFolder === undefined)
    throw new LawbookError("bad-file", `The model ${request.base} has no tokenizer.json.`);
  return loadTokenizer(checkpoint.tokenizerFolder);
}
