import type { Tensor } from "../compute/graph.js";
import { divide, multiply } from "../compute/ops/elementwise.js";
import { reduceSum } from "../compute/ops/reduce.js";
import { largestExperts, nucleusExperts, withinCapacity } from "../compute/ops/router.js";
import { expand, reshape } from "../compute/ops/shape.js";
import { softmax } from "../compute/ops/softmax.js";
import { LawbookError } from "../core/errors.js";
import type { Route } from "./balance.js";

/**
 * How tokens reach experts. `dense`: softmax over all. `top-k`: the k most probable, renormalised. `top-p`: the most
 * probable ones that together reach p, renormalised. `switch`: the most probable one, times its probability; with a
 * capacity, each expert takes only that many tokens of a step, in their order. `labels`: each label has its expert, from 0.
 * `constant`: one learnt weight a layer and expert, any number, the same for all tokens.
 */
export type Routing =
  | { readonly kind: "dense" }
  | { readonly kind: "top-k"; readonly k: number }
  | { readonly kind: "top-p"; readonly p: number }
  | { readonly kind: "switch"; readonly capacity?: number | undefined }
  | { readonly kind: "labels"; readonly experts: Readonly<Record<string, number>> }
  | { readonly kind: "constant" };

/** Routes tokens by p = softmax(logits). logits [N, E] -> gates [N, E]. */
export function routeTokens(name: string, logits: Tensor, routing: Routing): Route {
  const probabilities = softmax(logits);
  const [rows] = probabilities.shape as [number];
  const renormalised = (chosen: Tensor): Tensor => {
    const kept = multiply(probabilities, chosen);
    return divide(kept, reshape(reduceSum(kept, [1]), [rows, 1]));
  };
  const made = (chosen: Tensor | undefined, gates: Tensor): Route => ({
    name,
    logits,
    probabilities,
    chosen,
    gates,
  });
  switch (routing.kind) {
    case "top-k": {
      const chosen = largestExperts(probabilities, routing.k);
      return made(chosen, renormalised(chosen));
    }
    case "top-p": {
      const chosen = nucleusExperts(probabilities, routing.p);
      return made(chosen, renormalised(chosen));
    }
    case "switch": {
      const chosen = largestExperts(probabilities, 1);
      const taken = routing.capacity === undefined ? chosen : withinCapacity(chosen, routing.capacity);
      return made(chosen, multiply(probabilities, taken));
    }
    default:
      return made(undefined, probabilities);
  }
}

/** Routes tokens by given gates, [N, E]. */
export function routeByLabels(name: string, gates: Tensor | undefined): Route {
  if (gates === undefined)
    throw new LawbookError("internal", `${name} is routed by labels that were not given.`);
  return { name, logits: undefined, probabilities: gates, chosen: undefined, gates };
}

/** Sends N tokens to all experts with the same learnt weights. weights [E] -> gates [N, E]. */
export function routeByWeights(name: string, weights: Tensor, tokens: number): Route {
  const [experts] = weights.shape as [number];
  const gates = expand(reshape(weights, [1, experts]), [tokens, experts]);
  return { name, logits: undefined, probabilities: gates, chosen: undefined, gates };
}
