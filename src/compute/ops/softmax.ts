import { operation, type Tensor } from "../graph.js";
import { multiply, subtract } from "./elementwise.js";
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
