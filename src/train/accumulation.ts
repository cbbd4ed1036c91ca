import type { Feeds } from "../compute/device.js";
import { Graph, type Tensor } from "../compute/graph.js";
import { add } from "../compute/ops/elementwise.js";
import { LawbookError, mismatch } from "../core/errors.js";
import { sum } from "../core/math.js";
import { batchFeeds, type PackedBatch } from "../data/batches.js";
import { flatSize, type ParameterGroup } from "./groups.js";
import { ADAMW, appendUpdates, clipGradients, stateName } from "./optimizer.js";
import { gradientGraph, type StepOptions, type TrainingStep } from "./step.js";

/**
 * What a target weighs in the loss of a step of several micro-batches: `tokens`, 1 / targets of all of them, so that the
 * step equals one of the whole batch; `micro-batches`, the mean of their means, which weighs the targets of a short
 * micro-batch more and is what trainers did before they counted targets across micro-batches.
 */
export type Normalization = "tokens" | "micro-batches";

/** Weight of one target per micro-batch, from their numbers of targets. Throws where there is no target at all. */
export function targetWeights(counts: readonly number[], normalization: Normalization = "tokens"): number[] {
  const total = sum(counts);
  if (total === 0) {
    throw new LawbookError("request", mismatch("Labels of a step", "all masked", "at least one that counts"));
  }
  return counts.map((count) =>
    normalization === "tokens" ? 1 / total : count === 0 ? 0 : 1 / (counts.length * count),
  );
}

/** What the gradient program reads of one micro-batch, each target with the given weight. */
export function microBatchFeeds(batch: PackedBatch, targets: number, weight: number): Feeds {
  const feeds = batchFeeds(batch, targets);
  return { ...feeds, weights: (feeds["weights"] as Float32Array).map((share) => (share === 0 ? 0 : weight)) };
}

/** Name of the vector that holds the summed gradient of a group. */
export function gradientName(group: string): string {
  return `g.${group}`;
}

/** Carries the sum of gradients from run to run: g' = g + dL/dp for each group; load zeros to start a step. */
export function appendAccumulation(
  graph: Graph,
  groups: readonly Pick<ParameterGroup, "name">[],
  gradients: readonly Tensor[],
): void {
  groups.forEach(({ name }, index) => {
    const gradient = gradients[index]!;
    const before = graph.input(gradientName(name), "float32", gradient.shape);
    graph.carry(gradientName(name), add(before, gradient));
  });
}

/**
 * The first program of an accumulating step: forward and gradient of one micro-batch. Inputs as of `trainingStep`, but
 * for the scalars of AdamW; parameters `p.<group>` are loaded, not carried. Output: `loss` []. Carried: `g.<group>`.
 */
export function gradientStep(options: StepOptions): TrainingStep {
  const step = gradientGraph(options, ["p"]);
  appendAccumulation(step.graph, step.groups, step.gradients);
  step.graph.output("loss", step.loss);
  return step;
}

/**
 * The second program: clipping by the global norm of the sums and AdamW. Inputs: `g.<group>` and the scalars of AdamW.
 * Output: `norm` []. Carried: p, m, v of each group.
 */
export function updateStep(
  groups: readonly ParameterGroup[],
  { clip, adam = ADAMW, radius }: Pick<StepOptions, "clip" | "adam" | "radius">,
): Graph {
  const graph = new Graph();
  const sums = groups.map(({ name, parameters }) => {
    const size = [flatSize(parameters)];
    for (const slot of ["p", "m", "v"] as const) graph.input(stateName(slot, name), "float32", size);
    return graph.input(gradientName(name), "float32", size);
  });
  const { norm, clipped } = clipGradients(sums, clip);
  appendUpdates(graph, groups, clipped, adam, radius);
  graph.output("norm", norm);
  return graph;
}
