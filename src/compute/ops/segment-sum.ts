import { shapeError, type Tensor } from "../graph.js";
import { scatterAddRows } from "./gather.js";
import { reshape } from "./shape.js";

/** y_s = sum of the values whose segment is s, in the order of the values. values [M], segments int32 [M] in [0, count) -> y [count]. */
export function segmentSum(values: Tensor, segments: Tensor, count: number): Tensor {
  if (values.shape.length !== 1 || `${values.shape}` !== `${segments.shape}`)
    throw shapeError("segmentSum", [values, segments], "[M] and [M]");
  return reshape(scatterAddRows(segments, reshape(values, [values.shape[0]!, 1]), count), [count]);
}
