import type { Tensor as TfTensor } from "@tensorflow/tfjs";

import { broadcastShape, operation, type Tensor, type Tfjs } from "../graph.js";
import { reduceSum } from "./reduce.js";
import { reshape } from "./shape.js";

type Binary = (a: Tensor, b: Tensor) => Tensor;

function binary(
  name: string,
  onnxType: string,
  tfjs: (tf: Tfjs, a: TfTensor, b: TfTensor) => TfTensor,
  gradients?: (a: Tensor, b: Tensor, y: Tensor, dy: Tensor) => readonly [() => Tensor, () => Tensor],
): Binary {
  const apply = operation<Record<string, never>>(name, {
    infer: (inputs) => [{ type: "float32", shape: broadcastShape(name, inputs) }],
    ...(gradients === undefined
      ? {}
      : {
          gradient: ({ inputs: [a, b], outputs: [y] }, [dy], needs) => {
            const [da, db] = gradients(a!, b!, y!, dy!);
            return [needs[0] ? reduceTo(da(), a!) : undefined, needs[1] ? reduceTo(db(), b!) : undefined];
          },
        }),
    onnx: (emit, inputs, outputs) => emit.node(onnxType, inputs, outputs),
    tfjs: (tf, [a, b]) => [tfjs(tf, a!, b!)],
  });
  return (a, b) => apply([a, b], {})[0]!;
}

/** Sums a gradient over the axes along which `to` was broadcast. */
function reduceTo(gradient: Tensor, to: Tensor): Tensor {
  const extra = gradient.shape.length - to.shape.length;
  const axes = gradient.shape.flatMap((size, axis) =>
    axis < extra || (to.shape[axis - extra] === 1 && size !== 1) ? [axis] : [],
  );
  const summed = axes.length === 0 ? gradient : reduceSum(gradient, axes);
  return `${summed.shape}` === `${to.shape}` ? summed : reshape(summed, to.shape);
}

/** y = a + b, with broadcasting. */
export const add: Binary = binary(
  "add",
  "Add",
  (tf, a, b) => tf.add(a, b),
  (_a, _b, _y, dy) => [() => dy, () => dy],
);

/** y = a - b, with broadcasting. */
export const subtract: Binary = binary(
  "subtract",
  "Sub",
  (tf, a, b) => tf.sub(a, b),
  (_a, _b, _y, dy) => [() => dy, () => negate(dy)],
);

/** y = a * b, elementwise with broadcasting. */
export const multiply: Binary = binary(
  "multiply",
  "Mul",
  (tf, a, b) => tf.mul(a, b),
  (a, b, _y, dy) => [() => multiply(dy, b), () => multiply(dy, a)],
);

/** y = a / b, elementwise with broadcasting. */
export const divide: Binary = binary(
  "divide",
  "Div",
  (tf, a, b) => tf.div(a, b),
  (_a, b, y, dy) => [() => divide(dy, b), () => negate(divide(multiply(dy, y), b))],
);

/** y = min(a, b), elementwise with broadcasting. Has no gradient. */
export const minimum: Binary = binary("minimum", "Min", (tf, a, b) => tf.minimum(a, b));

const negateOperation = operation<Record<string, never>>("negate", {
  infer: ([x]) => [{ type: "float32", shape: x!.shape }],
  gradient: (_call, [dy]) => [negate(dy!)],
  onnx: (emit, inputs, outputs) => emit.node("Neg", inputs, outputs),
  tfjs: (tf, [x]) => [tf.neg(x!)],
});

/** y = -x. */
export function negate(x: Tensor): Tensor {
  return negateOperation([x], {})[0]!;
}

const sqrtOperation = operation<Record<string, never>>("sqrt", {
  infer: ([x]) => [{ type: "float32", shape: x!.shape }],
  gradient: ({ outputs: [y] }, [dy]) => [divide(dy!, add(y!, y!))],
  onnx: (emit, inputs, outputs) => emit.node("Sqrt", inputs, outputs),
  tfjs: (tf, [x]) => [tf.sqrt(x!)],
});

/** y = sqrt(x), x >= 0. */
export function sqrt(x: Tensor): Tensor {
  return sqrtOperation([x], {})[0]!;
}

const sigmoidOperation = operation<Record<string, never>>("sigmoid", {
  infer: ([x]) => [{ type: "float32", shape: x!.shape }],
  gradient: ({ outputs: [y] }, [dy]) => [multiply(dy!, subtract(y!, multiply(y!, y!)))],
  onnx: (emit, inputs, outputs) => emit.node("Sigmoid", inputs, outputs),
  tfjs: (tf, [x]) => [tf.sigmoid(x!)],
});

/** y = 1 / (1 + e^-x). */
export function sigmoid(x: Tensor): Tensor {
  return sigmoidOperation([x], {})[0]!;
}

const siluOperation = operation<Record<string, never>>("silu", {
  infer: ([x]) => [
    { type: "float32", shape: x!.shape },
    { type: "float32", shape: x!.shape },
  ],
  // dy/dx = s + y - y s with s = sigmoid(x).
  gradient: ({ outputs: [y, s] }, [dy]) => [multiply(dy!, add(s!, subtract(y!, multiply(y!, s!))))],
  onnx: (emit, [x], [y, s]) => {
    emit.node("Sigmoid", [x!], [s!]);
    emit.node("Mul", [x!, s!], [y!]);
  },
  tfjs: (tf, [x]) => {
    const s = tf.sigmoid(x!);
    return [tf.mul(x!, s), s];
  },
});

/** y = x * sigmoid(x). Elfwing et al. 2018. */
export function silu(x: Tensor): Tensor {
  return siluOperation([x], {})[0]!;
}
