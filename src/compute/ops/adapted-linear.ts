import { operation, shapeError, type Tensor } from "../graph.js";
import { matmul } from "./matmul.js";

const adaptedOperation = operation<{ readonly scaling: number }>("adaptedLinear", {
  infer: (inputs) => {
    const [x, weight, a, b] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const [out, width] = weight.shape as [number, number];
    if (x.shape[1] !== width || a.shape[1] !== width || b.shape[0] !== out || a.shape[0] !== b.shape[1]) {
      throw shapeError("adaptedLinear", inputs, "x [N, in], W [out, in], A [r, in], B [out, r]");
    }
    return [
      { type: "float32", shape: [x.shape[0]!, out] },
      { type: "float32", shape: weight.shape },
    ];
  },
  // The thin products keep the cost of dA and dB at N r (in + out); the full dW is never formed unless W trains too.
  gradient: ({ inputs, outputs: [, merged], attributes: { scaling } }, [dy], needs) => {
    const [x, , a, b] = inputs as [Tensor, Tensor, Tensor, Tensor];
    return [
      needs[0] ? matmul(dy!, merged!) : undefined,
      needs[1] ? matmul(dy!, x, true, false) : undefined,
      needs[2] ? matmul(matmul(dy!, b, false, false, scaling), x, true, false) : undefined,
      needs[3] ? matmul(dy!, matmul(x, a, false, true, scaling), true, false) : undefined,
    ];
  },
  onnx: (emit, [x, weight, a, b], [y, merged], { attributes: { scaling } }) => {
    emit.node("Gemm", [b!, a!, weight!], [merged!], { alpha: { float: scaling } });
    emit.node("Gemm", [x!, merged!], [y!], { transB: 1 });
  },
  tfjs: (tf, [x, weight, a, b], { attributes: { scaling } }) => {
    const merged = tf.add(weight!, tf.mul(tf.matMul(b!, a!), scaling));
    return [tf.matMul(x!, merged, false, true), merged];
  },
});

/**
 * y = x (W + s B A)^T, a linear layer with a low-rank update.
 * x [N, in], W [out, in], A [r, in], B [out, r] -> y [N, out]. Source: Hu et al. 2021, eq. 3.
 */
export function adaptedLinear(x: Tensor, weight: Tensor, a: Tensor, b: Tensor, scaling: number): Tensor {
  return adaptedOperation([x, weight, a, b], { scaling })[0]!;
}
