import type { Device } from "../../compute/device.js";
import { LawbookError } from "../../core/errors.js";
import { sum } from "../../core/math.js";
import type { Tokenizer } from "../../data/tokenizer.js";
import { type RoutingStatistics, routingStatistics } from "../../evaluate/routing.js";
import type { ComposedAdapter } from "../../merge/compose/compose.js";
import { frozenExperts, learntAdapter, learntWeights } from "../../merge/compose/frozen-experts.js";
import type { WeightedAdapter } from "../../merge/compose/layers.js";
import type { AnyAdapter } from "../../model/adapter-folder.js";
import type { Checkpoint } from "../../model/checkpoint.js";
import { flatSize, parameterGroups } from "../../train/groups.js";
import type { ProgressFolder } from "../../train/progress.js";
import { train } from "../../train/train.js";
import type { RunProgress } from "../execute.js";
import { prepareFeed } from "../feed.js";
import type { TrainRequest } from "../request.js";
import { parseTrainRequest } from "../schema.js";
import type { LearntReport } from "./report.js";
import type { ComposeRequest, LearnRequest } from "./request.js";
import { fewShotRows } from "./search.js";

/** What learning made of frozen adapters. */
export interface Learnt {
  /** The plain adapter of a `cat`; undefined for a gate. */
  readonly composed: ComposedAdapter | undefined;
  /** The mixture that was trained. */
  readonly experts: AnyAdapter;
  readonly report: LearntReport;
  /** sha256 of the ONNX bytes of the training step. */
  readonly graph: string;
  /** Tokens fed, without padding. */
  readonly tokens: number;
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
  readonly kept: ProgressFolder;
  readonly signal?: AbortSignal | undefined;
  readonly progress?: ((step: RunProgress) => void) | undefined;
}

/**
 * Trains the weights of layers, or the gates, of frozen adapters by the likelihood of answers. Killed or interrupted, the
 * same learning goes on from its last checkpoint to the same bytes.
 */
export async function learnComposition(setting: LearnSetting): Promise<Learnt> {
  const { learn, request, root, device, checkpoint, adapters, tokenizer, kept, signal, progress } = setting;
  const { config } = checkpoint;
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
    checkpoint: kept,
    signal,
    progress: (done, loss) => progress?.({ phase: "training", done, total: learn.steps, loss }),
  });
  if (!trained.finished) {
    throw new LawbookError("request", `The learnt composition diverged at step ${trained.losses.length}.`, {
      hint: "Lower learn.lr.",
    });
  }
  const mixture: AnyAdapter = { config: experts.config, weights: trained.weights };
  const parameters = sum(parameterGroups(settings).groups.map((group) => flatSize(group.parameters)));
  const report: LearntReport = { losses: trained.losses, parameters };
  const told = { experts: mixture, graph: trained.graphSha256, tokens: feed.tokens };
  if (learn.kind === "gate") {
    const rows = fewShotRows(root, learn.data, tokenizer, request.seed);
    const routing = await routingStatistics(device, { ...checkpoint, adapter: mixture }, rows);
    return { ...told, report, composed: undefined, routing };
  }
  const layerWeights = learntWeights(trained.weights, adapters).map((own) => Object.fromEntries(own));
  return {
    ...told,
    report: { ...report, layerWeights },
    composed: learntAdapter(config, adapters, trained.weights),
  };
}

/** The rows of a learnt composition are those of the training with the same data, steps and seed. */
function trainRequestOf(learn: LearnRequest, { base, seed, device }: ComposeRequest): TrainRequest {
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
