import type { Tensor as TfTensor } from "@tensorflow/tfjs";

import { operation, shapeError, type Tensor } from "../graph.js";
import { divide, multiply } from "./elementwise.js";
import { matmul } from "./matmul.js";
import { reshape } from "./shape.js";

const doraOperation = operation<{ readonly scaling: number }>("doraLinear", {
  infer: (inputs, _attributes) => {
    const [x, weight, a, b, magnitude] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const [out, width] = weight.shape as [number, number];
    const fits =
      x.shape[1] === width &&
      a.shape[1] === width &&
      b.shape[0] === out &&
      a.shape[0] === b.shape[1] &&
      magnitude.shape[0] === out;
    if (!fits) {
      throw shapeError("doraLinear", inputs, "x [N, in], W [out, in], A [r, in], B [out, r], m [out]");
    }
    return [
      { type: "float32", shape: [x.shape[0]!, out] },
      { type: "float32", shape: [x.shape[0]!, out] },
      { type: "float32", shape: weight.shape },
      { type: "float32", shape: [out] },
    ];
  },
  // The norm counts as a constant, so that only m / n stands between y and a plain adapted layer.
  gradient: ({ inputs, outputs: [, direction, merged, norm], attributes: { scaling } }, [dy], needs) => {
    const [x, , a, b, magnitude] = inputs as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const [rows, out] = dy!.shape as [number, number];
    const inner = multiply(dy!, divide(magnitude, norm!));
    const columnSum = (): Tensor => {
      const ones = x.graph.constant([1, rows], new Float32Array(rows).fill(1));
      return reshape(matmul(ones, multiply(dy!, direction!)), [out]);
    };
    return [
      needs[0] ? matmul(inner, merged!) : undefined,
      needs[1] ? matmul(inner, x, true, false) : undefined,
      needs[2] ? matmul(matmul(inner, b, false, false, scaling), x, true, false) : undefined,
      needs[3] ? matmul(inner, matmul(x, a, false, true, scaling), true, false) : undefined,
      needs[4] ? divide(columnSum(), norm!) : undefined,
    ];
  },
  onnx: (emit, [x, weight, a, b, magnitude], [y, direction, merged, norm], { attributes: { scaling } }) => {
    const ratio = emit.temporary();
    emit.node("Gemm", [b!, a!, weight!], [merged!], { alpha: { float: scaling } });
    emit.node("Gemm", [x!, merged!], [direction!], { transB: 1 });
    emit.node("ReduceL2", [merged!], [norm!], { axes: [1], keepdims: 0 });
    emit.node("Div", [magnitude!, norm!], [ratio]);
    emit.node("Mul", [direction!, ratio], [y!]);
  },
  tfjs: (tf, [x, weight, a, b, magnitude], { attributes: { scaling } }) => {
    const merged = tf.add(weight!, tf.mul(tf.matMul(b!, a!), scaling));
    const direction = tf.matMul(x!, merged, false, true);
    const constantNorm = tf.customGrad((v) => ({
      value: tf.norm(v as TfTensor, "euclidean", 1),
      gradFunc: () => tf.zerosLike(v as TfTensor),
    }));
    const norm = constantNorm(merged);
    return [tf.mul(direction, tf.div(magnitude!, norm)), direction, merged, norm];
  },
});

/**
 * y = (m / n) * (x V^T) with V = W + s B A and n the norms of the rows of V, which count as constants in the gradient.
 * x [N, in], W [out, in], A [r, in], B [out, r], m [out] -> y [N, out]. Source: Liu et al. 2024, eq. 5 and section 4.3.
 */
export function doraLinear(
  x: Tensor,
  weight: Tensor,
  a: Tensor,
  b: Tensor,
  magnitude: Tensor,
  scaling: number,
): Tensor {
  return doraOperation([x, weight, a, b, magnitude], { scaling })[0]!;
}
