import { LawbookError } from "../core/errors.js";
import type { Tensor } from "./graph.js";
import { add } from "./ops/elementwise.js";

/**
 * Reverse-mode gradients: for a loss of no axes, d loss / d x for each x, as new nodes of the same graph.
 * Walks the calls backwards with each operation's own rule; calls that no x reaches are passed over.
 * Throws where an operation on the way has no rule or the loss does not depend on an x.
 */
export function differentiate(loss: Tensor, variables: readonly Tensor[]): Tensor[] {
  const graph = loss.graph;
  if (loss.shape.length !== 0)
    throw new LawbookError("internal", `The loss has shape [${loss.shape}], expected [].`);
  const reached = new Set<Tensor>(variables);
  const calls = graph.calls.filter((call) => {
    const hit = call.inputs.some((input) => reached.has(input));
    if (hit) call.outputs.forEach((output) => reached.add(output));
    return hit;
  });
  const gradients = new Map<Tensor, Tensor>([[loss, graph.scalar(1)]]);
  for (const call of calls.reverse()) {
    const outputGradients = call.outputs.map((output) => gradients.get(output));
    if (outputGradients.every((gradient) => gradient === undefined)) continue;
    const needs = call.inputs.map((input) => reached.has(input));
    if (call.operation.gradient === undefined) {
      throw new LawbookError("internal", `${call.operation.name} has no gradient.`);
    }
    const inputGradients = call.operation.gradient(call, outputGradients, needs);
    call.inputs.forEach((input, index) => {
      const gradient = inputGradients[index];
      if (gradient === undefined || !needs[index]) return;
      const before = gradients.get(input);
      gradients.set(input, before === undefined ? gradient : add(before, gradient));
    });
  }
  return variables.map((variable, index) => {
    const gradient = gradients.get(variable);
    if (gradient === undefined)
      throw new LawbookError("internal", `The loss does not depend on variable ${index}.`);
    return gradient;
  });
}
