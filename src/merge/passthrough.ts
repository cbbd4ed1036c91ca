import { combine } from "./gram.js";
import { type MergeMethod, numberOf } from "./method.js";

/**
 * One model as it is, or scaled: layers of several models can be stacked by slices.
 * Equation: y = scale x. Shapes: x [shape] -> y [shape]. Source: mergekit `passthrough`.
 */
export const passthrough: MergeMethod = {
  name: "passthrough",
  summary: "take tensors of one model",
  base: "ignored",
  models: { least: 1, most: 1 },
  parameters: [
    { name: "scale", kind: "number", scope: "model", default: 1, description: "factor for the tensor" },
  ],
  unchanged: ({ inputs: [only] }) => (only!.settings["scale"] === 1 ? only!.values : undefined),
  merge: ({ inputs: [only] }) => combine([only!.values], undefined, [[numberOf(only!.settings, "scale")]]),
};
