import type { Emitter } from "../onnx.js";
import { operation, shapeError, type Tensor } from "../graph.js";

interface ChunkAttributes {
  /** Rows of the matrix that are multiplied at a time, at least 1. */
  readonly chunk: number;
}

const logSumExpOperation = operation<ChunkAttributes>("linearLogSumExp", {
  infer: (inputs) => {
    const [hidden, head] = inputs as [Tensor, Tensor];
    if (hidden.shape[1] !== head.shape[1]) throw shapeError("linearLogSumExp", inputs, "[N, C] and [V, C]");
    return [{ type: "float32", shape: [hidden.shape[0]!, 1] }];
  },
  gradient: ({ inputs: [hidden, head], outputs: [y], attributes: { chunk } }, [dy], needs) =>
    gradientOperation([hidden!, head!, y!, dy!], { chunk, needs }),
  onnx: (emit, [hidden, head], outputs, { inputs: [, table], attributes: { chunk } }) => {
    const parts = pieces(emit, head!, table!, chunk).map((piece) => {
      const logits = emit.temporary();
      emit.node("Gemm", [hidden!, piece], [logits], { transB: 1 });
      return emitLogSumExp(emit, logits);
    });
    const all = emit.temporary();
    emit.node("Concat", parts, [all], { axis: 1 });
    emitLogSumExp(emit, all, outputs[0]);
  },
  tfjs: (tf, [hidden, head]) => [tf.logSumExp(tf.matMul(hidden!, head!, false, true), 1, true)],
});

// dh = g * (p W) and dW = p^T (g * h) with p = e^(h W^T - y), one chunk of the vocabulary after the other.
const gradientOperation = operation<ChunkAttributes & { readonly needs: readonly boolean[] }>(
  "linearLogSumExpGradient",
  {
    infer: ([hidden, head], { needs }) => [
      { type: "float32", shape: needs[0] ? hidden!.shape : [] },
      { type: "float32", shape: needs[1] ? head!.shape : [] },
    ],
    onnx: (emit, [hidden, head, y, dy], outputs, { inputs: [, table], attributes: { chunk, needs } }) => {
      const [minus, weighted] = [emit.temporary(), emit.temporary()];
      emit.node("Neg", [y!], [minus]);
      emit.node("Mul", [hidden!, dy!], [weighted]);
      let sum: string | undefined;
      const parts = pieces(emit, head!, table!, chunk).map((piece) => {
        const [logits, p, part, next] = Array.from({ length: 4 }, () => emit.temporary());
        emit.node("Gemm", [hidden!, piece, minus], [logits!], { transB: 1 });
        emit.node("Exp", [logits!], [p!]);
        if (needs[1]) emit.node("Gemm", [p!, weighted], [part!], { transA: 1 });
        if (needs[0]) emit.node("Gemm", sum === undefined ? [p!, piece] : [p!, piece, sum], [next!]);
        sum = next;
        return part!;
      });
      if (needs[0]) emit.node("Mul", [sum!, dy!], [outputs[0]!]);
      else emit.node("Identity", [emit.scalar(0)], [outputs[0]!]);
      if (needs[1]) emit.node("Concat", parts, [outputs[1]!], { axis: 0 });
      else emit.node("Identity", [emit.scalar(0)], [outputs[1]!]);
    },
    tfjs: (tf, [hidden, head, y, dy], { attributes: { needs } }) => {
      const p = tf.exp(tf.sub(tf.matMul(hidden!, head!, false, true), y!));
      return [
        needs[0] ? tf.mul(tf.matMul(p, head!), dy!) : tf.scalar(0),
        needs[1] ? tf.matMul(p, tf.mul(hidden!, dy!), true, false) : tf.scalar(0),
      ];
    },
  },
);

/** Consecutive rows of the matrix, `chunk` at a time. */
function pieces(emit: Emitter, head: string, { shape }: Tensor, chunk: number): string[] {
  return Array.from({ length: Math.ceil(shape[0]! / chunk) }, (_, index) => {
    const piece = emit.temporary();
    const [from, to] = [index * chunk, Math.min((index + 1) * chunk, shape[0]!)];
    emit.node("Slice", [head, emit.integers([from]), emit.integers([to]), emit.integers([0])], [piece]);
    return piece;
  });
}

/** ln sum e^x over axis 1, which stays with size 1. */
function emitLogSumExp(emit: Emitter, x: string, y: string = emit.temporary()): string {
  const [largest, less, power, total, log] = Array.from({ length: 5 }, () => emit.temporary());
  emit.node("ReduceMax", [x], [largest!], { axes: [1], keepdims: 1 });
  emit.node("Sub", [x, largest!], [less!]);
  emit.node("Exp", [less!], [power!]);
  emit.node("ReduceSum", [power!, emit.integers([1])], [total!], { keepdims: 1 });
  emit.node("Log", [total!], [log!]);
  emit.node("Add", [log!, largest!], [y]);
  return y;
}

/**
 * y_n = ln sum_v e^(h_n . W_v), with logits of `chunk` rows of W at a time; the gradient computes them again.
 * hidden [N, C], head [V, C] -> y [N, 1].
 */
export function linearLogSumExp(hidden: Tensor, head: Tensor, chunk: number): Tensor {
  return logSumExpOperation([hidden, head], { chunk })[0]!;
}
