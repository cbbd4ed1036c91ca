import type { Tensor } from "../compute/graph.js";
import { concat, reshape, split, transpose } from "../compute/ops/shape.js";
import { product } from "../core/math.js";
import type { Parameter } from "./config.js";

/** A matrix that each expert of a layer has. */
type Part = "lora_A" | "lora_B";

const EXPERT = /^(.*)\.(lora_[AB])(\d+)\.weight$/;

function expertName(layer: string, part: Part, expert: number): string {
  return `${layer}.${part}${expert}.weight`;
}

/** Name of the matrices of all experts of a layer as one tensor. */
function stackName(layer: string, part: Part): string {
  return `${layer}.${part}*.weight`;
}

/**
 * Parameters of one flat vector, with the matrices of a layer's experts as one where all E stand there behind one another:
 * E matrices A [r, in] as [E r, in], E matrices B [out, r] as [E, out, r]. The numbers of the vector keep their places.
 */
export function stackExperts(parameters: readonly Parameter[], experts: number): Parameter[] {
  const stacked: Parameter[] = [];
  for (let at = 0; at < parameters.length;) {
    const parameter = parameters[at]!;
    const [, layer, part, number] = EXPERT.exec(parameter.name) ?? [];
    const all = Array.from({ length: experts }, (_, e) => expertName(layer ?? "", part as Part, e));
    if (number === "0" && all.every((name, e) => parameters[at + e]?.name === name)) {
      const [rows, columns] = parameter.shape as [number, number];
      const shape = part === "lora_A" ? [experts * rows, columns] : [experts, rows, columns];
      stacked.push({ name: stackName(layer!, part as Part), shape });
      at += experts;
    } else {
      stacked.push(parameter);
      at++;
    }
  }
  return stacked;
}

/** Cuts one flat vector into the weights of a mixture, experts together where `stackExperts` puts them together. */
export function unpackExperts(
  flat: Tensor,
  parameters: readonly Parameter[],
  experts: number,
): Map<string, Tensor> {
  const stacked = stackExperts(parameters, experts);
  const pieces = split(
    flat,
    stacked.map(({ shape }) => product(shape)),
    0,
  );
  // onnxruntime first goes for the gradient that was appended last. Here this is the one of the last layer, the first that
  // the way back reaches: each layer's then follow at once, and what they read need not be kept until the end.
  const last = stacked.map(({ name, shape }, at) => ({ name, shape, piece: pieces[at]! })).reverse();
  return new Map(last.map(({ name, shape, piece }) => [name, reshape(piece, shape)]));
}

/** Has a layer experts with matrices A of their own? */
export function hasExperts(adapter: ReadonlyMap<string, Tensor>, layer: string): boolean {
  return adapter.has(expertName(layer, "lora_A", 0)) || adapter.has(stackName(layer, "lora_A"));
}

/** All A of a layer below one another, [E r, in], or all B beside one another, [out, E r]. */
export function allExperts(
  adapter: ReadonlyMap<string, Tensor>,
  layer: string,
  part: Part,
  experts: number,
): Tensor {
  const stack = adapter.get(stackName(layer, part));
  if (stack === undefined) {
    const single = Array.from({ length: experts }, (_, e) => adapter.get(expertName(layer, part, e))!);
    return concat(single, part === "lora_A" ? 0 : 1);
  }
  if (part === "lora_A") return stack;
  const [, out, rank] = stack.shape as [number, number, number];
  return reshape(transpose(stack, [1, 0, 2]), [out, experts * rank]);
}
