import { operation, shapeError, type Tensor } from "../graph.js";
import { matmul } from "./matmul.js";
import { concat, split, zeros } from "./shape.js";

const pairOperation = operation<Record<string, never>>("linearPair", {
  infer: (inputs) => {
    const [x, a, b] = inputs as [Tensor, Tensor, Tensor];
    if (a.shape[1] !== x.shape[1] || b.shape[1] !== x.shape[1]) {
      throw shapeError("linearPair", inputs, "x [N, in], A [p, in] and B [q, in]");
    }
    return [a, b].map(({ shape }) => ({ type: "float32", shape: [x.shape[0]!, shape[0]!] }));
  },
  // Forward two products cost less than one and a cut of its result; backward joining costs less than a second sum over dx.
  gradient: ({ inputs: [x, a, b], outputs }, gradients, needs) => {
    const [dh, dl] = outputs.map((output, index) => gradients[index] ?? zeros(output)) as [Tensor, Tensor];
    const joint = concat([dh, dl], 1);
    const dx = needs[0] ? matmul(joint, concat([a!, b!], 0)) : undefined;
    if (!needs[1] && !needs[2]) return [dx, undefined, undefined];
    const weights = matmul(joint, x!, true, false);
    return [dx, ...split(weights, [a!.shape[0]!, b!.shape[0]!], 0)];
  },
  onnx: (emit, [x, a, b], [h, l]) => {
    emit.node("Gemm", [x!, a!], [h!], { transB: 1 });
    emit.node("Gemm", [x!, b!], [l!], { transB: 1 });
  },
  tfjs: (tf, [x, a, b]) => [tf.matMul(x!, a!, false, true), tf.matMul(x!, b!, false, true)],
});

/** Two linear layers of the same rows: x A^T and x B^T. x [N, in], A [p, in], B [q, in] -> [N, p], [N, q]. */
export function linearPair(x: Tensor, a: Tensor, b: Tensor): readonly [Tensor, Tensor] {
  return pairOperation([x, a, b], {}) as [Tensor, Tensor];
}
