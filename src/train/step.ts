import { differentiate } from "../compute/differentiate.js";
import { Graph, type Tensor } from "../compute/graph.js";
import { add } from "../compute/ops/elementwise.js";
import { gatherRows } from "../compute/ops/gather.js";
import { linearCrossEntropy } from "../compute/ops/linear-cross-entropy.js";
import {
  type AdaptedWeights,
  type AdapterConfig,
  adaptedWeights,
  gatesInput,
  unpackAdapted,
} from "../model/adapted.js";
import { type BalanceWeights, balanceLoss } from "../model/balance.js";
import { headName, type ModelConfig, type Parameter } from "../model/config.js";
import { decoder, decoderInput, frozenInput, plainWeights } from "../model/decoder.js";
import { maskedDropout } from "../model/dropout.js";
import { ADAMW, type AdamW, appendUpdates, clipGradients, stateName } from "./optimizer.js";
import { flatSize, type ParameterGroup, parameterGroups, type Rates } from "./groups.js";
import { preferenceInputs, preferenceLoss, type PreferenceOptions } from "./preference.js";

/** Fixed sizes of a step, or of one micro-batch of it. */
export interface StepShape {
  /** Packed lines, B. */
  readonly lines: number;
  /** Tokens of a line, T. */
  readonly tokens: number;
  /** Positions whose next token is scored, M. */
  readonly targets: number;
  /** Rows of the localised balance loss, S. */
  readonly samples?: number;
  /** Pairs of a preference objective, P. */
  readonly pairs?: number;
}

/** What is trained and how. */
export interface StepOptions {
  readonly config: ModelConfig;
  /** Undefined: every weight is trained. */
  readonly adapter?: AdapterConfig | undefined;
  /** Are the model's weights trained beside the adapter? */
  readonly joint?: boolean | undefined;
  /** Weights of the adapter that stay as they are, by a part of their names: `lora_A`, `lora_B3`, `lora_route`. */
  readonly freeze?: readonly string[] | undefined;
  readonly shape: StepShape;
  /** Undefined: the likelihood of the targets. */
  readonly preference?: PreferenceOptions | undefined;
  /** Losses on the routers of a mixture, added to the objective. */
  readonly balance?: BalanceWeights | undefined;
  /** Weight decay of matrices, >= 0. */
  readonly decay: number;
  /** Largest global gradient norm; 0 switches clipping off. */
  readonly clip: number;
  readonly rates?: Rates | undefined;
  /** Balls that the trained weights stay in, see `appendUpdates`. */
  readonly radius?: { readonly weights?: number; readonly adapters?: number } | undefined;
  readonly adam?: AdamW | undefined;
}

/** One training step as a graph: forward, gradient, clipping and AdamW. */
export interface TrainingStep {
  readonly graph: Graph;
  readonly groups: readonly ParameterGroup[];
  /** Weights of the adapter that are fed and not trained. */
  readonly frozen: readonly Parameter[];
  /** d loss / d parameters before clipping, per group; part of the graph, not an output of the step. */
  readonly gradients: readonly Tensor[];
  readonly loss: Tensor;
}

/** Name of the flat input of an adapter's frozen weights. */
export const FROZEN_ADAPTER = "frozenAdapter";

/**
 * Builds the graph of a step. Inputs: ids, positions, bias (see `decoderInput`), `targets` int32 [M] (flat positions),
 * `labels` int32 [M], `weights` [M] (0 for padding; they sum to 1 for a mean), and the scalars of AdamW per group; with
 * pairs those of `preferenceInputs`, with balance losses `valid` [B*T] (1 for tokens of rows) and, for the localised
 * one, `membership` [S, B*T] and `sampleTypes` [S].
 * Outputs: `loss` [], `norm` [] (global gradient norm before clipping). Carried: p, m, v of each group.
 */
export function trainingStep(options: StepOptions): TrainingStep {
  const step = gradientGraph(options, ["p", "m", "v"]);
  const { graph, groups, gradients, loss } = step;
  const { norm, clipped } = clipGradients(gradients, options.clip);
  appendUpdates(graph, groups, clipped, options.adam ?? ADAMW, options.radius);
  graph.output("loss", loss);
  graph.output("norm", norm);
  return step;
}

/**
 * Forward pass and gradient alone, on inputs as in `trainingStep`. `slots`: the state vectors that are declared for each
 * group, `p` first. The graph has no outputs yet.
 */
export function gradientGraph(options: StepOptions, slots: readonly ("p" | "m" | "v")[]): TrainingStep {
  const { config, adapter, shape } = options;
  const graph = new Graph();
  const { groups, frozen } = parameterGroups(options);
  const trained = new Map<string, Tensor>();
  const flats = groups.map((group) => {
    const size = [flatSize(group.parameters)];
    const [flat] = slots.map((slot) => graph.input(stateName(slot, group.name), "float32", size));
    unpackAdapted(flat!, group.parameters, adapter).forEach((tensor, name) => trained.set(name, tensor));
    return flat!;
  });
  if (frozen.length > 0) {
    const flat = graph.input(FROZEN_ADAPTER, "float32", [flatSize(frozen)]);
    unpackAdapted(flat, frozen, adapter).forEach((tensor, name) => trained.set(name, tensor));
  }
  const weights: AdaptedWeights =
    adapter === undefined
      ? { ...plainWeights(trained), routes: [] }
      : adaptedWeights(options.joint === true ? trained : frozenInput(graph, config), trained, adapter, {
          dropout: (adapter.dropout ?? 0) > 0 ? maskedDropout : undefined,
          gates: gatesInput(graph, adapter, shape.lines * shape.tokens),
        });
  const hidden = decoder(config, weights, decoderInput(graph, shape.lines, shape.tokens));
  const objective = appendObjective(graph, hidden, weights.get(headName(config)), options);
  const balance = appendBalance(graph, weights, options);
  const loss = balance === undefined ? objective : add(objective, balance);
  return { graph, groups, frozen, gradients: differentiate(loss, flats), loss };
}

function appendObjective(
  graph: Graph,
  hidden: Tensor,
  head: Tensor,
  { shape: { lines, tokens, targets, pairs }, preference }: StepOptions,
): Tensor {
  const chosen =
    targets === lines * tokens ? hidden : gatherRows(hidden, graph.input("targets", "int32", [targets]));
  const labels = graph.input("labels", "int32", [targets]);
  const weights = graph.input("weights", "float32", [targets]);
  const entropy = linearCrossEntropy(chosen, head, labels, weights);
  if (preference === undefined) return entropy.loss;
  return preferenceLoss(entropy, preferenceInputs(graph, { targets, pairs: pairs! }, preference), preference)
    .loss;
}

function appendBalance(
  graph: Graph,
  { routes }: AdaptedWeights,
  { balance, shape: { lines, tokens, samples } }: StepOptions,
): Tensor | undefined {
  if (balance === undefined || routes.length === 0) return undefined;
  const { auxiliary = 0, squaredVariation = 0, routerZ = 0, localised } = balance;
  const localisedWeight = localised?.weight ?? 0;
  if (auxiliary + squaredVariation + routerZ + localisedWeight === 0) return undefined;
  const positions = lines * tokens;
  const overTokens = auxiliary + squaredVariation + routerZ > 0;
  return balanceLoss(
    routes,
    balance,
    overTokens ? graph.input("valid", "float32", [positions]) : undefined,
    localisedWeight > 0
      ? {
          membership: graph.input("membership", "float32", [samples!, positions]),
          types: graph.input("sampleTypes", "float32", [samples!]),
        }
      : undefined,
  );
}
