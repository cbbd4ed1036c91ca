import { operation, shapeError, type Tensor } from "../graph.js";
import { multiply, subtract } from "./elementwise.js";
import { matmul } from "./matmul.js";
import { reshape } from "./shape.js";

const rmsNormOperation = operation<{ readonly epsilon: number }>("rmsNorm", {
  infer: (inputs) => {
    const [x, gain] = inputs as [Tensor, Tensor];
    if (x.shape.length !== 2 || x.shape[1] !== gain.shape[0])
      throw shapeError("rmsNorm", inputs, "[N, C] and [C]");
    return [
      { type: "float32", shape: x.shape },
      { type: "float32", shape: [x.shape[0]!, 1] },
    ];
  },
  // With h = x r: dg = sum over rows of dy h, dx = r (dy g - h mean(dy g h)). Row sums are products with a vector.
  gradient: ({ inputs, outputs: [, r] }, [dy], needs) => {
    const [x, gain] = inputs as [Tensor, Tensor];
    const [rows, width] = x.shape as [number, number];
    const normal = multiply(x, r!);
    const weighted = multiply(dy!, normal);
    const ones = x.graph.constant([1, rows], new Float32Array(rows).fill(1));
    const share = x.graph.scalar(1 / width);
    const meanOf = (): Tensor => matmul(weighted, reshape(multiply(gain, share), [width, 1]));
    return [
      needs[0] ? multiply(subtract(multiply(dy!, gain), multiply(normal, meanOf())), r!) : undefined,
      needs[1] ? reshape(matmul(ones, weighted), [width]) : undefined,
    ];
  },
  onnx: (emit, inputs, outputs, { attributes: { epsilon } }) =>
    emit.node("SimplifiedLayerNormalization", inputs, outputs, {
      axis: -1,
      epsilon: { float: epsilon },
      stash_type: 1,
    }),
  tfjs: (tf, [x, gain], { attributes: { epsilon } }) => {
    const r = tf.rsqrt(tf.add(tf.mean(tf.square(x!), -1, true), epsilon));
    return [tf.mul(tf.mul(x!, r), gain!), r];
  },
});

/**
 * y = x / sqrt(mean(x^2) + epsilon) * g over the last axis. x [N, C], g [C] -> y [N, C].
 * Source: Zhang & Sennrich 2019, eq. 4.
 */
export function rmsNorm(x: Tensor, gain: Tensor, epsilon: number): Tensor {
  return rmsNormOperation([x, gain], { epsilon })[0]!;
}
