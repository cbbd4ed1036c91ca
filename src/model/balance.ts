import type { Tensor } from "../compute/graph.js";
import { add, divide, multiply, subtract } from "../compute/ops/elementwise.js";
import { matmul } from "../compute/ops/matmul.js";
import { reduceSum, sumOfSquares } from "../compute/ops/reduce.js";
import { logSumExp } from "../compute/ops/router.js";
import { reshape } from "../compute/ops/shape.js";
import { LawbookError } from "../core/errors.js";

/** What one router did with N tokens and E experts. */
export interface Route {
  /** The adapted layer, or the feed-forward block, that the router belongs to. */
  readonly name: string;
  /** Router outputs before the softmax, [N, E]; undefined where labels route. */
  readonly logits: Tensor | undefined;
  /** Softmax of the logits, [N, E]; the labels' shares where labels route. */
  readonly probabilities: Tensor;
  /** 1 for the experts that a token is sent to, else 0, [N, E]; undefined where every token goes to all. */
  readonly chosen: Tensor | undefined;
  /** The factors on the experts' outputs, [N, E]. */
  readonly gates: Tensor;
}

/** Keeps a near-zero mean from dividing: added to its square. */
const TINY = 1e-10;

/**
 * Auxiliary loss E sum_e F_e P_e over all routers together: F_e is the share of tokens sent to e (their mean gate where
 * every token goes to all), P_e the mean probability. Perfect balance gives 1, with k experts a token k.
 * `valid` [N] is 1 for tokens that count. -> []. Source: Fedus et al. 2022, eq. 4, summed over slots as in Mixtral.
 */
export function auxiliaryLoss(routes: readonly Route[], valid?: Tensor): Tensor {
  const experts = routes[0]!.gates.shape[1]!;
  const share = average(routes.map(({ chosen, gates }) => meanOverTokens(chosen ?? gates, valid)));
  const probability = average(routes.map(({ probabilities }) => meanOverTokens(probabilities, valid)));
  const scale = share.graph.scalar(experts);
  return multiply(scale, reduceSum(multiply(share, probability), [0]));
}

/**
 * Squared coefficient of variation var(z) / (mean(z)^2 + 1e-10) of the experts' summed gates z, unbiased variance, summed
 * over routers. Perfect balance gives 0. -> []. Source: Shazeer et al. 2017, eq. 6.
 */
export function squaredVariationLoss(routes: readonly Route[], valid?: Tensor): Tensor {
  return routes.map(({ gates }) => variation(sumOverTokens(gates, valid))).reduce(add);
}

/** Which sample a token belongs to and which kind of task a sample is. */
export interface Samples {
  /** 1 where token n belongs to sample s, else 0, [S, N]. */
  readonly membership: Tensor;
  /** Kind of task of each sample, 0 or 1, [S]. */
  readonly types: Tensor;
}

/**
 * Localised balance: var(Z) / (mean(Z)^2 + 1e-10) with Z_se = I_se sum of gates of sample s; I is 1 + delta where the kind
 * of task and the half of the experts agree (kind 1, first half), else 1 - delta; summed over routers. delta in [0, 1].
 * Source: Dou et al. 2024, section 3.2, with the square of the mean as in the authors' code.
 */
export function localisedLoss(
  routes: readonly Route[],
  { membership, types }: Samples,
  delta: number,
): Tensor {
  const { graph } = types;
  const [samples] = types.shape as [number];
  const experts = routes[0]!.gates.shape[1]!;
  const half = Float32Array.from({ length: experts }, (_, expert) => (2 * expert < experts ? delta : -delta));
  const sign = subtract(multiply(types, graph.scalar(2)), graph.scalar(1));
  const agreement = multiply(reshape(sign, [samples, 1]), graph.constant([1, experts], half));
  const importance = add(agreement, graph.scalar(1));
  return routes
    .map(({ gates }) =>
      variation(reshape(multiply(matmul(membership, gates), importance), [samples * experts])),
    )
    .reduce(add);
}

/** Router z-loss: mean over tokens and routers of (ln sum_e e^logit)^2. -> []. Source: Zoph et al. 2022, eq. 5. */
export function routerZLoss(routes: readonly Route[], valid?: Tensor): Tensor {
  const squares = routes.flatMap(({ logits }) => {
    if (logits === undefined) return [];
    const z = logSumExp(logits);
    return [meanOverTokens(reshape(multiply(z, z), [z.shape[0]!, 1]), valid)];
  });
  return reshape(average(squares), []);
}

/** Weights of the balance losses, each >= 0; what is left out is not computed. */
export interface BalanceWeights {
  readonly auxiliary?: number | undefined;
  readonly squaredVariation?: number | undefined;
  readonly localised?: { readonly weight: number; readonly delta: number } | undefined;
  readonly routerZ?: number | undefined;
}

/** Weighted sum of the balance losses; undefined where none has a weight. `samples` is for the localised loss alone. */
export function balanceLoss(
  routes: readonly Route[],
  weights: BalanceWeights,
  valid?: Tensor,
  samples?: Samples,
): Tensor | undefined {
  const terms: Tensor[] = [];
  const term = (weight: number | undefined, loss: () => Tensor): void => {
    if (weight === undefined || weight === 0 || routes.length === 0) return;
    const value = loss();
    terms.push(multiply(value, value.graph.scalar(weight)));
  };
  term(weights.auxiliary, () => auxiliaryLoss(routes, valid));
  term(weights.squaredVariation, () => squaredVariationLoss(routes, valid));
  term(weights.routerZ, () => routerZLoss(routes, valid));
  term(weights.localised?.weight, () => {
    if (samples === undefined)
      throw new LawbookError("internal", "The localised loss needs samples and types.");
    return localisedLoss(routes, samples, weights.localised!.delta);
  });
  return terms.length === 0 ? undefined : terms.reduce(add);
}

/** Sum of rows. x [N, E] -> [E]. */
function sumOverTokens(x: Tensor, valid: Tensor | undefined): Tensor {
  const [rows, width] = x.shape as [number, number];
  const ones = valid ?? x.graph.constant([rows], new Float32Array(rows).fill(1));
  return reshape(matmul(reshape(ones, [1, rows]), x), [width]);
}

function meanOverTokens(x: Tensor, valid: Tensor | undefined): Tensor {
  const total = sumOverTokens(x, valid);
  return divide(total, valid === undefined ? x.graph.scalar(x.shape[0]!) : reduceSum(valid, [0]));
}

function average(values: readonly Tensor[]): Tensor {
  const total = values.reduce(add);
  return values.length === 1 ? total : divide(total, total.graph.scalar(values.length));
}

/** Unbiased variance over the squared mean. z [n] -> []. */
function variation(z: Tensor): Tensor {
  const { graph } = z;
  const [count] = z.shape as [number];
  const mean = divide(reduceSum(z, [0]), graph.scalar(count));
  const variance = divide(sumOfSquares(subtract(z, mean)), graph.scalar(count - 1));
  return divide(variance, add(multiply(mean, mean), graph.scalar(TINY)));
}
