import { operation, type Tensor } from "../graph.js";
import { multiply, negate, sigmoid } from "./elementwise.js";
import { emitLog1p } from "./log1p.js";

const logSigmoidOperation = operation<Record<string, never>>("logSigmoid", {
  infer: ([x]) => [{ type: "float32", shape: x!.shape }],
  gradient: ({ inputs: [x] }, [dy]) => [multiply(dy!, sigmoid(negate(x!)))],
  onnx: (emit, [x], [y]) => {
    const [least, size, down, small, log] = Array.from({ length: 5 }, () => emit.temporary());
    emit.node("Min", [x!, emit.scalar(0)], [least!]);
    emit.node("Abs", [x!], [size!]);
    emit.node("Neg", [size!], [down!]);
    emit.node("Exp", [down!], [small!]);
    emitLog1p(emit, small!, log!);
    emit.node("Sub", [least!, log!], [y!]);
  },
  // tf.logSigmoid reads a tensor that it has disposed of when it is differentiated inside tidy.
  tfjs: (tf, [x]) => [tf.neg(tf.softplus(tf.neg(x!)))],
});

/** y = ln(1 / (1 + e^-x)) = min(x, 0) - ln(1 + e^-|x|), for every finite x without overflow. */
export function logSigmoid(x: Tensor): Tensor {
  return logSigmoidOperation([x], {})[0]!;
}
