import type { Graph, Tensor } from "../compute/graph.js";
import { add, divide, multiply, subtract } from "../compute/ops/elementwise.js";
import type { CrossEntropy } from "../compute/ops/linear-cross-entropy.js";
import { log1mexp } from "../compute/ops/log1mexp.js";
import { logSigmoid } from "../compute/ops/log-sigmoid.js";
import { reduceSum } from "../compute/ops/reduce.js";
import { relu } from "../compute/ops/relu.js";
import { segmentSum } from "../compute/ops/segment-sum.js";
import { split } from "../compute/ops/shape.js";
import { LawbookError, mismatch, unknownName } from "../core/errors.js";

/** Names of the DPO losses; "sigmoid" with smoothing is cDPO, "sigmoid_norm" reads averages per token. */
export const DPO_LOSSES = ["sigmoid", "sigmoid_norm", "robust", "hinge", "ipo"] as const;

/** DPO: which loss of the difference of log-ratios. */
export interface DpoOptions {
  readonly kind: "dpo";
  readonly loss: (typeof DPO_LOSSES)[number];
  /** How far the policy may go from the reference policy, > 0. */
  readonly beta: number;
  /** Probability that a pair was labelled the wrong way round, in [0, 0.5). */
  readonly smoothing: number;
  /**
   * "paper": "sigmoid" and "sigmoid_norm" honour the smoothing, "ipo" reads sums. "trl": they ignore it, as "hinge" and
   * "ipo" do, and "ipo" reads averages per token.
   */
  readonly convention: "paper" | "trl";
}

/** ORPO: negative log-likelihood of the chosen answers and the odds of both. */
export interface OrpoOptions {
  readonly kind: "orpo";
  /** Weight of the odds-ratio term, > 0; lambda in the paper. */
  readonly beta: number;
  /**
   * "full": over prompt and answer, a mean over the tokens of the batch, as in TRL. "completion": over the answer, a mean
   * per row and then over rows, as in the paper.
   */
  readonly nll: "full" | "completion";
}

/** An objective over pairs of a chosen and a rejected answer. */
export type PreferenceOptions = DpoOptions | OrpoOptions;

/** Throws `request` with the first thing that is wrong with the options. */
export function checkPreference(options: PreferenceOptions): void {
  if (!(options.beta > 0 && Number.isFinite(options.beta)))
    throw new LawbookError("request", mismatch("beta", options.beta, "a finite number above 0"));
  if (options.kind === "orpo") return;
  const { loss, smoothing, convention } = options;
  if (!DPO_LOSSES.includes(loss)) throw unknownName("DPO loss", loss, DPO_LOSSES);
  if (!(smoothing >= 0 && smoothing < 0.5))
    throw new LawbookError("request", mismatch("smoothing", smoothing, "a number in [0, 0.5)"));
  if (smoothing > 0 && convention === "paper" && (loss === "hinge" || loss === "ipo")) {
    throw new LawbookError("request", mismatch(`smoothing of the loss ${loss}`, smoothing, "0"), {
      hint: "sigmoid, sigmoid_norm and robust have a smoothed form.",
    });
  }
}

/** What a preference loss reads beside the scores, with M targets in 2P rows: the P chosen ones, then the P rejected. */
export interface PreferenceInputs {
  /** Row of each target, int32 [M] in [0, 2P). */
  readonly targetRows: Tensor;
  /** 1 where the target is a token of an answer; 0 in a prompt and in padding, [M]. */
  readonly completion: Tensor;
  /** Tokens of each answer; 1 for a row of padding, [2P]. */
  readonly lengths: Tensor;
  /** Weight of each pair: 1/P for a mean, 0 for padding, [P]. */
  readonly pairWeights: Tensor;
  /** Sum of ln p of each answer under the reference policy, [2P]; undefined for ORPO. */
  readonly reference: Tensor | undefined;
}

/** Declares the inputs `targetRows`, `completion`, `lengths`, `pairWeights` and, for DPO, `reference`. */
export function preferenceInputs(
  graph: Graph,
  { targets, pairs }: { readonly targets: number; readonly pairs: number },
  { kind }: Pick<PreferenceOptions, "kind">,
): PreferenceInputs {
  return {
    targetRows: graph.input("targetRows", "int32", [targets]),
    completion: graph.input("completion", "float32", [targets]),
    lengths: graph.input("lengths", "float32", [2 * pairs]),
    pairWeights: graph.input("pairWeights", "float32", [pairs]),
    reference: kind === "dpo" ? graph.input("reference", "float32", [2 * pairs]) : undefined,
  };
}

