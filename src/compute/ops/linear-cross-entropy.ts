import { operation, shapeError, type Tensor } from "../graph.js";
import { add, multiply, subtract } from "./elementwise.js";
import { gatherRows } from "./gather.js";
import { linearLogSumExp } from "./linear-log-sum-exp.js";
import { linear, matmul } from "./matmul.js";
import { reduceSum } from "./reduce.js";
import { reshape } from "./shape.js";
import { softmax } from "./softmax.js";

/** Smallest probability of a label that still counts: -ln 1e-30 = 69 nats. */
const FLOOR = 1e-30;

const crossEntropyOperation = operation<Record<string, never>>("linearCrossEntropy", {
  infer: (inputs) => {
    const [hidden, head, labels] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const [rows, width] = hidden.shape as [number, number];
    if (head.shape[1] !== width || labels.shape[0] !== rows) {
      throw shapeError("linearCrossEntropy", inputs, "[N, C], [V, C], [N] and [N]");
    }
    return [
      { type: "float32", shape: [] },
      { type: "float32", shape: [rows] },
      { type: "float32", shape: [rows, head.shape[0]!] },
    ];
  },
  // d logits = w (p - onehot). The row weights w go onto the thin sides of the two products.
  gradient: ({ inputs, outputs: [, , probabilities] }, [dLoss, dRows], needs) => {
    const [hidden, head, labels, weights] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const rows = hidden.shape[0]!;
    const fromLoss = dLoss === undefined ? undefined : multiply(weights, dLoss);
    const scale = reshape(
      fromLoss === undefined ? dRows! : dRows === undefined ? fromLoss : add(fromLoss, dRows),
      [rows, 1],
    );
    const error = subtractOneHot(probabilities!, labels);
    return [
      needs[0] ? multiply(matmul(error, head), scale) : undefined,
      needs[1] ? matmul(error, multiply(hidden, scale), true, false) : undefined,
      undefined,
      undefined,
    ];
  },
  onnx: (emit, [hidden, head, labels, weights], [loss, rowLoss, probabilities], { inputs: [h] }) => {
    const [logits, index, own, floored, log, column, weighted] = Array.from({ length: 7 }, () =>
      emit.temporary(),
    );
    const rows = h!.shape[0]!;
    emit.node("Gemm", [hidden!, head!], [logits!], { transB: 1 });
    emit.node("Softmax", [logits!], [probabilities!], { axis: -1 });
    emit.node("Reshape", [labels!, emit.integers([rows, 1])], [index!]);
    emit.node("GatherElements", [probabilities!, index!], [own!], { axis: 1 });
    emit.node("Max", [own!, emit.scalar(FLOOR)], [floored!]);
    emit.node("Log", [floored!], [log!]);
    emit.node("Neg", [log!], [column!]);
    emit.node("Reshape", [column!, emit.integers([rows])], [rowLoss!]);
    emit.node("Mul", [rowLoss!, weights!], [weighted!]);
    emit.node("ReduceSum", [weighted!, emit.integers([0])], [loss!], { keepdims: 0 });
  },
  tfjs: (tf, [hidden, head, labels, weights], { inputs: [, table] }) => {
    const logits = tf.matMul(hidden!, head!, false, true);
    const oneHot = tf.oneHot(labels!.toInt() as ReturnType<typeof tf.tensor1d>, table!.shape[0]!).toFloat();
    const rowLoss = tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), oneHot), -1));
    return [tf.sum(tf.mul(rowLoss, weights!)), rowLoss, tf.softmax(logits)];
  },
});

const oneHotOperation = operation<Record<string, never>>("subtractOneHot", {
  infer: ([probabilities]) => [{ type: "float32", shape: probabilities!.shape }],
  onnx: (emit, [probabilities, labels], outputs, { inputs: [p] }) => {
    const [index, own, less] = [emit.temporary(), emit.temporary(), emit.temporary()];
    emit.node("Reshape", [labels!, emit.integers([p!.shape[0]!, 1])], [index]);
    emit.node("GatherElements", [probabilities!, index], [own], { axis: 1 });
    emit.node("Sub", [own, emit.scalar(1)], [less]);
    emit.node("ScatterElements", [probabilities!, index, less], outputs, { axis: 1 });
  },
  tfjs: (tf, [probabilities, labels], { inputs: [p] }) => [
    tf.sub(
      probabilities!,
      tf.oneHot(labels!.toInt() as ReturnType<typeof tf.tensor1d>, p!.shape[1]!).toFloat(),
    ),
  ],
});

/** p - onehot(labels). p [N, V], labels int32 [N] -> [N, V]. Has no gradient. */
function subtractOneHot(probabilities: Tensor, labels: Tensor): Tensor {
  return oneHotOperation([probabilities, labels], {})[0]!;
}

/** Results of `linearCrossEntropy`. */
export interface CrossEntropy {
  /** sum_n weights_n * rowLoss_n, of no axes. */
  readonly loss: Tensor;
  /** -ln p(label) per row, nats, [N]. */
  readonly rowLoss: Tensor;
  /** p over the vocabulary, [N, V]. */
  readonly probabilities: Tensor;
}

/** Vocabularies above this are computed in chunks of `CHUNK` pieces; measured, see `test/bench/memory.ts`. */
const WHOLE = 8192;
const CHUNK = 4096;

/**
 * Cross-entropy of a linear head: p = softmax(h W^T), loss = sum_n w_n (-ln p_n[label_n]).
 * hidden [N, C], head [V, C], labels int32 [N] in [0, V), weights [N] -> loss [], rowLoss [N], probabilities [N, V].
 * A label's probability counts as at least 1e-30; chunks need no such floor. Above 8,192 pieces the [N, V] logits are never whole, unless
 * `probabilities` is used: forward and gradient run over `chunk` pieces of the vocabulary at a time.
 */
export function linearCrossEntropy(
  hidden: Tensor,
  head: Tensor,
  labels: Tensor,
  weights: Tensor,
  chunk: number = head.shape[0]! > WHOLE ? CHUNK : head.shape[0]!,
): CrossEntropy {
  if (chunk < head.shape[0]!) return chunkedCrossEntropy(hidden, head, labels, weights, chunk);
  const [loss, rowLoss, probabilities] = crossEntropyOperation([hidden, head, labels, weights], {});
  return { loss: loss!, rowLoss: rowLoss!, probabilities: probabilities! };
}

// -ln p(label) = ln sum_v e^(h . W_v) - h . W_label.
function chunkedCrossEntropy(
  hidden: Tensor,
  head: Tensor,
  labels: Tensor,
  weights: Tensor,
  chunk: number,
): CrossEntropy {
  const own = reduceSum(multiply(hidden, gatherRows(head, labels)), [1]);
  const total = reshape(linearLogSumExp(hidden, head, chunk), own.shape);
  const rowLoss = subtract(total, own);
  return {
    loss: reduceSum(multiply(rowLoss, weights), [0]),
    rowLoss,
    probabilities: softmax(linear(hidden, head)),
  };
}
