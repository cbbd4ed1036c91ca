import { operation, shapeError, type Tensor } from "../graph.js";
import { matmul } from "./matmul.js";

const addProductOperation = operation<{ readonly scaling: number }>("addProduct", {
  infer: (inputs) => {
    const [base, u, v] = inputs as [Tensor, Tensor, Tensor];
    const fits = u.shape[0] === base.shape[0] && v.shape[0] === base.shape[1] && u.shape[1] === v.shape[1];
    if (!fits) throw shapeError("addProduct", inputs, "[N, out], u [N, r] and v [out, r]");
    return [{ type: "float32", shape: base.shape }];
  },
  gradient: ({ inputs: [, u, v], attributes: { scaling } }, [dy], needs) => [
    dy,
    needs[1] ? matmul(dy!, v!, false, false, scaling) : undefined,
    needs[2] ? matmul(dy!, u!, true, false, scaling) : undefined,
  ],
  onnx: (emit, [base, u, v], outputs, { attributes: { scaling } }) =>
    emit.node("Gemm", [u!, v!, base!], outputs, { transB: 1, alpha: { float: scaling } }),
  tfjs: (tf, [base, u, v], { attributes: { scaling } }) => [
    tf.add(base!, tf.mul(tf.matMul(u!, v!, false, true), scaling)),
  ],
});

/** y = base + s u v^T in one product. base [N, out], u [N, r], v [out, r] -> [N, out]. */
export function addProduct(base: Tensor, u: Tensor, v: Tensor, scaling: number): Tensor {
  return addProductOperation([base, u, v], { scaling })[0]!;
}
