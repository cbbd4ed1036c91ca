import type { Device } from "../compute/device.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { mean } from "../core/math.js";
import type { Tokenizer } from "../data/tokenizer.js";
import { type RoutingStatistics, routingStatistics } from "../evaluate/routing.js";
import type { ComposedAdapter } from "../merge/compose/compose.js";
import { frozenExperts, learntAdapter, learntWeights } from "../merge/compose/frozen-experts.js";
import type { WeightedAdapter } from "../merge/compose/layers.js";
import type { AnyAdapter } from "../model/adapter-folder.js";
import type { Checkpoint } from "../model/checkpoint.js";
import { prepareFeed } from "../runs/feed.js";
import { parseTrainRequest } from "../runs/schema.js";
import { flatSize, parameterGroups } from "../train/groups.js";
import { train } from "../train/train.js";
import type { CommandContext } from "./command.js";
import type { ComposeRequest, LearnRequest } from "./compose-request.js";
import { fewShotRows } from "./compose-search.js";

/** What learning made of frozen adapters. */
export interface Learnt {
  /** The plain adapter of a `cat`; undefined for a gate. */
  readonly composed: ComposedAdapter | undefined;
  /** The mixture that was trained. */
  readonly experts: AnyAdapter;
  /** Loss of each step, nats per token. */
  readonly losses: readonly number[];
  /** Trained numbers. */
  readonly parameters: number;
  /** Learnt weights of each adapter by layer; undefined for a gate. */
  readonly layerWeights?: readonly Readonly<Record<string, number>>[];
  /** Where a gate sends the disciplines. */
  readonly routing?: RoutingStatistics | undefined;
}

/** What is learnt, and from what. */
export interface LearnSetting {
  readonly learn: LearnRequest;
  readonly request: ComposeRequest;
  readonly root: string;
  readonly device: Device;
  readonly checkpoint: Checkpoint;
  readonly adapters: readonly WeightedAdapter[];
  readonly tokenizer: Tokenizer;
  readonly context: Pick<CommandContext, "signal" | "progress">;
}

/** Trains the weights of layers, or the gates, of frozen adapters by the likelihood of answers. */
export async function learnComposition(setting: LearnSetting): Promise<Learnt> {
  const { learn, request, root, device, checkpoint, adapters, tokenizer, context } = setting;
  const { config } = checkpoint;
  if (learn.tokens > config.maxPositions) {
    throw new LawbookError(
      "request",
      mismatch(
        "learn.tokens",
        learn.tokens,
        `at most ${config.maxPositions}, the positions of ${request.base}`,
      ),
    );
  }
  const experts = frozenExperts(config, adapters, learn.kind);
  const feed = await prepareFeed(trainRequestOf(learn, request), { root, tokenizer, checkpoint, device });
  const settings = { config, adapter: experts.config, freeze: experts.freeze, decay: 0, clip: 1 };
  const trained = await train({
    ...settings,
    device,
    weights: checkpoint.weights,
    adapterWeights: experts.weights,
    feed: feed.feed,
    microBatches: 1,
    steps: learn.steps,
    lr: learn.lr,
    schedule: { kind: "constant", warmup: 0, floor: 0 },
    seed: request.seed,
    signal: context.signal,
    progress: (done, loss) =>
      context.progress({ phase: "training", done, total: learn.steps, values: { loss } }),
  }).catch(restartHint);
  if (!trained.finished) {
    throw new LawbookError("request", `The learnt composition diverged at step ${trained.losses.length}.`, {
      hint: "Lower learn.lr.",
    });
  }
  const mixture: AnyAdapter = { config: experts.config, weights: trained.weights };
  const parameters = parameterGroups(settings).groups.reduce(
    (total, group) => total + flatSize(group.parameters),
    0,
  );
  const told = { experts: mixture, losses: trained.losses, parameters };
  if (learn.kind === "gate") {
    const rows = fewShotRows(root, learn.data, tokenizer, request.seed);
    const routing = await routingStatistics(device, { ...checkpoint, adapter: mixture }, rows);
    return { ...told, composed: undefined, routing };
  }
  return {
    ...told,
    composed: learntAdapter(config, adapters, trained.weights),
    layerWeights: learntWeights(trained.weights, adapters).map((own) => Object.fromEntries(own)),
  };
}

/** An interrupted training says that it goes on: this one has no checkpoint. */
function restartHint(error: unknown): never {
  if (!(error instanceof LawbookError) || error.code !== "interrupted") throw error;
  throw new LawbookError("interrupted", error.message.split("\n")[0]!, {
    hint: "The same request starts anew.",
    data: error.data,
  });
}

/** The rows of a learnt composition are those of the training with the same data, steps and seed. */
function trainRequestOf(
  learn: LearnRequest,
  { base, seed, device }: ComposeRequest,
): ReturnType<typeof parseTrainRequest> {
  const { data, steps, batch, tokens } = learn;
  return parseTrainRequest({
    model: base,
    data,
    steps,
    batch,
    tokens,
    seed,
    device,
    schedule: { kind: "constant", warmup: 0 },
  });
}

/** Mean loss of the last tenth of the steps, nats per token. */
export function lastLoss(losses: readonly number[]): number {
  return mean(losses.slice(-Math.ceil(losses.length / 10)));
}
