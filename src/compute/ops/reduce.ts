import { operation, type Tensor } from "../graph.js";
import { add, multiply } from "./elementwise.js";
import { expand, reshape } from "./shape.js";

const sumOperation = operation<{ readonly axes: readonly number[] }>("reduceSum", {
  infer: ([x], { axes }) => [{ type: "float32", shape: x!.shape.filter((_, axis) => !axes.includes(axis)) }],
  gradient: ({ inputs: [x], attributes: { axes } }, [dy]) => {
    const kept = x!.shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return [expand(reshape(dy!, kept), x!.shape)];
  },
  onnx: (emit, [x], outputs, { attributes: { axes } }) =>
    emit.node("ReduceSum", [x!, emit.integers(axes)], outputs, { keepdims: 0 }),
  tfjs: (tf, [x], { attributes: { axes } }) => [tf.sum(x!, [...axes])],
});

/** Sum over the given axes (0-based), which disappear from the shape. */
export function reduceSum(x: Tensor, axes: readonly number[]): Tensor {
  return sumOperation([x], { axes })[0]!;
}

const squaresOperation = operation<Record<string, never>>("sumOfSquares", {
  infer: () => [{ type: "float32", shape: [] }],
  gradient: ({ inputs: [x] }, [dy]) => [multiply(add(x!, x!), dy!)],
  onnx: (emit, inputs, outputs) => emit.node("ReduceSumSquare", inputs, outputs, { keepdims: 0 }),
  tfjs: (tf, [x]) => [tf.sum(tf.square(x!))],
});

/** Sum of the squares of all elements, of no axes. */
export function sumOfSquares(x: Tensor): Tensor {
  return squaresOperation([x], {})[0]!;
}

const argMaxOperation = operation<Record<string, never>>("argMax", {
  infer: ([x]) => [{ type: "int32", shape: x!.shape.slice(0, -1) }],
  onnx: (emit, inputs, outputs) => {
    const index = emit.temporary();
    emit.node("ArgMax", inputs, [index], { axis: -1, keepdims: 0 });
    emit.node("Cast", [index], outputs, { to: emit.dataType("int32") });
  },
  tfjs: (tf, [x]) => [tf.argMax(x!, -1)],
});

/** Index of the largest element of the last axis, the first one where several are equal. Has no gradient. */
export function argMax(x: Tensor): Tensor {
  return argMaxOperation([x], {})[0]!;
}
