import { product } from "../../core/math.js";
import { operation, shapeError, type Shape, type Tensor } from "../graph.js";
import { reduceSum } from "./reduce.js";

const reshapeOperation = operation<{ readonly shape: Shape }>("reshape", {
  infer: (inputs, { shape }) => {
    if (product(inputs[0]!.shape) !== product(shape))
      throw shapeError("reshape", inputs, `as many elements as [${shape}]`);
    return [{ type: inputs[0]!.type, shape }];
  },
  gradient: ({ inputs: [x] }, [dy]) => [reshape(dy!, x!.shape)],
  onnx: (emit, [x], outputs, { attributes: { shape } }) =>
    emit.node("Reshape", [x!, emit.integers(shape)], outputs),
  tfjs: (tf, [x], { attributes: { shape } }) => [tf.reshape(x!, [...shape])],
});

/** The same elements in row-major order under another shape. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  return `${x.shape}` === `${shape}` ? x : reshapeOperation([x], { shape })[0]!;
}

const transposeOperation = operation<{ readonly order: readonly number[] }>("transpose", {
  infer: (inputs, { order }) => {
    if (order.length !== inputs[0]!.shape.length)
      throw shapeError("transpose", inputs, `${order.length} axes`);
    return [{ type: inputs[0]!.type, shape: order.map((axis) => inputs[0]!.shape[axis]!) }];
  },
  gradient: ({ attributes: { order } }, [dy]) => [
    transpose(
      dy!,
      order.map((_, axis) => order.indexOf(axis)),
    ),
  ],
  onnx: (emit, inputs, outputs, { attributes: { order } }) =>
    emit.node("Transpose", inputs, outputs, { perm: order }),
  tfjs: (tf, [x], { attributes: { order } }) => [tf.transpose(x!, [...order])],
});

/** Axis i of the result is axis `order[i]` of x. */
export function transpose(x: Tensor, order: readonly number[]): Tensor {
  return transposeOperation([x], { order })[0]!;
}

const expandOperation = operation<{ readonly shape: Shape }>("expand", {
  infer: ([x], { shape }) => [{ type: x!.type, shape }],
  gradient: ({ inputs: [x] }, [dy]) => {
    const axes = x!.shape.flatMap((size, axis) => (size === 1 && dy!.shape[axis] !== 1 ? [axis] : []));
    return [reshape(reduceSum(dy!, axes), x!.shape)];
  },
  onnx: (emit, [x], outputs, { attributes: { shape } }) =>
    emit.node("Expand", [x!, emit.integers(shape)], outputs),
  tfjs: (tf, [x], { attributes: { shape } }) => [tf.broadcastTo(x!, [...shape])],
});

/** Repeats axes of size 1 up to `shape`, which has as many axes as x. */
export function expand(x: Tensor, shape: Shape): Tensor {
  return `${x.shape}` === `${shape}` ? x : expandOperation([x], { shape })[0]!;
}

const splitOperation = operation<{ readonly sizes: readonly number[]; readonly axis: number }>("split", {
  infer: (inputs, { sizes, axis }) => {
    const x = inputs[0]!;
    if (sizes.reduce((a, b) => a + b, 0) !== x.shape[axis])
      throw shapeError("split", inputs, `axis ${axis} of ${sizes}`);
    return sizes.map((size) => ({ type: x.type, shape: x.shape.with(axis, size) }));
  },
  gradient: ({ outputs, attributes: { axis } }, gradients) => [
    concat(
      outputs.map((output, index) => gradients[index] ?? zeros(output)),
      axis,
    ),
  ],
  onnx: (emit, [x], outputs, { attributes: { sizes, axis } }) => {
    if (sizes.length === 1) emit.node("Identity", [x!], outputs);
    else emit.node("Split", [x!, emit.integers(sizes)], outputs, { axis });
  },
  tfjs: (tf, [x], { attributes: { sizes, axis } }) => tf.split(x!, [...sizes], axis),
});

/** Consecutive pieces along an axis. */
export function split(x: Tensor, sizes: readonly number[], axis: number): readonly Tensor[] {
  return splitOperation([x], { sizes, axis });
}

const concatOperation = operation<{ readonly axis: number }>("concat", {
  infer: (inputs, { axis }) => {
    const [first] = inputs;
    const size = inputs.reduce((total, { shape }) => total + shape[axis]!, 0);
    return [{ type: first!.type, shape: first!.shape.with(axis, size) }];
  },
  gradient: ({ inputs, attributes: { axis } }, [dy]) =>
    split(
      dy!,
      inputs.map(({ shape }) => shape[axis]!),
      axis,
    ),
  onnx: (emit, inputs, outputs, { attributes: { axis } }) => emit.node("Concat", inputs, outputs, { axis }),
  tfjs: (tf, inputs, { attributes: { axis } }) => [tf.concat([...inputs], axis)],
});

/** Tensors one after another along an axis. */
export function concat(inputs: readonly Tensor[], axis: number): Tensor {
  return inputs.length === 1 ? inputs[0]! : concatOperation(inputs, { axis })[0]!;
}

/** A float32 constant of zeros of the shape of x. */
export function zeros(x: Tensor): Tensor {
  return x.graph.constant(x.shape, new Float32Array(product(x.shape)));
}
