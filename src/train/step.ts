import { differentiate } from "../compute/differentiate.js";
import { Graph, type Tensor } from "../compute/graph.js";
import { gatherRows } from "../compute/ops/gather.js";
import { linearCrossEntropy } from "../compute/ops/linear-cross-entropy.js";
import { product } from "../core/math.js";
import { headName, type ModelConfig, type Parameter, parametersOf } from "../model/config.js";
import { decoder, decoderInput, frozenInput, plainWeights, unpack } from "../model/decoder.js";
import { type LoraConfig, loraParameters, loraWeights } from "../model/lora.js";
import { ADAMW, type AdamW, appendAdamW, clipGradients, stateName } from "./optimizer.js";

/** Fixed sizes of a step. */
export interface StepShape {
  /** Packed lines, B. */
  readonly lines: number;
  /** Tokens of a line, T. */
  readonly tokens: number;
  /** Positions whose next token is scored, M. */
  readonly targets: number;
}

/** Parameters that share a decay, as one flat vector. */
export interface ParameterGroup {
  readonly name: string;
  readonly decay: number;
  readonly parameters: readonly Parameter[];
}

/** What is trained and how. */
export interface StepOptions {
  readonly config: ModelConfig;
  /** Undefined: every weight is trained. */
  readonly lora?: LoraConfig | undefined;
  readonly shape: StepShape;
  /** Weight decay of matrices, >= 0. */
  readonly decay: number;
  /** Largest global gradient norm; 0 switches clipping off. */
  readonly clip: number;
  readonly adam?: AdamW;
}

/** Groups of trainable parameters: matrices decay, vectors do not; one group where nothing decays. */
export function parameterGroups({ config, lora, decay }: StepOptions): ParameterGroup[] {
  const parameters = lora === undefined ? parametersOf(config) : loraParameters(config, lora);
  if (decay === 0) return [{ name: "all", decay: 0, parameters }];
  return [
    { name: "matrices", decay, parameters: parameters.filter(({ shape }) => shape.length > 1) },
    { name: "vectors", decay: 0, parameters: parameters.filter(({ shape }) => shape.length === 1) },
  ].filter((group) => group.parameters.length > 0);
}

/** One training step as a graph: forward, gradient, clipping and AdamW. */
export interface TrainingStep {
  readonly graph: Graph;
  readonly groups: readonly ParameterGroup[];
  /** d loss / d parameters before clipping, per group; part of the graph, not an output of the step. */
  readonly gradients: readonly Tensor[];
  readonly loss: Tensor;
}

/**
 * Builds the graph of a step. Inputs: ids, positions, bias (see `decoderInput`), `targets` int32 [M] (flat positions),
 * `labels` int32 [M], `weights` [M] (0 for padding; they sum to 1 for a mean), and the scalars of AdamW per group.
 * Outputs: `loss` [], `norm` [] (global gradient norm before clipping). Carried: p, m, v of each group.
 */
export function trainingStep(options: StepOptions): TrainingStep {
  const { graph, groups, gradients, loss } = gradientGraph(options, ["p", "m", "v"]);
  const { norm, clipped } = clipGradients(gradients, options.clip);
  groups.forEach((group, index) => appendAdamW(graph, group.name, clipped[index]!, options.adam ?? ADAMW));
  graph.output("loss", loss);
  graph.output("norm", norm);
  return { graph, groups, gradients, loss };
}

/**
 * Forward pass and gradient alone, on inputs as in `trainingStep`. `slots`: the state vectors that are declared for each
 * group, `p` first. The graph has no outputs yet.
 */
export function gradientGraph(options: StepOptions, slots: readonly ("p" | "m" | "v")[]): TrainingStep {
  const { config, lora, shape } = options;
  const graph = new Graph();
  const groups = parameterGroups(options);
  const trained = new Map<string, Tensor>();
  const flats = groups.map((group) => {
    const size = flatSize(group);
    const [flat] = slots.map((slot) => graph.input(stateName(slot, group.name), "float32", [size]));
    unpack(flat!, group.parameters).forEach((tensor, name) => trained.set(name, tensor));
    return flat!;
  });
  const base = lora === undefined ? trained : frozenInput(graph, config);
  const weights = lora === undefined ? plainWeights(trained) : loraWeights(base, trained, lora);
  const hidden = decoder(config, weights, decoderInput(graph, shape.lines, shape.tokens));
  const loss = appendLoss(graph, hidden, weights.get(headName(config)), shape);
  return { graph, groups, gradients: differentiate(loss, flats), loss };
}

/** Elements of a group's flat vector. */
export function flatSize({ parameters }: Pick<ParameterGroup, "parameters">): number {
  return parameters.reduce((total, { shape }) => total + product(shape), 0);
}

function appendLoss(
  graph: Graph,
  hidden: Tensor,
  head: Tensor,
  { lines, tokens, targets }: StepShape,
): Tensor {
  const chosen =
    targets === lines * tokens ? hidden : gatherRows(hidden, graph.input("targets", "int32", [targets]));
  const labels = graph.input("labels", "int32", [targets]);
  const weights = graph.input("weights", "float32", [targets]);
  return linearCrossEntropy(chosen, head, labels, weights).loss;
}