/** A preference loss and what it was made of. */
export interface PreferenceLoss {
  /** What is minimised, of no axes. */
  readonly loss: Tensor;
  /** Sum of ln p of each answer, nats, [2P]. */
  readonly logProbabilities: Tensor;
  /** beta (ln p - ln p of the reference policy) of each answer, [2P]; undefined for ORPO. */
  readonly rewards: Tensor | undefined;
  /** What the loss wants large, [P]: the difference of log-ratios (DPO) or the log of the odds ratio (ORPO). */
  readonly margins: Tensor;
  /** Loss of each pair, [P]: the DPO loss, or -ln sigmoid(log odds ratio), without beta and likelihood (ORPO). */
  readonly pairLoss: Tensor;
  /** Weighted negative log-likelihood, of no axes; undefined for DPO. */
  readonly nll: Tensor | undefined;
}

/** Appends the loss over pairs to the scores of their tokens; `entropy.loss` is the likelihood term of ORPO. */
export function preferenceLoss(
  entropy: Pick<CrossEntropy, "loss" | "rowLoss">,
  inputs: PreferenceInputs,
  options: PreferenceOptions,
): PreferenceLoss {
  checkPreference(options);
  const graph = entropy.rowLoss.graph;
  const counted = multiply(entropy.rowLoss, inputs.completion);
  const sums = segmentSum(counted, inputs.targetRows, inputs.lengths.shape[0]!);
  const logProbabilities = multiply(sums, graph.scalar(-1)); // [M] -> [2P]
  return options.kind === "dpo"
    ? dpo(logProbabilities, inputs, options)
    : orpo(logProbabilities, entropy.loss, inputs, options);
}

/**
 * With r = ln p - ln p_ref per answer, D = r_chosen - r_rejected, z = beta D, smoothing e, as sums or, for "sigmoid_norm"
 * and TRL's "ipo", averages over the tokens of an answer:
 * sigmoid: -(1 - e) ln s(z) - e ln s(-z);  robust: (-(1 - e) ln s(z) + e ln s(-z)) / (1 - 2e);  hinge: max(0, 1 - z);
 * ipo: (D - 1/(2 beta))^2. The loss is the weighted sum over pairs. ln s(-z) = ln s(z) - z saves the second logarithm.
 * Sources: Rafailov et al. 2023, eq. 7; Mitchell 2023 (cDPO); Chowdhury et al. 2024 (robust); Zhao et al. 2023 (hinge);
 * Azar et al. 2023, eq. 17 (ipo); Lambert et al. 2024 (length-normalised).
 */
function dpo(
  logProbabilities: Tensor,
  { lengths, pairWeights, reference }: PreferenceInputs,
  { loss, beta, smoothing, convention }: DpoOptions,
): PreferenceLoss {
  const graph = lengths.graph;
  const ratios = subtract(logProbabilities, reference!);
  const averaged = loss === "sigmoid_norm" || (loss === "ipo" && convention === "trl");
  const margins = difference(averaged ? divide(ratios, lengths) : ratios);
  const scaled = multiply(margins, graph.scalar(beta));
  const smooth = (slope: number): Tensor =>
    slope === 0
      ? multiply(logSigmoid(scaled), graph.scalar(-1))
      : subtract(multiply(scaled, graph.scalar(slope)), logSigmoid(scaled));
  const pairLoss = ((): Tensor => {
    switch (loss) {
      case "sigmoid":
      case "sigmoid_norm":
        return smooth(convention === "trl" ? 0 : smoothing);
      case "robust":
        return smooth(-smoothing / (1 - 2 * smoothing));
      case "hinge":
        return relu(subtract(graph.scalar(1), scaled));
      case "ipo": {
        const distance = subtract(margins, graph.scalar(1 / (2 * beta)));
        return multiply(distance, distance);
      }
    }
  })();
  return {
    loss: weighted(pairLoss, pairWeights),
    logProbabilities,
    rewards: multiply(ratios, graph.scalar(beta)),
    margins,
    pairLoss,
    nll: undefined,
  };
}

/**
 * L = NLL - beta sum_p w_p ln s(D_p), D = (l_c - l_r) - (ln(1 - e^l_c) - ln(1 - e^l_r)), with l the mean ln p of an answer's
 * tokens. Deviation: l counts as at most -1e-6 inside ln(1 - e^l). Source: Hong et al. 2024.
 */
function orpo(
  logProbabilities: Tensor,
  nll: Tensor,
  { lengths, pairWeights }: PreferenceInputs,
  { beta }: OrpoOptions,
): PreferenceLoss {
  const graph = lengths.graph;
  const means = divide(logProbabilities, lengths);
  const margins = difference(subtract(means, log1mexp(means)));
  const pairLoss = multiply(logSigmoid(margins), graph.scalar(-1));
  const preference = multiply(weighted(pairLoss, pairWeights), graph.scalar(beta));
  return { loss: add(nll, preference), logProbabilities, rewards: undefined, margins, pairLoss, nll };
}

/** Chosen minus rejected. [2P] -> [P]. */
function difference(rows: Tensor): Tensor {
  const pairs = rows.shape[0]! / 2;
  const [chosen, rejected] = split(rows, [pairs, pairs], 0);
  return subtract(chosen!, rejected!);
}

function weighted(pairLoss: Tensor, weights: Tensor): Tensor {
  return reduceSum(multiply(pairLoss, weights), [0]);
}
