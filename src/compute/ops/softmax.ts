import { operation, shapeError, type Tensor } from "../graph.js";
import { multiply, subtract } from "./elementwise.js";
import { matmul } from "./matmul.js";
import { reduceSum } from "./reduce.js";
import { reshape } from "./shape.js";

const softmaxOperation = operation<Record<string, never>>("softmax", {
  infer: ([x]) => [{ type: "float32", shape: x!.shape }],
  gradient: ({ outputs: [y] }, [dy]) => {
    const last = y!.shape.length - 1;
    const dot = reduceSum(multiply(dy!, y!), [last]);
    return [multiply(y!, subtract(dy!, reshape(dot, [...dot.shape, 1])))];
  },
  onnx: (emit, inputs, outputs) => emit.node("Softmax", inputs, outputs, { axis: -1 }),
  tfjs: (tf, [x]) => [tf.softmax(x!)],
});

/** y = e^x / sum e^x over the last axis. */
export function softmax(x: Tensor): Tensor {
  return softmaxOperation([x], {})[0]!;
}

const softmaxProductOperation = operation<Record<string, never>>("softmaxProduct", {
  infer: (inputs) => {
    const [x, v] = inputs as [Tensor, Tensor];
    const fits = x.shape.at(-1) === v.shape.at(-2) && `${x.shape.slice(0, -2)}` === `${v.shape.slice(0, -2)}`;
    if (!fits) throw shapeError("softmaxProduct", inputs, "[.., M, K] and [.., K, N]");
    return [
      { type: "float32", shape: x.shape.with(-1, v.shape.at(-1)!) },
      { type: "float32", shape: x.shape },
    ];
  },
  // With p = softmax(x): dp = dy V^T, dx = p (dp - rowsum(dp p)), and rowsum(dp p) = rowsum(dy y) is the shorter sum.
  gradient: ({ inputs: [, v], outputs: [y, p] }, [dy], needs) => {
    const dot = reduceSum(multiply(dy!, y!), [y!.shape.length - 1]);
    const centred = (): Tensor => subtract(matmul(dy!, v!, false, true), reshape(dot, [...dot.shape, 1]));
    return [
      needs[0] ? multiply(p!, centred()) : undefined,
      needs[1] ? matmul(p!, dy!, true, false) : undefined,
    ];
  },
  onnx: (emit, [x, v], [y, p]) => {
    emit.node("Softmax", [x!], [p!], { axis: -1 });
    emit.node("MatMul", [p!, v!], [y!]);
  },
  tfjs: (tf, [x, v]) => {
    const p = tf.softmax(x!);
    return [tf.matMul(p, v!), p];
  },
});

/** y = softmax(x) V over the last two axes. x [.., M, K], V [.., K, N] -> y [.., M, N]. */
export function softmaxProduct(x: Tensor, v: Tensor): Tensor {
  return softmaxProductOperation([x, v], {})[0]!;
}
