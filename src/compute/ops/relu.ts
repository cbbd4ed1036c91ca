import { operation, type Tensor } from "../graph.js";
import { multiply } from "./elementwise.js";

const reluOperation = operation<Record<string, never>>("relu", {
  infer: ([x]) => [{ type: "float32", shape: x!.shape }],
  gradient: ({ inputs: [x] }, [dy]) => [multiply(dy!, isPositive(x!))],
  onnx: (emit, inputs, outputs) => emit.node("Relu", inputs, outputs),
  tfjs: (tf, [x]) => [tf.relu(x!)],
});

/** y = max(x, 0); its gradient at 0 is 0. */
export function relu(x: Tensor): Tensor {
  return reluOperation([x], {})[0]!;
}

const positiveOperation = operation<Record<string, never>>("isPositive", {
  infer: ([x]) => [{ type: "float32", shape: x!.shape }],
  onnx: (emit, [x], outputs) => {
    const above = emit.temporary();
    emit.node("Greater", [x!, emit.scalar(0)], [above]);
    emit.node("Cast", [above], outputs, { to: emit.dataType("float32") });
  },
  tfjs: (tf, [x]) => [tf.step(x!)],
});

/** 1 where x > 0, else 0. Has no gradient. */
export function isPositive(x: Tensor): Tensor {
  return positiveOperation([x], {})[0]!;
}
